import { crc32 } from "node:zlib";
import type { Entry, ZipFile } from "yauzl";
import { openZip } from "../../core/files/zip.js";
import { printable } from "../../core/printable.js";
import { type ArchiveEntry, MOST_ENTRIES, entryPath } from "./entry.js";

/**
 * The files of a zip archive, in the order of its directory, with every CRC-32 checked at the end of a file's content.
 * @param limit most bytes that the archive may unpack to
 * @throws Error if it is damaged, promises more than `limit`, or holds a link or a name that leaves the folder
 */
export async function* zipEntries(archive: string, limit: number): AsyncGenerator<ArchiveEntry> {
  const zip = await openZip(archive); // it checks lengths, and names in its way too
  try {
    if (zip.entryCount > MOST_ENTRIES) throw new Error(`it has more than ${MOST_ENTRIES} entries`);
    let promised = 0;
    for await (const entry of zip.eachEntry()) {
      const path = entryPath(entry.fileName);
      if (isLink(entry))
        throw new Error(`"${printable(entry.fileName, 200)}" is a link, expected files and folders`);
      promised += entry.uncompressedSize;
      if (promised > limit)
        throw new Error(`it unpacks to more than ${limit} bytes, the most expected of it`);
      if (path === undefined || entry.fileName.endsWith("/")) continue;
      yield { path, bytes: entry.uncompressedSize, content: contentOf(zip, entry) };
    }
  } finally {
    zip.close();
  }
}

/** Opens an entry only when it is read: an error of a stream that nobody listens to would end the process. */
async function* contentOf(zip: ZipFile, entry: Entry): AsyncGenerator<Uint8Array> {
  let sum = 0;
  const source: AsyncIterable<Uint8Array> = await zip.openReadStreamPromise(entry);
  for await (const chunk of source) {
    sum = crc32(chunk, sum);
    yield chunk;
  }
  if (sum !== entry.crc32) {
    const [expected, found] = [entry.crc32, sum].map((value) => value.toString(16).padStart(8, "0"));
    throw new Error(
      `"${printable(entry.fileName, 200)}" is damaged: expected CRC-32 ${expected}, found ${found}`,
    );
  }
}

/** Unix file types stand in the upper half of the external attributes, where the archive was made on Unix. */
function isLink(entry: Entry): boolean {
  const kind = (entry.externalFileAttributes >>> 16) & 0o170000;
  return kind !== 0 && kind !== 0o100000 && kind !== 0o040000;
}
