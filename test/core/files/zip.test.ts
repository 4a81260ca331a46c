import assert from "node:assert/strict";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { openZip } from "spectral-lab/core/files/zip";
import { zipFile } from "../../data/zip-file.js";
import { temporaryFolder } from "../../store/temporary-folder.js";

/** How many files this process has open; 0 where the system does not tell. */
const openFiles = (): number => (existsSync("/proc/self/fd") ? readdirSync("/proc/self/fd").length : 0);

const END = 22; // bytes of the end of a directory

/** The same archive with the fields of archives beyond 4 GiB, and a record that is said to lie at `offset`. */
function zip64(
  bytes: Buffer,
  { offset, directory }: { readonly offset?: bigint; readonly directory?: bigint } = {},
): Buffer {
  const end = bytes.subarray(bytes.length - END);
  const record = Buffer.alloc(56);
  record.write("PK\x06\x06");
  record.writeBigUInt64LE(44n, 4);
  record.writeBigUInt64LE(BigInt(end.readUInt16LE(10)), 32);
  record.writeBigUInt64LE(BigInt(end.readUInt32LE(12)), 40);
  record.writeBigUInt64LE(directory ?? BigInt(end.readUInt32LE(16)), 48);
  const locator = Buffer.alloc(20);
  locator.write("PK\x06\x07");
  locator.writeBigUInt64LE(offset ?? BigInt(bytes.length - END), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([bytes.subarray(0, bytes.length - END), record, locator, end]);
}

async function contents(t: TestContext, bytes: Buffer): Promise<Record<string, string>> {
  const path = join(temporaryFolder(t), "a.zip");
  writeFileSync(path, bytes);
  const zip = await openZip(path);
  try {
    const found: Record<string, string> = {};
    for await (const entry of zip.eachEntry()) {
      const chunks: Buffer[] = [];
      for await (const chunk of await zip.openReadStreamPromise(entry)) chunks.push(chunk as Buffer);
      found[entry.fileName] = Buffer.concat(chunks).toString();
    }
    return found;
  } finally {
    zip.close();
  }
}

const files = { "a/b": "hello ".repeat(30_000), c: "", d: "end" };

test("files of any length, plain, deflated and with the fields of large archives", async (t) => {
  for (const deflated of [false, true]) {
    const bytes = zipFile(files, { deflated });
    for (const archive of [bytes, zip64(bytes)]) assert.deepEqual(await contents(t, archive), files);
  }
});

test("places beyond the file, and beyond all files, are errors like others", async (t) => {
  const bytes = zipFile(files);
  const open = openFiles();
  for (const place of [2n ** 40n, 2n ** 60n, 2n ** 64n - 1n]) {
    await assert.rejects(
      contents(t, zip64(bytes, { offset: place })),
      /it names bytes at \d+, beyond its \d+/,
    );
    await assert.rejects(
      contents(t, zip64(bytes, { directory: place })),
      /it names bytes at \d+, beyond its \d+/,
    );
  }
  await new Promise((done) => setTimeout(done, 50)); // closing is not awaited
  assert.ok(openFiles() <= open);
});
