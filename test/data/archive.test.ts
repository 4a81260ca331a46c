import assert from "node:assert/strict";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { DataError } from "spectral-lab/core/errors";
import { randomStream } from "spectral-lab/core/random";
import { type Unpacking, digestArchive, unpackArchive } from "spectral-lab/data/archive";
import { sha256Of } from "spectral-lab/data/fingerprint";
import { type TarPart, tarFile, tarGzFile } from "./tar-file.js";
import { temporaryFolder } from "./temporary.js";
import { zipFile } from "./zip-file.js";

/** Unpacks bytes as an archive without a published checksum. @returns the root and what it then holds */
async function unpack(
  t: TestContext,
  bytes: Buffer,
  kind: Unpacking = "tar.gz",
  unpackedLimit?: number,
): Promise<string[]> {
  const root = join(temporaryFolder(t), "data");
  mkdirSync(root);
  const name = `set.${kind}`;
  writeFileSync(join(root, name), bytes);
  const form = kind === "zip" ? ("zip" as const) : ("gzip" as const);
  try {
    await settles(
      unpackArchive(join(root, name), { name, urls: [], form, unpackedLimit }, kind, root, "set"),
    );
  } catch (error) {
    assert.deepEqual(readdirSync(root), [name], "nothing is left behind");
    assert.deepEqual(readdirSync(join(root, "..")), ["data"], "nothing is left outside");
    throw error;
  }
  return readdirSync(join(root, "set"), { recursive: true, encoding: "utf8" }).sort();
}

/** What a promise gives; a test that would wait for ever fails after ten seconds instead. */
async function settles<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const watchdog = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("it hangs")), 10_000);
  });
  return Promise.race([promise, watchdog]).finally(() => clearTimeout(timer));
}

const isDataError = (words: RegExp) => (error: unknown) => {
  assert.ok(error instanceof DataError, String(error));
  assert.match(error.message, words);
  return true;
};

test("folders, long names and what macOS adds: only the files come out", async (t) => {
  const long = `set/${"long/".repeat(40)}name.txt`;
  const parts: TarPart[] = [
    { name: "./", type: "5" },
    { name: "set/", type: "5" },
    { name: "set/a.txt", content: "first" },
    { name: "set/._a.txt", content: "litter" },
    { name: "__MACOSX/set/x", content: "litter" },
    { name: "set/.DS_Store", content: "litter" },
    { name: "././@LongLink", type: "L", content: `${long}\0` },
    { name: "x", content: "second" },
    { name: "./set/empty", content: "" },
    { name: "other/readme", content: "not of the set" },
  ];
  const names = await unpack(t, tarGzFile(parts));
  assert.deepEqual(
    names.filter((name) => /\.txt$|empty|DS_Store|\._/.test(name)),
    ["a.txt", "empty", long.slice(4)],
  );
});

const refused: Record<string, [Buffer, RegExp]> = {
  "an empty name": [tarGzFile([{ name: "" }]), /an entry's name is empty/],
  "an absolute name": [tarGzFile([{ name: "/set/x", content: "x" }]), /is an absolute path: "\/set\/x"/],
  "a name that leaves": [tarGzFile([{ name: "set/../../x", content: "x" }]), /leads out of the folder/],
  "a drive": [tarGzFile([{ name: "C:/x", content: "x" }]), /absolute path/],
  "a backslash": [tarGzFile([{ name: "set\\..\\x", content: "x" }]), /holds a backslash/],
  "a symbolic link": [
    tarGzFile([
      { name: "set/a", content: "x" },
      { name: "set/b", type: "2", linkname: "/etc/passwd" },
    ]),
    /"set\/b" is a symlink/,
  ],
  "a hard link": [tarGzFile([{ name: "set/b", type: "1", linkname: "../x" }]), /"set\/b" is a link/],
  "a device": [tarGzFile([{ name: "set/b", type: "3" }]), /is a character-device/],
  "the same name twice": [
    tarGzFile([
      { name: "set/a", content: "1" },
      { name: "set/a", content: "2" },
    ]),
    /EEXIST/,
  ],
  "a file that is also a folder": [
    tarGzFile([
      { name: "set/a", content: "1" },
      { name: "set/a/b", content: "2" },
    ]),
    /ENOTDIR|EEXIST/,
  ],
  "a wrong checksum of a header": [
    tarGzFile([
      { name: "set/a", content: "1" },
      { name: "set/b", wrong: 1 },
    ]),
    /checksum/,
  ],
  "a length beyond the end": [tarGzFile([{ name: "set/a", content: "1", size: 2 ** 32 }]), /truncated/],
  "no end": [gzipSync(tarFile([{ name: "set/a", content: "1" }], { ending: false })), /truncated/],
  "no file of the folder": [tarGzFile([{ name: "other/a", content: "1" }]), /holds no file of set/],
  "another thing than a tar": [
    gzipSync(Buffer.from("not a tar archive ".repeat(100))),
    /Invalid tar|checksum/,
  ],
};

for (const [name, [bytes, words]] of Object.entries(refused)) {
  test(`a tar with ${name} is an error that leaves nothing behind`, async (t) => {
    await assert.rejects(unpack(t, bytes), isDataError(words));
  });
}

test("a tar that unpacks to more than is expected stops there", async (t) => {
  const bytes = tarGzFile([{ name: "set/a", content: Buffer.alloc(50_000_000) }]);
  assert.ok(bytes.length < 100_000);
  const before = process.memoryUsage().rss;
  await assert.rejects(
    unpack(t, bytes, "tar.gz", 1_000_000),
    isDataError(/unpacks to more than 1000000 bytes, the most expected/),
  );
  assert.ok(process.memoryUsage().rss - before < 100e6);
});

const FILES = { "set/a": "first", "set/deep/b": "second ".repeat(1000), "set/empty": "" };

test("a zip gives its files; a CRC-32 that is wrong is an error that names the file", async (t) => {
  const names = await unpack(
    t,
    zipFile({ ...FILES, "set/._a": "litter", "__MACOSX/set/._a": "litter" }),
    "zip",
  );
  assert.deepEqual(names, ["a", "deep", "deep/b", "empty"]);
  for (const method of ["stored", "deflated"] as const) {
    const bytes = zipFile({ "set/a": "the cat sat" }, { crc: 0x12345678, deflated: method === "deflated" });
    await assert.rejects(
      unpack(t, bytes, "zip"),
      isDataError(/"set\/a" is damaged: expected CRC-32 12345678, found [0-9a-f]{8}/),
    );
  }
  const changed = zipFile({ "set/a": "the cat sat" });
  changed[changed.indexOf("the cat") + 4] ^= 1;
  await assert.rejects(unpack(t, changed, "zip"), isDataError(/"set\/a" is damaged/));
});

test("a zip with a link, a name that leaves, or a false length is an error", async (t) => {
  for (const name of ["../x", "/x", "set/../../x", "set\\x", "C:\\x"])
    await assert.rejects(
      unpack(t, zipFile({ [name]: "x", ...FILES }), "zip"),
      isDataError(/name|path|character/),
    );
  await assert.rejects(
    unpack(t, zipFile({ "set/a": "/etc/passwd" }, { attributes: 0o120777 * 65536 }), "zip"),
    isDataError(/"set\/a" is a link/),
  );
  await assert.rejects(
    unpack(t, zipFile({ "set/a": "x".repeat(1e6) }, { deflated: true, length: 10 }), "zip"),
    isDataError(/cannot be unpacked/),
  );
  await assert.rejects(
    unpack(t, zipFile({ "set/a": "x" }, { deflated: true, length: 0xfffffff0 }), "zip", 1000),
    isDataError(/unpacks to more than 1000 bytes/),
  );
  await assert.rejects(
    unpack(t, zipFile({ "set/a": "x".repeat(5000) }, { deflated: true }), "zip", 1000),
    isDataError(/unpacks to more than 1000 bytes/),
  );
});

test("what an archive holds can be known without unpacking it", async (t) => {
  const path = join(temporaryFolder(t), "set.zip");
  writeFileSync(path, zipFile({ ...FILES, readme: "x" }));
  const found = await digestArchive(path, { name: "set.zip", urls: [], form: "zip" }, "zip", "set");
  const entries = Object.entries(FILES).map(([name, text]) => [
    name.slice(4),
    { bytes: text.length, sha256: sha256Of(text) },
  ]);
  assert.deepEqual(found, Object.fromEntries(entries));
});

test("200 random damages of a tar and of a zip all settle, as the same files or as a DataError", async (t) => {
  const random = randomStream(7, "test/archive");
  const below = (n: number): number => Math.floor(random.uniform(0, n));
  const parts = Object.entries(FILES).map(([name, content]) => ({ name, content }));
  const tar = tarFile([{ name: "set/", type: "5" }, ...parts]);
  const sources: [Unpacking, () => Buffer][] = [
    ["tar.gz", () => gzipSync(damage(tar, below))], // damaged before it was packed
    ["tar.gz", () => damage(gzipSync(tar), below)],
    ["zip", () => damage(zipFile(FILES, { deflated: true }), below)],
    ["zip", () => damage(zipFile(FILES), below)],
  ];
  let refusals = 0;
  for (let i = 0; i < 200; i++) {
    const [kind, make] = sources[i % sources.length];
    try {
      await unpack(t, make(), kind);
    } catch (error) {
      assert.ok(error instanceof DataError, `damage ${i}: ${String(error)}`);
      refusals++;
    }
  }
  assert.ok(refusals > 60, `${refusals} refused`);
});

/** Flips, overwrites, cuts out, doubles or ends at a random place. */
function damage(bytes: Buffer, below: (n: number) => number): Buffer {
  const copy = Buffer.from(bytes);
  const at = below(copy.length);
  switch (below(5)) {
    case 0:
      copy[at] ^= 1 << below(8);
      return copy;
    case 1:
      return Buffer.from(copy.fill(below(256), at, Math.min(copy.length, at + 1 + below(600))));
    case 2:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(at + 1 + below(600))]);
    case 3:
      return Buffer.concat([copy.subarray(0, at), copy.subarray(Math.max(0, at - below(600)))]);
    default:
      return copy.subarray(0, at);
  }
}
