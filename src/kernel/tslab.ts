import { createRequire } from "node:module";
import type * as Converter from "tslab/dist/converter.js";
import type * as Executor from "tslab/dist/executor.js";
import type * as Jupyter from "tslab/dist/jupyter.js";
import { type ShorthandCompiler, withShorthand } from "./shorthand.js";
import type { RawSourceMap } from "./traces.js";

/**
 * tslab with the project's settings. tslab compiles and runs cells; it takes no compiler options from outside
 * and offers no source maps, so three functions of its TypeScript are wrapped before it is loaded. Everything that
 * is relied on is checked here, at start, against the one version it was written for.
 */
export interface Tslab {
  createConverter: typeof Converter.createConverter;
  createExecutor: typeof Executor.createExecutor;
  /** Replies to completion, inspection and kernel information requests. */
  Handler: typeof Jupyter.JupyterHandlerImpl;
  /** The version of its TypeScript, which tslab itself misreports. */
  typescript: string;
  /** Where tslab's display functions send bundles. */
  setDisplay(write: (content: DisplayContent, update: boolean) => void): void;
  /** The source maps of the cell compiled last, innermost (TypeScript) first. */
  takeMaps(): RawSourceMap[];
}

/** The content of a `display_data` message. */
export interface DisplayContent {
  data: Record<string, unknown>;
  metadata: Record<string, unknown>;
  transient?: { display_id?: string };
}

/** The parts of the TypeScript compiler that are touched. */
interface Compiler extends ShorthandCompiler {
  version: string;
  ModuleResolutionKind: { Bundler: number };
  createWatchCompilerHost(roots: string[], options: object, ...rest: unknown[]): unknown;
  transpileModule(input: string, options: { compilerOptions: object }): TranspileOutput;
}
interface TranspileOutput {
  outputText: string;
  sourceMapText?: string;
}

export const TSLAB_VERSION = "1.0.22";
const INLINE_MAP = /\n?\/\/# sourceMappingURL=data:application\/json[^,]*,(\S+)\s*$/;

/** @throws Error if the installed tslab is not the one this was written for */
export function loadTslab(): Tslab {
  const require = createRequire(import.meta.url);
  const manifest = require.resolve("tslab/package.json");
  const { version } = require(manifest) as { version: string };
  expect(version === TSLAB_VERSION, `version ${TSLAB_VERSION}`, `version ${version}`);

  const fromTslab = createRequire(manifest);
  const compilerPath = fromTslab.resolve("@tslab/typescript-for-tslab");
  const compiler = fromTslab(compilerPath) as Compiler;
  expect(typeof compiler.createWatchCompilerHost === "function", "createWatchCompilerHost", "none");
  expect(typeof compiler.transpileModule === "function", "transpileModule", "none");
  expect(typeof compiler.createWatchProgram === "function", "createWatchProgram", "none");
  expect(typeof compiler.ModuleResolutionKind?.Bundler === "number", "Bundler resolution", "none");
  let maps: RawSourceMap[] = [];
  // A copy, because the compiler's own properties are read-only.
  fromTslab.cache[compilerPath]!.exports = {
    ...compiler,
    createWatchCompilerHost: (roots: string[], options: object, ...rest: unknown[]) =>
      compiler.createWatchCompilerHost(roots, withProjectSettings(compiler, options), ...rest),
    createWatchProgram: withShorthand(compiler),
    transpileModule: (input: string, options: { compilerOptions: object }) => {
      const inner = INLINE_MAP.exec(input);
      const output = compiler.transpileModule(input.replace(INLINE_MAP, ""), {
        ...options,
        compilerOptions: { ...options.compilerOptions, sourceMap: true },
      });
      if (inner)
        maps = [parseMap(Buffer.from(inner[1]!, "base64").toString()), parseMap(output.sourceMapText!)];
      return { ...output, outputText: output.outputText.replace(/\/\/# sourceMappingURL=.*\s*$/, "") };
    },
  };

  const converter = fromTslab("./dist/converter.js") as typeof Converter;
  const executor = fromTslab("./dist/executor.js") as typeof Executor;
  const jupyter = fromTslab("./dist/jupyter.js") as typeof Jupyter & { lastWriteDisplayData: unknown };
  expect(typeof converter.createConverter === "function", "createConverter", "none");
  expect(typeof executor.createExecutor === "function", "createExecutor", "none");
  expect(typeof jupyter.JupyterHandlerImpl === "function", "JupyterHandlerImpl", "none");
  expect(jupyter.lastWriteDisplayData === null, "lastWriteDisplayData", "none");
  return {
    createConverter: converter.createConverter,
    createExecutor: executor.createExecutor,
    Handler: jupyter.JupyterHandlerImpl,
    typescript: compiler.version,
    setDisplay: (write) => {
      jupyter.lastWriteDisplayData = write;
    },
    takeMaps: () => maps.splice(0),
  };
}

/** Strict checks, `exports` of packages (so that "spectral-lab" resolves to itself), and source maps. */
function withProjectSettings(compiler: Compiler, options: object): object {
  return {
    ...options,
    strict: true,
    lib: ["lib.es2023.d.ts"],
    moduleResolution: compiler.ModuleResolutionKind.Bundler,
    types: ["node"],
    inlineSourceMap: true,
  };
}

function parseMap(text: string): RawSourceMap {
  return JSON.parse(text) as RawSourceMap;
}

function expect(holds: boolean, expected: string, found: string): asserts holds {
  if (holds) return;
  throw new Error(
    `kernel: tslab is not the one this kernel was written for: expected ${expected}, found ${found}. ` +
      `Run "npm ci" in the project's folder; src/kernel/tslab.ts lists what it relies on.`,
  );
}
