import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type koffi from "koffi";
import { messageOf, SpectralError } from "../core/errors.js";

type Koffi = typeof koffi;

/** A Fortran subroutine: every argument is a pointer, strings have their length appended. */
type Subroutine = (...parameters: unknown[]) => void;

/** The number of arguments of each routine, and how many of them are strings. */
const ROUTINES = {
  dsyrk: [10, 2],
  dgemm: [13, 2],
  dsytrd: [10, 1],
  dstedc: [11, 1],
  dormtr: [13, 3],
  dpotrf: [5, 1],
  dtrsm: [11, 4],
  dgeqrf: [8, 0],
  dorgqr: [9, 0],
} as const satisfies Record<string, readonly [number, number]>;

/** A loaded LAPACK library. */
export interface Lapack {
  readonly path: string;
  /** The library's own words about itself, for people. */
  readonly description: string;
  /**
   * Calls routine `name`. Strings and numbers are passed as Fortran's CHARACTER and INTEGER; typed arrays by reference,
   * without a copy. DOUBLE scalars are given as Float64Arrays of one number.
   */
  call(name: keyof typeof ROUTINES, ...parameters: readonly (string | number | ArrayBufferView)[]): void;
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
 * Loads the library that SPECTRAL_LAPACK names ("none": none), else the first of the platform's usual ones.
 * @throws SpectralError that says what was tried and why it was not used
 */
export function loadLapack(wanted = process.env.SPECTRAL_LAPACK): Lapack {
  if (wanted === "none") throw new SpectralError("LAPACK: switched off by SPECTRAL_LAPACK=none");
  const koffi = loadKoffi();
  const failures: string[] = [];
  for (const path of wanted ? [wanted] : usualLibraries()) {
    try {
      return open(koffi, path, wanted !== undefined);
    } catch (error) {
      failures.push(`${path}: ${messageOf(error).split("\n")[0]}`);
    }
  }
  throw new SpectralError(`LAPACK: no library could be used (${failures.join("; ")})`);
}

/** koffi is loaded on use, so that a platform without its binary still has the WebAssembly engine. */
function loadKoffi(): Koffi {
  try {
    return createRequire(import.meta.url)("koffi") as Koffi;
  } catch (error) {
    throw new SpectralError(`LAPACK: koffi could not be loaded: ${messageOf(error)}`, { cause: error });
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

function open(koffi: Koffi, path: string, named: boolean): Lapack {
  const library = koffi.load(path);
  /** The first of `names` that the library exports. */
  const find = (names: readonly string[], result: string, types: string[]) => {
    for (const name of names) {
      try {
        return library.func(name, result, types);
      } catch {
        // not in this library
      }
    }
    return undefined;
  };
  const routines = {} as Record<keyof typeof ROUTINES, Subroutine>;
  for (const [name, [count, strings]] of Object.entries(ROUTINES)) {
    const types = [...Array<string>(count).fill("void *"), ...Array<string>(strings).fill("size_t")];
    // Accelerate since macOS 13.3; plain Fortran with 32-bit integers; SciPy's wheels.
    const routine = find([`${name}$NEWLAPACK`, `${name}_`, name, `scipy_${name}_`], "void", types);
    if (routine === undefined) throw new SpectralError(`it has no ${name}`);
    routines[name as keyof typeof ROUTINES] = routine as Subroutine;
  }
  const openblas = (name: string) => [`openblas_${name}`, `scipy_openblas_${name}`];
  find(openblas("set_num_threads"), "void", ["int"])?.(1);
  const configuration = find(openblas("get_config"), "const char *", [])?.() as string | undefined;
  const core = find(openblas("get_corename"), "const char *", [])?.() as string | undefined;
  const isMkl = find(["mkl_free_buffers"], "void", []) !== undefined;
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
    call(name, ...parameters) {
      const strings = parameters.filter((parameter) => typeof parameter === "string");
      routines[name](...parameters.map(byReference), ...strings.map((text) => text.length));
    },
  };
}

function byReference(parameter: string | number | ArrayBufferView): ArrayBufferView {
  if (typeof parameter === "string") return Uint8Array.from(Buffer.from(parameter, "latin1"));
  return typeof parameter === "number" ? Int32Array.of(parameter) : parameter;
}
