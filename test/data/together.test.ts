import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import test from "node:test";
import { gzipSync } from "node:zlib";
import { packTar } from "modern-tar/fs";
import { unpackArchive } from "spectral-lab/data/archive";
import { type RemoteFile, download } from "spectral-lab/data/download";
import { getSet } from "spectral-lab/data/obtain";
import { PUBLIC_SETS, type PublicSet } from "spectral-lab/data/sources";
import { ended, firstOutput, startOn } from "../store/child.js";
import { sendBytes, serve } from "./server.js";
import { temporaryFolder } from "./temporary.js";

const body = Buffer.concat([Buffer.from([0x1f, 0x8b]), randomBytes(300_000)]);
const sha256 = createHash("sha256").update(body).digest("hex");

/** Serves `bytes` in slow pieces. @returns the address, and what was asked for: ranges, or "" for the whole */
async function slowly(t: test.TestContext, bytes: Buffer): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const url = await serve(t, (request, response) => {
    asked.push(request.headers.range ?? "");
    if (request.headers.range !== undefined) return sendBytes(request, response, bytes);
    response.writeHead(200, { "content-length": bytes.length });
    const piece = Math.ceil(bytes.length / 10);
    for (let i = 0; i < 10; i++)
      setTimeout(() => response.write(bytes.subarray(i * piece, (i + 1) * piece)), 30 * i);
    setTimeout(() => response.end(), 300);
  });
  return { url, asked };
}

/** Lets processes of two machines do the same at the same time. @returns how they ended */
async function twoMachines(folder: string, ...args: string[]): Promise<(number | null)[]> {
  const start = join(folder, "start");
  const both: ChildProcess[] = ["a", "b"].map((name) => startOn(name, "../data/downloader", start, ...args));
  await Promise.all(both.map(firstOutput));
  writeFileSync(start, "");
  return Promise.all(both.map(ended));
}

test("two machines download a file once: the second waits, and both have it whole", async (t) => {
  const { url, asked } = await slowly(t, body);
  const folder = temporaryFolder(t);
  const target = join(folder, "data", "archive.gz");
  assert.deepEqual(await twoMachines(folder, "download", url, target, sha256), [0, 0]);
  assert.deepEqual(asked, [""]);
  assert.deepEqual(readFileSync(target), body);
  assert.deepEqual(readdirSync(join(folder, "data")).sort(), ["archive.gz", "archive.gz.json"]);
});

test("one process that downloads a file twice at once does the same, and says that it waits", async (t) => {
  const { url, asked } = await slowly(t, body);
  const target = join(temporaryFolder(t), "archive.gz");
  const file: RemoteFile = { name: "archive.gz", urls: [url], form: "gzip", sha256 };
  const stages = new Set<string>();
  const onProgress = ({ stage }: { stage: string }): unknown => stages.add(stage);
  const receipts = await Promise.all([
    download(file, target, { onProgress }),
    download(file, target, { onProgress }),
  ]);
  assert.deepEqual(receipts[0], receipts[1]);
  assert.deepEqual(asked, [""]);
  assert.deepEqual(readFileSync(target), body);
  assert.ok([...stages].some((stage) => stage.startsWith("waiting: archive.gz is already open")));
});

test("what the first did not get, the second goes on with", async (t) => {
  let broken = 0;
  const ranges: (string | undefined)[] = [];
  const url = await serve(t, (request, response) => {
    ranges.push(request.headers.range);
    if (broken++ > 0) return sendBytes(request, response, body);
    response.writeHead(200, { "content-length": body.length });
    response.write(body.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
  });
  const target = join(temporaryFolder(t), "archive.gz");
  const file: RemoteFile = { name: "archive.gz", urls: [url], form: "gzip", sha256 };
  const first = download(file, target, { attempts: 1 });
  const second = download(file, target, { attempts: 1 });
  const [one, two] = await Promise.allSettled([first, second]);
  assert.deepEqual([one.status, two.status].sort(), ["fulfilled", "rejected"]);
  assert.match(ranges[1] ?? "", /^bytes=\d+-$/);
  assert.deepEqual(readFileSync(target), body);
});

test("a download whose lock was taken over stops, and leaves the part to the other", async (t) => {
  const target = join(temporaryFolder(t), "archive.gz");
  const lock = `${target}.part.lock`;
  const far = JSON.stringify({ pid: 7, machine: "far", started: "", since: "2020-01-01", token: "t" });
  let requests = 0;
  const url = await serve(t, (_, response) => {
    requests++;
    response.writeHead(200, { "content-length": body.length });
    response.write(body.subarray(0, 1000));
    const watch = setInterval(() => {
      if (statSync(`${target}.part`, { throwIfNoEntry: false })?.size !== 1000) return;
      clearInterval(watch);
      writeFileSync(lock, far);
      setTimeout(() => response.end(body.subarray(1000)), 1500); // checked once a second
    }, 5);
  });
  const file: RemoteFile = { name: "archive.gz", urls: [url], form: "gzip", sha256 };
  await assert.rejects(download(file, target), {
    name: "StoreError",
    message: /archive\.gz is no longer locked by this process: process 7 on far holds it/,
  });
  assert.equal(requests, 1);
  assert.deepEqual(readFileSync(`${target}.part`), body.subarray(0, 1000));
  assert.equal(readFileSync(lock, "utf8"), far);
});

async function tarOf(files: Record<string, Buffer>): Promise<Buffer> {
  const sources = Object.entries(files).map(([target, content]) => ({
    type: "content" as const,
    content,
    target,
  }));
  return gzipSync(await buffer(packTar(sources)));
}

const content = (i: number): Buffer => createHash("sha512").update(`${i}`).digest();
const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`set/part/${i}`, content(i)]));

test("two machines that unpack the same archive both end well, and leave nothing else", async (t) => {
  const folder = temporaryFolder(t);
  const root = join(folder, "data");
  mkdirSync(root);
  writeFileSync(join(root, "set.tar.gz"), await tarOf(many));
  assert.deepEqual(await twoMachines(folder, "unpack", join(root, "set.tar.gz"), root, "set/part"), [0, 0]);
  assert.deepEqual(readdirSync(root).sort(), ["set", "set.tar.gz"]);
  assert.deepEqual(readdirSync(join(root, "set")).sort(), ["part", "part.json"]);
  assert.equal(readdirSync(join(root, "set", "part")).length, 200);
  assert.deepEqual(readFileSync(join(root, "set", "part", "7")), content(7));
});

test("so do two in one process; a folder with other files is not taken for the same", async (t) => {
  const root = temporaryFolder(t);
  const archive = join(root, "set.tar.gz");
  writeFileSync(archive, await tarOf(many));
  const unpack = (): Promise<void> =>
    unpackArchive(archive, { name: "set.tar.gz", urls: [], form: "gzip" }, "tar.gz", root, "set/part");
  await Promise.all([unpack(), unpack()]);
  assert.deepEqual(readdirSync(root).sort(), ["set", "set.tar.gz"]);
  writeFileSync(join(root, "set", "part", "7"), "changed");
  await assert.rejects(unpack(), /set\.tar\.gz: cannot be unpacked to .*the folder is there, without this 7/);
  assert.equal(readFileSync(join(root, "set", "part", "7"), "utf8"), "changed");
  assert.deepEqual(readdirSync(root).sort(), ["set", "set.tar.gz"]);
});

test("two that get the same set at once download and unpack it once", async (t) => {
  const [part] = PUBLIC_SETS.cifar10.parts;
  const files = part.needs.map((name, i) => [`${part.folder}/${name}`, content(i)] as const);
  const { url, asked } = await slowly(t, await tarOf(Object.fromEntries(files)));
  const archive = { name: "set.tar.gz", urls: [url], form: "gzip" as const };
  const bundles = [{ unpacking: "tar.gz" as const, files: [archive] }];
  const set: PublicSet = { ...PUBLIC_SETS.cifar10, parts: [{ ...part, bundles }] };
  const root = temporaryFolder(t);
  await Promise.all([getSet(set, root), getSet(set, root), getSet(set, root)]);
  assert.deepEqual(asked, [""]);
  assert.deepEqual(readdirSync(root).sort(), [part.folder, `${part.folder}.json`]);
  assert.equal(readdirSync(join(root, part.folder)).length, part.needs.length);
});
