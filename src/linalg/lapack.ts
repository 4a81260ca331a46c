import { loadLibrary, type NativeLibrary, type Routine } from "./native-library.js";

export { prepareEnvironment } from "./native-library.js";

/** The number of arguments of each Fortran subroutine, all of them pointers, and how many of them are strings, whose length is appended. */
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
 * Loads the library that SPECTRAL_LAPACK names ("none": none), else the first of the platform's usual ones.
 * @throws SpectralError that says what was tried and why it was not used
 */
export function loadLapack(wanted?: string): Lapack {
  return loadLibrary("LAPACK", lapackOf, wanted);
}

function lapackOf(library: NativeLibrary): Lapack {
  const routines = {} as Record<keyof typeof ROUTINES, Routine>;
  for (const [name, [count, strings]] of Object.entries(ROUTINES)) {
    const types = [...Array<string>(count).fill("void *"), ...Array<string>(strings).fill("size_t")];
    routines[name as keyof typeof ROUTINES] = library.find(name, "void", types);
  }
  return {
    path: library.path,
    description: library.description,
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
