import { type ParsedTarEntry, createTarDecoder } from "modern-tar";
import { printable } from "../../core/printable.js";
import { gunzipped } from "../gunzipped.js";
import { type ArchiveEntry, MOST_ENTRIES, entryPath } from "./entry.js";

/**
 * The files of a gzipped tar archive, in its order, with every header's checksum checked. Nothing is written and no
 * more than a few chunks are held.
 * @param limit most bytes that the archive may unpack to, its headers included
 * @throws Error if it is damaged, cut short, longer than `limit`, or holds a link, a device or a name that leaves the folder
 */
export async function* tarEntries(archive: string, limit: number): AsyncGenerator<ArchiveEntry> {
  const { readable, writable } = createTarDecoder({ strict: true });
  // The decoder fails its readable side with the same error, where it is thrown.
  const feeding = feed(archive, limit, writable.getWriter()).catch(() => undefined);
  const reader = readable.getReader();
  try {
    let count = 0;
    for (;;) {
      const { done, value: entry } = await reader.read();
      if (done) return;
      if (++count > MOST_ENTRIES) throw new Error(`it has more than ${MOST_ENTRIES} entries`);
      const path = fileOf(entry);
      if (path === undefined) await entry.body.cancel();
      else yield { path, bytes: entry.header.size, content: chunksOf(entry.body) };
    }
  } finally {
    await reader.cancel(new Error("no longer read")).catch(() => undefined);
    await feeding;
  }
}

async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
}

/** Gives the decoder the unpacked bytes; what goes wrong becomes the decoder's error. */
async function feed(
  archive: string,
  limit: number,
  writer: WritableStreamDefaultWriter<Uint8Array>,
): Promise<void> {
  let bytes = 0;
  try {
    for await (const chunk of gunzipped(archive)) {
      bytes += chunk.length;
      if (bytes > limit) throw new Error(`it unpacks to more than ${limit} bytes, the most expected of it`);
      await writer.write(chunk);
    }
    await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => undefined);
  }
}

/** The path of an entry that is a file; undefined for a folder. */
function fileOf({ header }: ParsedTarEntry): string | undefined {
  const { name, type = "file", size } = header;
  if (type === "directory" && /^(\.?\/)+$/.test(name)) return undefined;
  const path = entryPath(name);
  if (type === "directory") return undefined;
  if (type !== "file") throw new Error(`"${printable(name, 200)}" is a ${type}, expected files and folders`);
  if (!Number.isSafeInteger(size) || size < 0)
    throw new Error(`"${printable(name, 200)}" has no possible length: ${size}`);
  return path;
}
