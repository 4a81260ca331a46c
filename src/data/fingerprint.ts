import { createHash } from "node:crypto";

/** SHA-256 of a text or of bytes, hexadecimal. */
export function sha256Of(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/**
 * What examples are known by: the first 16 hexadecimal digits of SHA-256 over `parts`, each with its kind and length
 * before it. Integer arrays are taken as little-endian bytes, which every machine that runs TensorFlow.js has.
 * @param parts texts and arrays of integers, in an order that never changes; never floats that are computed here, whose
 * last bits may differ between machines
 */
export function fingerprintOf(...parts: readonly (string | Uint8Array | Uint16Array | Int32Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) {
    const bytes =
      typeof part === "string"
        ? Buffer.from(part)
        : new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
    hash.update(`${typeof part === "string" ? "text" : part.BYTES_PER_ELEMENT} ${bytes.length}\n`);
    hash.update(bytes);
  }
  return hash.digest("hex").slice(0, 16);
}
