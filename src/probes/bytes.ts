/** Of an array's entry in the header of its file, without its name. */
const HEADER = 58;

/** Bytes of a float32 array in a file of arrays. */
export function arrayBytes(name: string, length: number): number {
  return 4 * length + name.length + HEADER;
}

/** The sum over some things. */
export function total<T>(things: readonly T[], bytesOf: (thing: T) => number): number {
  return things.reduce((sum, thing) => sum + bytesOf(thing), 0);
}
