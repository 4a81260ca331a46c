import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type koffi from "koffi";
import { messageOf, SpectralError } from "../core/errors.js";

type Koffi = typeof koffi;

/** A routine of a library. */
export type Routine = (...parameters: unknown[]) => unknown;

/** A loaded library of linear algebra, which computes on the calling thread alone. */
export interface NativeLibrary {
  readonly path: string;
  /** The library's own words about itself, for people: "OpenBLAS 0.3.29, SkylakeX". */
  readonly description: string;
  /** The routine `name`, a Fortran subroutine or a function of C, under whatever name. @throws SpectralError if it has none */
  find(name: string, result: string, types: readonly string[]): Routine;
}

/**
 * What is read from the environment when a library is loaded, so it has to be set before, and on the main thread: workers have
 * copies of the environment that no library sees. One BLAS thread per matrix (more cost time at these sizes; the pool's
 * threads are the parallelism), and the processor by name, because OpenBLAS before 0.3.22 takes newer Intel processors
 * for a "Prescott" and is 2 to 3 times slower (OpenBLAS issue 4267). Settings that are already there are left.
 */
export function prepareEnvironment(): void {
  const core = openblasCore();
  if (core !== undefined) process.env.OPENBLAS_CORETYPE ??= core;
  process.env.OPENBLAS_NUM_THREADS ??= "1";
  process.env.MKL_NUM_THREADS ??= "1";
  process.env.VECLIB_MAXIMUM_THREADS ??= "1";
}

/** OpenBLAS's name for a processor with this one's vector instructions; undefined where unknown. */
function openblasCore(): string | undefined {
  if (process.platform !== "linux" || process.arch !== "x64") return undefined;
  let flags: Set<string>;
  try {
    flags = new Set(/^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1].split(" "));
  } catch {
    return undefined;
  }
  if (["avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"].every((flag) => flags.has(flag)))
    return "SkylakeX";
  return flags.has("avx2") && flags.has("fma") ? "Haswell" : undefined;
}

/**
 * Loads the library that SPECTRAL_LAPACK names ("none": none), else the first of the platform's usual ones, that `use` can
 * make something of.
 * @param subject what it is for, for the error: "LAPACK"
 * @throws SpectralError that says what was tried and why it was not used
 */
export function loadLibrary<T>(
  subject: string,
  use: (library: NativeLibrary) => T,
  wanted = process.env.SPECTRAL_LAPACK,
): T {
  if (wanted === "none") throw new SpectralError(`${subject}: switched off by SPECTRAL_LAPACK=none`);
  const koffi = loadKoffi(subject);
  const failures: string[] = [];
  for (const path of wanted ? [wanted] : usualLibraries()) {
    try {
      return use(open(koffi, path, wanted !== undefined));
    } catch (error) {
      failures.push(`${path}: ${messageOf(error).split("\n")[0]}`);
    }
  }
  throw new SpectralError(`${subject}: no library could be used (${failures.join("; ")})`);
}

/** The address of the first byte of an array in this process's memory. */
export function addressOf(array: ArrayBufferView): number {
  return Number(loadKoffi("BLAS").address(array));
}

/** koffi is loaded on use, so that a platform without its binary still has the WebAssembly engine. */
function loadKoffi(subject: string): Koffi {
  try {
    return createRequire(import.meta.url)("koffi") as Koffi;
  } catch (error) {
    throw new SpectralError(`${subject}: koffi could not be loaded: ${messageOf(error)}`, { cause: error });
  }
}

function usualLibraries(): readonly string[] {
  if (process.platform === "darwin") {
    return [
      "/System/Library/Frameworks/Accelerate.framework/Accelerate",
      "/opt/homebrew/opt/openblas/lib/libopenblas.dylib",
      "/usr/local/opt/openblas/lib/libopenblas.dylib",
    ];
  }
  if (process.platform === "win32") return ["libopenblas.dll", "openblas.dll", "mkl_rt.2.dll", "mkl_rt.dll"];
  return [
    "libopenblas.so.0",
    "libopenblas.so",
    "libmkl_rt.so.2",
    "libmkl_rt.so",
    "libflexiblas.so.3",
    "liblapack.so.3",
    "liblapack.so",
  ];
}

function open(koffi: Koffi, path: string, named: boolean): NativeLibrary {
  const library = koffi.load(path);
  const findOne = (
    names: readonly string[],
    result: string,
    types: readonly string[],
  ): Routine | undefined => {
    for (const name of names) {
      try {
        return library.func(name, result, [...types]) as Routine;
      } catch {
        // not in this library
      }
    }
    return undefined;
  };
  const openblas = (name: string): string[] => [`openblas_${name}`, `scipy_openblas_${name}`];
  findOne(openblas("set_num_threads"), "void", ["int"])?.(1);
  const configuration = findOne(openblas("get_config"), "const char *", [])?.() as string | undefined;
  const core = findOne(openblas("get_corename"), "const char *", [])?.() as string | undefined;
  const isMkl = findOne(["mkl_free_buffers"], "void", []) !== undefined;
  if (
    !named &&
    configuration === undefined &&
    !isMkl &&
    process.platform === "linux" &&
    !path.includes("flexiblas")
  ) {
    throw new SpectralError(
      "it is neither OpenBLAS nor MKL, and the reference LAPACK is slower than WebAssembly",
    );
  }
  const words = configuration?.split(" ").slice(0, 2).join(" ") ?? (isMkl ? "MKL" : path);
  return {
    path,
    description: core === undefined ? words : `${words}, ${core}`,
    find(name, result, types) {
      // Accelerate since macOS 13.3; plain Fortran with 32-bit integers; plain C; SciPy's wheels.
      const names = [`${name}$NEWLAPACK`, `${name}_`, name, `scipy_${name}_`, `scipy_${name}`];
      const routine = findOne(names, result, types);
      if (routine === undefined) throw new SpectralError(`it has no ${name}`);
      return routine;
    },
  };
}
