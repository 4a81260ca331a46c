import { createHash } from "node:crypto";
import type { NamedArrays } from "../core/array.js";
import { canonicalJson, type Json } from "../core/hash.js";

/** SHA-256, hexadecimal, of arrays (names, types, shapes, bytes) and of something that belongs to them. */
export function checksumOf(arrays: NamedArrays, about: Json): string {
  const hash = createHash("sha256").update(canonicalJson(about));
  for (const [name, { dtype, shape, data }] of [...arrays].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(canonicalJson([name, dtype, shape]));
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest("hex");
}
