import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import test from "node:test";
import { gzipSync } from "node:zlib";
import { packTar } from "modern-tar/fs";
import { ConfigError, DataError } from "spectral-lab/core/errors";
import { CIFAR10, openCifar10 } from "spectral-lab/data/cifar10";
import type { Receipt } from "spectral-lab/data/checksum";
import type { ImageData } from "spectral-lab/data/images";
import { getData, verifyData, verifySet, whereData } from "spectral-lab/data/manage";
import { getSet, obtain } from "spectral-lab/data/obtain";
import { openImages } from "spectral-lab/data/open-images";
import { describeData } from "spectral-lab/data/provenance";
import { type PublicSet, PUBLIC_SETS } from "spectral-lab/data/sources";
import { sendBytes, serve } from "./server.js";
import { range, temporaryFolder } from "./temporary.js";

const FILES = PUBLIC_SETS.cifar10.parts[0].needs;

/** A CIFAR-10 batch: image i is red i, green 50 + i, blue 100 + i, label i mod 10. */
function batch(count: number): Buffer {
  const bytes = Buffer.alloc(3073 * count);
  for (let i = 0; i < count; i++) {
    bytes[3073 * i] = i % 10;
    for (let c = 0; c < 3; c++)
      bytes.fill(i + 50 * c, 3073 * i + 1 + 1024 * c, 3073 * i + 1 + 1024 * (c + 1));
  }
  return bytes;
}

async function archive(files = FILES, content = batch(4)): Promise<Buffer> {
  const sources = files.map((name) => ({
    type: "content" as const,
    content,
    target: `cifar-10-batches-bin/${name}`,
  }));
  return gzipSync(await buffer(packTar(sources)));
}

/** CIFAR-10 as it would be if the archive were at `url` and had these checksums. */
function setAt(url: string, checksums: { sha256?: string; md5?: string } = {}): PublicSet {
  const [part] = PUBLIC_SETS.cifar10.parts;
  const files = [{ name: "cifar-10-binary.tar.gz", urls: [url], form: "gzip" as const, ...checksums }];
  return { ...PUBLIC_SETS.cifar10, parts: [{ ...part, bundles: [{ unpacking: "tar.gz", files }] }] };
}

const NOWHERE = "http://127.0.0.1:9/";
const digestOf = (bytes: Buffer, kind = "sha256"): string => createHash(kind).update(bytes).digest("hex");

/** Opens a set without looking further than the root. */
const openIn = (set: PublicSet, root: string): Promise<ImageData> =>
  openImages({ ...CIFAR10, set }, { root, allowDownload: false, standIn: "never" });

test("an archive left in the root is unpacked, read channel-last, and verified later", async (t) => {
  const root = temporaryFolder(t);
  const bytes = await archive();
  const set = setAt(NOWHERE, { sha256: digestOf(bytes) });
  writeFileSync(join(root, "cifar-10-binary.tar.gz"), bytes);
  const data = await openIn(set, root);
  assert.deepEqual([data.training.count, data.validation.count, data.test.count], [18, 2, 4]);
  const { images, labels } = data.test.batch([3]);
  assert.deepEqual(images.shape, [1, 32, 32, 3]);
  assert.deepEqual([...labels.data], [3]);
  const pixel = [...images.data.subarray(3 * 500, 3 * 500 + 3)];
  const mean = [0.4914, 0.4822, 0.4465];
  const std = [0.247, 0.2435, 0.2616];
  pixel.forEach((value, c) => assert.ok(Math.abs(value - ((3 + 50 * c) / 255 - mean[c]) / std[c]) < 1e-6));
  assert.equal(data.provenance.standIn, false);
  assert.equal(describeData(data.provenance), "CIFAR-10, 18 of 45,000 training images");

  const [whole] = await verifySet(set, root);
  assert.deepEqual(
    [whole.status, whole.detail],
    ["ok", "6 files agree with those in cifar-10-binary.tar.gz; its archive had its published checksum"],
  );
  const damaged = batch(4);
  damaged[77] ^= 1;
  writeFileSync(join(root, "cifar-10-batches-bin", "data_batch_2.bin"), damaged);
  const [verdict] = await verifySet(set, root);
  assert.equal(verdict.status, "damaged");
  assert.match(verdict.detail, /1 of 6 files differ: data_batch_2\.bin/);
});

test("an archive that is not the published one of its name is an error that names both and says what to do", async (t) => {
  const root = temporaryFolder(t);
  const bytes = await archive();
  writeFileSync(join(root, "cifar-10-binary.tar.gz"), bytes);
  const published = PUBLIC_SETS.cifar10.parts[0].bundles[0].files[0].sha256 ?? "";
  for (const standIn of ["never", "auto"] as const)
    await assert.rejects(openCifar10({ root, allowDownload: false, standIn }), (error) => {
      assert.ok(error instanceof DataError);
      for (const word of ["cifar-10-binary.tar.gz: not the published", published, digestOf(bytes), "by hand"])
        assert.ok(error.message.includes(word), word);
      return true;
    });
  assert.deepEqual(readdirSync(root), ["cifar-10-binary.tar.gz"]);
});

test("verify does not believe a receipt against the archive, nor one of an archive without a published checksum", async (t) => {
  const root = temporaryFolder(t);
  const bytes = await archive();
  const path = join(root, "cifar-10-binary.tar.gz");
  writeFileSync(path, bytes);
  const set = setAt(NOWHERE, { sha256: digestOf(bytes) });
  await openIn(set, root);
  const folder = join(root, "cifar-10-batches-bin");
  const receipt = JSON.parse(readFileSync(`${folder}.json`, "utf8")) as Receipt;
  const changed = batch(4);
  changed[77] ^= 1;
  writeFileSync(join(folder, "data_batch_2.bin"), changed);
  const forged = {
    ...receipt.files,
    "data_batch_2.bin": { bytes: changed.length, sha256: digestOf(changed) },
  };
  writeFileSync(`${folder}.json`, JSON.stringify({ ...receipt, files: forged }));
  assert.equal((await verifySet(set, root))[0].status, "damaged");
  writeFileSync(path, bytes.subarray(0, -1));
  const statuses = (await verifySet(set, root)).map((verdict) => verdict.status);
  assert.equal(statuses[0], "damaged", "the archive itself");
  rmSync(path);
  const status = async (checkedBy: string, files: object = receipt.files): Promise<string> => {
    writeFileSync(`${folder}.json`, JSON.stringify({ ...receipt, checkedBy, files }));
    return (await verifySet(set, root))[0].status;
  };
  writeFileSync(join(folder, "data_batch_2.bin"), batch(4));
  assert.equal(await status("sha256"), "ok");
  assert.equal(await status("form"), "unverified");
  assert.equal(await status("sha256", {}), "unverified", "a receipt of nothing");
  for (const foreign of [
    "{}",
    "[]",
    "null",
    "{",
    '{"source":"x","checkedBy":"sha256","files":{"a":1}}',
    "\0",
  ]) {
    writeFileSync(`${folder}.json`, foreign);
    const [verdict] = await verifySet(set, root);
    assert.deepEqual([verdict.status, /expected a receipt/.test(verdict.detail)], ["damaged", true], foreign);
    assert.equal((await openIn(set, root)).provenance.verified, false, foreign);
  }
});

test("a truncated batch and a bad label are errors that name the file", async (t) => {
  const root = temporaryFolder(t);
  const folder = join(root, "cifar-10-batches-bin");
  mkdirSync(folder);
  for (const name of FILES) writeFileSync(join(folder, name), batch(4));
  writeFileSync(join(folder, "data_batch_4.bin"), batch(4).subarray(0, -1));
  await assert.rejects(
    openCifar10({ root }),
    /data_batch_4\.bin: expected whole records of 3073 bytes, found 12291/,
  );
  const bad = batch(4);
  bad[3073 * 2] = 255;
  writeFileSync(join(folder, "data_batch_4.bin"), bad);
  await assert.rejects(openCifar10({ root }), /data_batch_4\.bin: label of image 2 .*found 255/);
});

test("a damaged archive is an error that leaves nothing behind", async (t) => {
  const root = temporaryFolder(t);
  const whole = await archive();
  writeFileSync(join(root, "cifar-10-binary.tar.gz"), whole.subarray(0, whole.length / 2));
  await assert.rejects(openIn(setAt(NOWHERE), root), (error) => {
    return error instanceof DataError && /cifar-10-binary\.tar\.gz: cannot be unpacked/.test(error.message);
  });
  writeFileSync(join(root, "cifar-10-binary.tar.gz"), "<!doctype html><title>Sign in</title>");
  await assert.rejects(
    openCifar10({ root }),
    /cifar-10-binary\.tar\.gz: expected gzip data, found an HTML page/,
  );
  assert.equal(existsSync(join(root, "cifar-10-batches-bin")), false);
  assert.deepEqual(readdirSync(root), ["cifar-10-binary.tar.gz"]);
});

test("an archive without all its files is an error", async (t) => {
  const root = temporaryFolder(t);
  writeFileSync(join(root, "cifar-10-binary.tar.gz"), await archive(FILES.slice(1)));
  await assert.rejects(
    openIn(setAt(NOWHERE), root),
    /cifar-10-batches-bin: expected data_batch_1\.bin, .* in .*tar\.gz/,
  );
});

test("a data set is downloaded once, unpacked, and its archive removed", async (t) => {
  const root = temporaryFolder(t);
  const bytes = await archive();
  let requests = 0;
  const url = await serve(t, (request, response) => {
    requests++;
    sendBytes(request, response, bytes);
  });
  await getSet(setAt(url), root);
  await getSet(setAt(url), root);
  assert.equal(requests, 1);
  assert.deepEqual(readFileSync(join(root, "cifar-10-batches-bin", "test_batch.bin")), batch(4));
  assert.equal(existsSync(join(root, "cifar-10-binary.tar.gz")), false);
  assert.deepEqual(await obtain(setAt(url), { root, allowDownload: false }), { root });
});

test("images are CIFAR-10 if they were unpacked from the published archive and not changed since", async (t) => {
  const bytes = await archive();
  const sums = (kind: string): string => digestOf(bytes, kind);
  const byHand = async (checksums: { sha256?: string; md5?: string }): Promise<[string, string]> => {
    const root = temporaryFolder(t);
    writeFileSync(join(root, "cifar-10-binary.tar.gz"), bytes);
    return [describeData((await openIn(setAt(NOWHERE, checksums), root)).provenance), root];
  };
  const [verified, root] = await byHand({ sha256: sums("sha256") });
  assert.equal(verified, "CIFAR-10, 18 of 45,000 training images");
  const unverified = "images in CIFAR-10's layout (not verified), 18 images";
  assert.equal((await byHand({ md5: sums("md5") }))[0], verified);
  assert.equal((await byHand({}))[0], unverified);
  await assert.rejects(byHand({ md5: "0".repeat(32) }), /expected md5 0{32}, found/);
  await assert.rejects(byHand({ sha256: "0".repeat(64), md5: sums("md5") }), /expected sha256 0{64}, found/);

  const again = async (): Promise<string> =>
    describeData((await openImages(CIFAR10, { root, allowDownload: false })).provenance);
  assert.equal(await again(), verified);
  const path = join(root, "cifar-10-batches-bin", "data_batch_3.bin");
  const changed = readFileSync(path);
  changed[5000] ^= 1;
  writeFileSync(path, changed);
  assert.equal(await again(), unverified);
  writeFileSync(join(root, "cifar-10-batches-bin.json"), "not a receipt");
  assert.equal(await again(), unverified);
});

test("a download with its published checksum is the public set", async (t) => {
  const root = temporaryFolder(t);
  const bytes = await archive();
  const url = await serve(t, (request, response) => sendBytes(request, response, bytes));
  const set = setAt(url, { md5: createHash("md5").update(bytes).digest("hex") });
  const { provenance } = await openImages({ ...CIFAR10, set }, { root, allowDownload: true });
  assert.deepEqual([provenance.name, provenance.verified], ["CIFAR-10", true]);
});

test("where nothing can be had, the stand-in says why; real data can be insisted on", async (t) => {
  const root = temporaryFolder(t);
  const url = await serve(
    t,
    (_, response) => void response.writeHead(200).end("<html>captive portal</html>"),
  );
  const found = await obtain(setAt(url), { root, allowDownload: true });
  assert.ok("absent" in found && /no copy at .*found an HTML page/s.test(found.absent));
  await assert.rejects(obtain(setAt(url), { root, standIn: "never" }), /spectral data get cifar10/);
  const data = await openCifar10({ root, allowDownload: false });
  assert.match(data.provenance.name, /generated textures \(stand-in for CIFAR-10\)/);
  const { images } = data.training.batch(range(50));
  assert.deepEqual(images.shape, [50, 32, 32, 3]);
  assert.ok(images.data.every(Number.isFinite));
});

test("a root that cannot be written is a reason for the stand-in, or an error", async (t) => {
  const root = join(temporaryFolder(t), "file");
  writeFileSync(root, "not a folder");
  const found = await obtain(setAt("http://127.0.0.1:9/"), { root, allowDownload: true });
  assert.ok("absent" in found && /has no place to go/.test(found.absent));
  await assert.rejects(obtain(setAt("http://127.0.0.1:9/"), { root, standIn: "never" }), DataError);
});

test("where, verify and get know their names", async (t) => {
  const root = temporaryFolder(t);
  assert.deepEqual(await whereData("librispeech", root), [
    { path: join(root, "LibriSpeech/train-clean-100"), present: false },
    { path: join(root, "LibriSpeech/dev-clean"), present: false },
  ]);
  assert.deepEqual(
    (await verifyData("mnist", root)).map(({ status }) => status),
    ["missing"],
  );
  await assert.rejects(getData("imagenet", { root }), (error) => {
    return (
      error instanceof ConfigError && /expected one of mnist, cifar10, .*found "imagenet"/.test(error.message)
    );
  });
});
