import type { Entry, ZipFile } from "yauzl";
import { DataError, messageOf, SpectralError } from "../core/errors.js";
import { openZip } from "../core/files/zip.js";
import { printable } from "../core/printable.js";

/** Where the bytes of a file of a zip archive lie in it. */
export interface ZipPlace {
  /** From the start of the archive. */
  readonly offset: number;
  readonly length: number;
  /** Of its bytes, as the archive states it. */
  readonly crc32: number;
  /** Why they are not its bytes as they are: "is compressed". */
  readonly refusal?: string;
}

const MOST_ENTRIES = 500_000;

/**
 * The files of a zip archive, by name, so that a part of one that is stored as it is can be read without the rest. Names are
 * only names here: nothing is unpacked.
 * @throws DataError if the archive is damaged, a name occurs twice or could lead out of a folder, or two files share bytes
 */
export async function zipPlaces(path: string): Promise<ReadonlyMap<string, ZipPlace>> {
  const fail = (problem: string): never => {
    throw new DataError(`${path}: cannot be read as a zip archive: ${printable(problem, 300)}`);
  };
  let zip: ZipFile | undefined;
  try {
    zip = await openZip(path);
    if (zip.entryCount > MOST_ENTRIES) fail(`it has more than ${MOST_ENTRIES} entries`);
    const places = new Map<string, ZipPlace>();
    const ranges: { readonly name: string; readonly begin: number; readonly end: number }[] = [];
    for await (const entry of zip.eachEntry()) {
      const name = entry.fileName;
      if (name.endsWith("/")) continue;
      if (places.has(name)) fail(`"${name}" is there twice`);
      const refusal = whyNotStored(entry);
      const { fileDataStart: offset } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
      const place = { offset, length: entry.uncompressedSize, crc32: entry.crc32 };
      places.set(name, { ...place, ...(refusal !== undefined && { refusal }) });
      ranges.push({ name, begin: entry.relativeOffsetOfLocalHeader, end: offset + entry.compressedSize });
    }
    ranges.sort((a, b) => a.begin - b.begin);
    for (let i = 1; i < ranges.length; i++) {
      const [a, b] = [ranges[i - 1], ranges[i]];
      if (b.begin < a.end) fail(`"${a.name}" and "${b.name}" overlap`);
    }
    return places;
  } catch (error) {
    if (error instanceof SpectralError) throw error;
    return fail(messageOf(error));
  } finally {
    zip?.close();
  }
}

function whyNotStored(entry: Entry): string | undefined {
  if (entry.isEncrypted()) return "is encrypted";
  if (entry.compressionMethod !== 0) return "is compressed, expected files stored as they are";
  if (entry.compressedSize !== entry.uncompressedSize)
    return `has ${entry.compressedSize} bytes and claims ${entry.uncompressedSize}`;
  return undefined;
}
