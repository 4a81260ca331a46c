import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { type Cached, cached } from "spectral-lab/data/cache";
import { temporaryFolder } from "./temporary.js";

const warnings: string[] = [];
process.on("warning", (warning) => warnings.push(warning.message));

test("a result is computed once per settings, and comes back the same", async (t) => {
  const root = temporaryFolder(t);
  let computed = 0;
  const results: Cached[] = [
    { meta: { lengths: [1, 2], name: "é" }, data: Float32Array.of(1.5, -0, 3e-40) },
    { meta: null, data: Uint16Array.of(1, 65535, 7) },
    { meta: ["a"], data: new Int32Array(0) },
  ];
  for (const result of [...results, ...results]) {
    const compute = (): Promise<Cached> => {
      computed++;
      return Promise.resolve(result);
    };
    assert.deepEqual(await cached(root, "numbers", { for: results.indexOf(result) }, compute), result);
  }
  assert.equal(computed, 3);
});

test("every kind of damage is noticed and repaired", async (t) => {
  const root = temporaryFolder(t);
  const good: Cached = { meta: [3], data: Float32Array.of(1, 2, 3) };
  const open = (): Promise<Cached> => cached(root, "numbers", { a: 1 }, () => Promise.resolve(good));
  await open();
  const path = join(root, "cache", readdirSync(join(root, "cache"))[0]);
  const bytes = readFileSync(path);
  const flipped = Buffer.from(bytes);
  flipped[bytes.length - 1] ^= 1;
  const foreign = Buffer.from(bytes.toString("latin1").replace('"a":1', '"a":2'), "latin1");
  const damaged = [
    Buffer.alloc(0),
    Buffer.from("{}"),
    bytes.subarray(0, 30),
    bytes.subarray(0, -4),
    flipped,
    foreign,
  ];
  for (const [i, content] of damaged.entries()) {
    writeFileSync(path, content);
    assert.deepEqual(await open(), good);
    await new Promise(setImmediate);
    assert.equal(warnings.filter((message) => message.startsWith(`${path}: damaged cache`)).length, i + 1);
    assert.deepEqual(readFileSync(path), bytes);
  }
});

test("a cache that cannot be written loses nothing", async (t) => {
  const root = temporaryFolder(t);
  writeFileSync(join(root, "cache"), "a file where the folder should be");
  const good: Cached = { meta: null, data: Int32Array.of(4) };
  assert.deepEqual(await cached(root, "numbers", {}, () => Promise.resolve(good)), good);
  await new Promise(setImmediate);
  assert.ok(warnings.some((message) => message.includes("not cached")));
});

test("a cache of which any byte was changed, or that holds something else, is made again", async (t) => {
  const root = temporaryFolder(t);
  const good: Cached = { meta: ["a", "digest"], data: Float32Array.of(1, 2, 3) };
  let computed = 0;
  const compute = (): Promise<Cached> => {
    computed++;
    return Promise.resolve(good);
  };
  const open = (fits?: (kept: Cached) => boolean): Promise<Cached> =>
    cached(root, "numbers", { a: 1 }, compute, fits);
  await open();
  const path = join(root, "cache", readdirSync(join(root, "cache"))[0]);
  const bytes = readFileSync(path);
  let unseen = 0;
  for (let i = 0; i < bytes.length; i++) {
    const changed = Buffer.from(bytes);
    changed[i] ^= 1;
    writeFileSync(path, changed);
    const before = computed;
    assert.deepEqual(await open(), good, `byte ${i}`);
    if (computed === before) unseen++;
  }
  assert.equal(unseen, 0);
  const before = computed;
  await open(({ meta }) => Array.isArray(meta) && meta.length === 3);
  assert.equal(computed, before + 1);
  for (const header of [
    "null",
    "[]",
    "7",
    '{"settings":{"a":1},"meta":null,"type":"toString","bytes":0,"crc32":0}',
  ]) {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(header.length);
    writeFileSync(path, Buffer.concat([bytes.subarray(0, 16), length, Buffer.from(header)]));
    assert.deepEqual(await open(), good, header);
  }
});
