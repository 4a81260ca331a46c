import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { DataError, messageOf } from "../core/errors.js";
import { writeFileAtomic } from "../core/files/atomic.js";
import { fields, named, oneOf, sha256, text, whole } from "../core/schema.js";
import { exists, readData } from "./files.js";

/** What is recorded in `<file>.json` beside a file or folder that was downloaded or unpacked. */
export interface Receipt {
  /** Where the bytes came from: an address, or the archive that was unpacked. */
  readonly source: string;
  /**
   * How the bytes of `source` were known to be right: a published SHA-256 or MD5, or only their form and length. Only the
   * first two let the files be called by the public set's name.
   */
  readonly checkedBy: "sha256" | "md5" | "form";
  /** SHA-256 and length of each file, by its path relative to the folder; one entry under "" for a file. */
  readonly files: Readonly<Record<string, Digest>>;
}

export interface Digest {
  readonly bytes: number;
  readonly sha256: string;
}

/** What a receipt must be, whoever wrote it. */
const receiptRule = fields({
  source: text(5000),
  checkedBy: oneOf("sha256", "md5", "form"),
  files: named(fields({ "bytes?": whole(), sha256 }), 10_000_000),
});

/** Length, SHA-256 and MD5 of a file in one pass. @throws DataError if it cannot be read */
export async function digestFile(path: string): Promise<Digest & { readonly md5: string }> {
  const sha256 = createHash("sha256");
  const md5 = createHash("md5");
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
      sha256.update(chunk);
      md5.update(chunk);
      bytes += chunk.length;
    }
  } catch (error) {
    throw new DataError(`${path}: cannot be read: ${messageOf(error)}`, { cause: error });
  }
  return { bytes, sha256: sha256.digest("hex"), md5: md5.digest("hex") };
}

/** LibriSpeech's longest, of 29,000 files, has 5 MB. */
const LONGEST_RECEIPT = 2 ** 27;

/** Writes a receipt beside `path`. @throws StoreError */
export function writeReceipt(path: string, receipt: Receipt): void {
  writeFileAtomic(`${path}.json`, JSON.stringify(receipt, null, 1));
}

/** The receipt beside `path`; undefined where there is none. @throws DataError if it is not one */
export async function readReceipt(path: string): Promise<Receipt | undefined> {
  if (!(await exists(`${path}.json`))) return undefined;
  try {
    const bytes = await readData(`${path}.json`, () => LONGEST_RECEIPT);
    const value: unknown = JSON.parse(bytes.toString("utf8"));
    const flaw = receiptRule(value);
    if (flaw) throw new Error(`expected ${flaw.expected} as "${flaw.place}", found ${flaw.found}`);
    return value as Receipt;
  } catch (error) {
    throw new DataError(`${path}.json: expected a receipt written by a download: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
