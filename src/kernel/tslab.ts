import { createRequire } from "node:module";
import type * as TypeScript from "@tslab/typescript-for-tslab";
import type * as Converter from "tslab/dist/converter.js";
import type * as Executor from "tslab/dist/executor.js";
import type * as Jupyter from "tslab/dist/jupyter.js";
import { compileCell, type CellCode } from "./cell-code.js";
import { findProblems } from "./cell-problems.js";
import type { RawSourceMap } from "./traces.js";

/**
 * tslab with the project's settings. tslab checks and runs cells; it takes no compiler options from outside, offers no
 * source maps, and copies variables between cells, so three functions of its TypeScript are wrapped before it is loaded,
 * and the last step of compiling is `cell-code.ts`. Everything that is relied on is checked here, at start, against the
 * one version it was written for.
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
  /**
   * The code to run for the cell that was converted last, or what stands against it; its source maps, innermost
   * (TypeScript) first.
   * @param known names that earlier cells declared
   */
  compileLast(source: string, known: ReadonlySet<string>): CompiledCell;
}

/** The content of a `display_data` message. */
export interface DisplayContent {
  data: Record<string, unknown>;
  metadata: Record<string, unknown>;
  transient?: { display_id?: string };
}

export interface CompiledCell extends CellCode {
  maps: RawSourceMap[];
  problems: Converter.Diagnostic[];
}

type Compiler = typeof TypeScript & {
  getPreEmitDiagnosticsOfFiles(...values: unknown[]): TypeScript.Diagnostic[];
};
type Builder = TypeScript.EmitAndSemanticDiagnosticsBuilderProgram;
type Host = TypeScript.WatchCompilerHostOfFilesAndCompilerOptions<Builder>;

export const TSLAB_VERSION = "1.0.22";
/** "Could not find a declaration file for module" */
const UNTYPED_MODULE = 7016;
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
  expect(typeof compiler.getPreEmitDiagnosticsOfFiles === "function", "its diagnostics", "none");
  expect(typeof compiler.createWatchProgram === "function", "createWatchProgram", "none");
  expect(typeof compiler.ModuleResolutionKind?.Bundler === "number", "Bundler resolution", "none");
  let last = "";
  // A copy, because the compiler's own properties are read-only.
  fromTslab.cache[compilerPath]!.exports = {
    ...compiler,
    createWatchCompilerHost: (
      roots: string[],
      options: object,
      system: TypeScript.System,
      ...rest: [undefined]
    ) =>
      compiler.createWatchCompilerHost(
        roots,
        withProjectSettings(compiler, options),
        withOwnTimers(system),
        ...rest,
      ),
    // A package without types is of type any, since a notebook is no place to declare it.
    getPreEmitDiagnosticsOfFiles: (...values: unknown[]) =>
      compiler.getPreEmitDiagnosticsOfFiles(...values).filter(({ code }) => code !== UNTYPED_MODULE),
    createWatchProgram: (host: Host) => compiler.createWatchProgram(withoutTransformers(host)),
    transpileModule: (input: string, options: TypeScript.TranspileOptions) => {
      last = input; // tslab's last call for a cell is the cell itself
      return compiler.transpileModule(input.replace(INLINE_MAP, ""), options);
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
    compileLast: (source, known) => {
      const inner = INLINE_MAP.exec(last)![1]!;
      const code = compileCell(compiler, last.replace(INLINE_MAP, ""), known);
      const maps = [parseMap(Buffer.from(inner, "base64").toString()), code.map];
      return { ...code, maps, problems: findProblems(compiler, source, code.declared) };
    },
  };
}

/** tslab's own rewriting of earlier variables and of the last expression is left out: `cell-code.ts` does both. */
function withoutTransformers(host: Host): Host {
  const afterCreate = host.afterProgramCreate!.bind(host);
  host.afterProgramCreate = (builder) => {
    const emit = builder.emit.bind(builder);
    builder.emit = (file, write, token, only, custom) =>
      emit(file, write, token, only, { ...custom, after: [] });
    afterCreate(builder);
  };
  return host;
}

/**
 * The compiler has two timers: one to compile again, which tslab fires itself at each cell, and one to look again for
 * modules that it did not find. tslab takes the second for the first, and every cell after a failed import and an
 * installation would fail. The second needs no firing: compiling again looks for the modules too.
 */
function withOwnTimers(system: TypeScript.System): TypeScript.System {
  const { setTimeout: set, clearTimeout: clear } = system;
  const searches = new Set<unknown>();
  return Object.assign(system, {
    setTimeout: (callback: (...values: unknown[]) => void, ...rest: [number]) => {
      if (callback.name !== "invalidateResolutionsOfFailedLookup") return set!(callback, ...rest) as unknown;
      const search = {};
      searches.add(search);
      return search;
    },
    clearTimeout: (timer: unknown) => {
      if (!searches.delete(timer)) clear!(timer);
    },
  });
}

/** Strict checks, `exports` of packages (so that "spectral-lab" resolves to itself), and source maps. */
function withProjectSettings(compiler: Compiler, options: object): TypeScript.CompilerOptions {
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
