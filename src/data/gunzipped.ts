import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";

/** What a gzipped file holds, piece by piece; nothing more is unpacked once the reader stops. */
export async function* gunzipped(path: string): AsyncGenerator<Buffer> {
  const file = createReadStream(path);
  const gunzip = createGunzip();
  file.on("error", (error) => gunzip.destroy(error));
  file.pipe(gunzip);
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
  } finally {
    file.destroy();
    gunzip.destroy();
  }
}
