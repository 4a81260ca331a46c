import { createHash } from "node:crypto";
import * as fs from "node:fs";
import { storeError } from "./io-error.js";

/** What a file holds, so far as two numbers tell. */
export interface FileSum {
  /** Its length. */
  readonly bytes: number;
  /** SHA-256 of its content, hexadecimal. */
  readonly sha256: string;
}

const PIECE = 2 ** 20; // bytes read at a time

/**
 * Length and SHA-256 of a file, read in pieces.
 * @param most only its first so many bytes
 * @throws StoreError if it cannot be read
 */
export function sumOfFile(path: string, most = Infinity): FileSum {
  const hash = createHash("sha256");
  let bytes = 0;
  try {
    const file = fs.openSync(path, "r");
    try {
      const piece = Buffer.alloc(PIECE);
      while (bytes < most) {
        const count = fs.readSync(file, piece, 0, Math.min(PIECE, most - bytes), bytes);
        if (count === 0) break;
        hash.update(piece.subarray(0, count));
        bytes += count;
      }
    } finally {
      fs.closeSync(file);
    }
  } catch (error) {
    throw storeError("read", path, error);
  }
  return { bytes, sha256: hash.digest("hex") };
}

/** SHA-256 of bytes, hexadecimal. */
export function sha256Of(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
