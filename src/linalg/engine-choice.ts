import { unknownName } from "../core/config.js";
import { ConfigError, messageOf } from "../core/errors.js";
import { openEngine } from "./engine.js";
import type { SvdEngine } from "./svd.js";

/** An engine by name. Their results agree to rounding, not to the last bit. */
export type EngineName = "wasm" | "lapack";

/** An engine that was chosen and works here. */
export interface ChosenEngine {
  readonly engine: EngineName;
  /** "LAPACK (OpenBLAS 0.3.29, SkylakeX)" */
  readonly description: string;
}

/** An engine as typed on a command line. @throws ConfigError */
export function engineNamed(text: string | undefined): EngineName | undefined {
  if (text === undefined || text === "wasm" || text === "lapack") return text;
  throw unknownName("--svd: engine", text, ["lapack", "wasm"]);
}

/** The engine that a record describes; undefined for words of neither. */
export function engineDescribed(description: string | undefined): EngineName | undefined {
  if (description?.startsWith("LAPACK")) return "lapack";
  return description?.startsWith("WebAssembly") ? "wasm" : undefined;
}

/**
 * The engine on which something is computed that may go on for long: the one that is asked for, else the one on which it was
 * begun, so that nothing becomes a mixture of two unasked; at the beginning LAPACK where a library is found, else WebAssembly.
 * @param begun how the record describes the engine that was last used, if it was begun
 * @param subject what is computed, for the error
 * @throws ConfigError naming the choices if that engine cannot be used here
 */
export function chooseEngine(
  subject: string,
  { asked, begun, open = (engine) => openEngine({ engine }) }: EngineWish,
): ChosenEngine {
  const wanted = asked ?? engineDescribed(begun);
  try {
    const engine = wanted ?? "lapack";
    return { engine, description: open(engine).description };
  } catch (error) {
    if (wanted === undefined) return { engine: "wasm", description: open("wasm").description };
    const why = asked
      ? `expected the SVD engine ${asked}, which cannot be used here`
      : `its matrices were decomposed by ${begun}, which cannot be used here`;
    const other = wanted === "lapack" ? "wasm" : "lapack";
    throw new ConfigError(
      `${subject}: ${why} (${messageOf(error)}). Make that engine usable (\`spectral doctor\` shows them), or go on with the ` +
        `other one on purpose, which the record then says: --svd ${other}`,
      { cause: error },
    );
  }
}

/** What is known when an engine is chosen. */
export interface EngineWish {
  readonly asked?: EngineName;
  readonly begun?: string;
  /** Opens an engine or throws; default this machine's. */
  readonly open?: (engine: EngineName) => Pick<SvdEngine, "description">;
}
