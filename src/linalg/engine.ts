import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { messageOf, SpectralError, SpectrumError } from "../core/errors.js";
import { loadLapack, prepareEnvironment } from "./lapack.js";
import { lapackEngine } from "./lapack-engine.js";
import { checkedRequest } from "./request.js";
import type { Matrix, Svd, SvdEngine, SvdOptions } from "./svd.js";
import {
  compileKernel,
  rowProducts,
  tridiagonalSolver,
  wasmEngine,
  type Kernel,
  type RowProducts,
} from "./wasm-engine.js";

/** Which engine to use: "auto" is LAPACK where a library is found, else WebAssembly. */
export type EngineChoice = "wasm" | "lapack" | "auto";

export interface EngineOptions {
  /** Default "auto". */
  readonly engine?: EngineChoice;
  /** The LAPACK library, or "none". Default: the environment's SPECTRAL_LAPACK, else the platform's usual ones. */
  readonly library?: string;
  /**
   * The folder of svd.wasm, svd-relaxed.wasm and worker.js, where code was bundled away from it.
   * Default: the environment's SPECTRAL_SVD_DIR, else the folder of this module.
   */
  readonly directory?: string;
}

/**
 * An engine for the calling thread. Any failure of LAPACK, at loading or on one matrix, falls back to WebAssembly unless
 * `engine` is "lapack". On the main thread it sets OPENBLAS_NUM_THREADS and the like where they are not set.
 * @param kernel a compiled kernel to use instead of compiling one
 */
export function openEngine(options: EngineOptions = {}, kernel?: Kernel): SvdEngine {
  const choice = options.engine ?? "auto";
  const compiled = kernel ?? compileKernel(svdDirectory(options));
  if (choice === "wasm") return checked(wasmEngine(compiled));
  try {
    prepareEnvironment();
    const native = checked(lapackEngine(loadLapack(options.library), tridiagonalSolver(compiled)));
    return choice === "lapack" ? native : withFallback(native, wasmEngine(compiled));
  } catch (error) {
    if (choice === "lapack") throw error;
    return checked(wasmEngine(compiled));
  }
}

/**
 * Singular values and vectors of one matrix, computed on the calling thread; for anything large or repeated use `SvdPool`.
 * @param engine what computes it; `openEngine()` once for many matrices
 * @throws SpectrumError if the matrix has no decomposition: empty, wrong length, NaN or infinite
 */
export function svdSync(
  matrix: Matrix,
  options: SvdOptions = {},
  engine = openEngine({ engine: "wasm" }),
): Svd {
  options.signal?.throwIfAborted();
  return engine.decompose(matrix, checkedRequest(matrix, options));
}

/** Inner products of the rows of two matrices, computed by the WebAssembly kernel on the calling thread. */
export function openRowProducts(options: EngineOptions = {}): RowProducts {
  return rowProducts(compileKernel(svdDirectory(options)));
}

/** The engine, if it decomposes a small matrix rightly: a library of another integer size would not. */
function checked(engine: SvdEngine): SvdEngine {
  const [rows, columns] = [6, 5];
  const data = Float32Array.from({ length: rows * columns }, (_, i) => ((i * i) % 11) - 4);
  const { s, U, Vt } = engine.decompose({ data, rows, columns }, { name: "self-check", left: 5, right: 5 });
  for (let i = 0; i < data.length; i++) {
    const [row, column] = [Math.floor(i / columns), i % columns];
    let sum = -data[i];
    for (let k = 0; k < columns; k++) sum += U![row * columns + k] * s[k] * Vt![k * columns + column];
    if (!(Math.abs(sum) < 1e-4)) {
      throw new SpectralError(`svd: ${engine.description} computes wrong results on this machine`);
    }
  }
  return engine;
}

function withFallback(first: SvdEngine, second: SvdEngine): SvdEngine {
  return {
    description: first.description,
    decompose(matrix, request) {
      try {
        return first.decompose(matrix, request);
      } catch (error) {
        if (error instanceof SpectrumError) throw error;
        process.emitWarning(`svd: ${first.description} failed, WebAssembly takes over: ${messageOf(error)}`);
        return second.decompose(matrix, request);
      }
    },
  };
}

/** The folder that holds the kernel and the worker. @throws SpectralError if it does not */
export function svdDirectory(options: EngineOptions): string {
  const named = options.directory ?? process.env.SPECTRAL_SVD_DIR;
  const directory = named ?? ownDirectory();
  if (directory === undefined || !existsSync(join(directory, "svd.wasm"))) {
    throw new SpectralError(
      `svd: expected svd.wasm in ${directory ?? "the folder of this module"}, found none; ` +
        "run npm run build, or set SPECTRAL_SVD_DIR to the folder dist/linalg of spectral-lab",
    );
  }
  return directory;
}

/** Undefined in a bundle that has lost its own location. */
function ownDirectory(): string | undefined {
  try {
    return fileURLToPath(new URL(".", import.meta.url));
  } catch {
    return undefined;
  }
}

/** One engine, and whether it can be used here. */
export interface EngineReport {
  readonly engine: "wasm" | "lapack";
  readonly usable: boolean;
  /** What it is, or why it cannot be used. */
  readonly description: string;
}

/** What `openEngine` finds on this machine, in order of preference. */
export function describeSvdEngines(options: EngineOptions = {}): readonly EngineReport[] {
  return (["lapack", "wasm"] as const).map((engine) => {
    try {
      return { engine, usable: true, description: openEngine({ ...options, engine }).description };
    } catch (error) {
      return { engine, usable: false, description: messageOf(error) };
    }
  });
}
