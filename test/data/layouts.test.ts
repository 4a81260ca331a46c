import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test, { type TestContext } from "node:test";
import { gzipSync } from "node:zlib";
import { DataError } from "spectral-lab/core/errors";
import { CIFAR10, openCifar10 } from "spectral-lab/data/cifar10";
import { sha256Of } from "spectral-lab/data/fingerprint";
import { whereData, verifyData } from "spectral-lab/data/manage";
import { openMnist } from "spectral-lab/data/mnist";
import { openImages } from "spectral-lab/data/open-images";
import { type PublicSet, PUBLIC_SETS } from "spectral-lab/data/sources";
import { pickledBatch } from "./pickle-file.js";
import { tarGzFile } from "./tar-file.js";
import { temporaryFolder } from "./temporary.js";

const offline = { allowDownload: false, standIn: "never" } as const;

function write(root: string, files: Readonly<Record<string, Buffer>>): string {
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), bytes);
  }
  return root;
}

function idx(shape: readonly number[], data: Buffer): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.writeUInt32BE(0x0800 + shape.length);
  shape.forEach((size, i) => header.writeUInt32BE(size, 4 + 4 * i));
  return Buffer.concat([header, data]);
}

/** A tiny MNIST by its usual names. */
const DIGITS: Readonly<Record<string, Buffer>> = {
  "train-images-idx3-ubyte": idx([20, 28, 28], Buffer.alloc(20 * 784, "pixels")),
  "train-labels-idx1-ubyte": idx([20], Buffer.from(Array.from({ length: 20 }, (_, i) => i % 10))),
  "t10k-images-idx3-ubyte": idx([4, 28, 28], Buffer.alloc(4 * 784, "others")),
  "t10k-labels-idx1-ubyte": idx([4], Buffer.from([1, 2, 3, 4])),
};

/** The tiny MNIST under other names. */
function digits(t: TestContext, rename: (name: string) => string): string {
  const files = Object.entries(DIGITS).map(([name, bytes]) => {
    const path = rename(name);
    return [path, path.endsWith(".gz") ? gzipSync(bytes) : bytes] as const;
  });
  return write(temporaryFolder(t), Object.fromEntries(files));
}

const dotted = (name: string): string => name.replace("-idx", ".idx");

test("MNIST is found in the layouts that people have, and is the same data in each", async (t) => {
  const layouts: Record<string, (name: string) => string> = {
    "as published": (name) => `mnist/${name}.gz`,
    unpacked: (name) => `mnist/${name}`,
    "with a dot": (name) => `mnist/${dotted(name)}`,
    "with a dot, gzipped": (name) => `mnist/${dotted(name)}.gz`,
    "torchvision's": (name) => `MNIST/raw/${name}`,
    "torchvision's in a folder": (name) => `mnist/MNIST/raw/${name}`,
    "in capitals": (name) => `MNIST/${name}.gz`,
    "Kaggle's": (name) => `mnist/${dotted(name)}/${dotted(name)}`,
    "Kaggle's other": (name) => `mnist/${name}/${name}`,
  };
  const fingerprints = new Set<string>();
  for (const [name, rename] of Object.entries(layouts)) {
    const root = digits(t, rename);
    const { provenance } = await openMnist({ root, ...offline });
    assert.deepEqual(
      [provenance.standIn, provenance.training, provenance.verified],
      [false, 18, false],
      name,
    );
    fingerprints.add(provenance.fingerprint);
    const [where] = await whereData("mnist", root);
    assert.deepEqual(where, { path: provenance.source, present: true }, name);
    assert.ok(rename("").startsWith(provenance.source.slice(root.length + 1).slice(0, 5)));
    const verdicts = await verifyData("mnist", root);
    assert.deepEqual(new Set(verdicts.map(({ status }) => status)), new Set(["damaged"]), name);
    assert.match(verdicts[0].detail, /expected sha256 (440fcabf|ba891046)[0-9a-f]+ \(published\), found/);
  }
  assert.equal(fingerprints.size, 1);
});

test("half of MNIST is named, with what was found, by the stand-in, the error and `data where`", async (t) => {
  const cases: [string, string[], RegExp][] = [
    [
      "one file lacks",
      ["mnist/train-labels-idx1-ubyte", "mnist/t10k-images-idx3-ubyte", "mnist/t10k-labels-idx1-ubyte"],
      /no MNIST at \S+mnist: lacks train-images-idx3-ubyte \(found t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte, train-labels-idx1-ubyte\)/,
    ],
    [
      "names that are not known",
      ["mnist/train_images.bin", "mnist/._train-images-idx3-ubyte"],
      /no MNIST at \S+mnist: lacks train-images-idx3-ubyte, train-labels.*, t10k-images.*, t10k-labels-idx1-ubyte \(found train_images\.bin\)/,
    ],
    [
      "the fuller of two folders",
      ["mnist/readme.txt", "MNIST/raw/train-images-idx3-ubyte"],
      /no MNIST at \S+MNIST\/raw: lacks train-labels-idx1-ubyte, .* \(found train-images-idx3-ubyte\)/,
    ],
  ];
  for (const [name, paths, words] of cases) {
    const root = write(
      temporaryFolder(t),
      Object.fromEntries(
        paths.map((path) => [path, DIGITS[path.split("/").at(-1) ?? ""] ?? Buffer.from("x")]),
      ),
    );
    const { provenance } = await openMnist({ root, allowDownload: false });
    assert.ok(provenance.standIn);
    assert.match(provenance.source, words, name);
    assert.match(provenance.source, /, and downloads are off; training on generated digits$/);
    await assert.rejects(openMnist({ root, ...offline }), words);
    const [{ present, gap = "" }] = await whereData("mnist", root);
    assert.equal(present, false);
    assert.match(`no MNIST at ${gap}`, words);
    assert.match((await verifyData("mnist", root))[0].detail, /not complete: .*: lacks/);
  }
});

test("links are followed; one to nothing is an error that names it and says what fetches it", async (t) => {
  const store = digits(t, (name) => name);
  const root = temporaryFolder(t);
  mkdirSync(join(root, "mnist"));
  const targets: [string, RegExp][] = [
    ["../.git/annex/objects/1x/2y/SHA256E-s9.gz", /git annex get$/],
    ["/var/cache/.dvc/cache/files/md5/aa/bb", /dvc pull$/],
    ["../elsewhere", /put it there, or remove the link/],
  ];
  for (const name of Object.keys(DIGITS)) symlinkSync(join(store, name), join(root, "mnist", name));
  assert.equal((await openMnist({ root, ...offline })).provenance.training, 18);
  for (const [target, words] of targets) {
    const other = temporaryFolder(t);
    mkdirSync(join(other, "mnist"));
    symlinkSync(target, join(other, "mnist", "train-images-idx3-ubyte"));
    await assert.rejects(openMnist({ root: other, allowDownload: false }), (error) => {
      assert.ok(error instanceof DataError);
      assert.match(error.message, /mnist\/train-images-idx3-ubyte: a link whose target .* is not there/);
      assert.match(error.message, words);
      return true;
    });
    assert.equal((await verifyData("mnist", other))[0].status, "damaged");
  }
  const circle = temporaryFolder(t);
  symlinkSync("mnist", join(circle, "mnist"));
  await assert.rejects(openMnist({ root: circle, allowDownload: false }), /leads back to itself/);
});

const PART = PUBLIC_SETS.cifar10.parts[0];
const COUNT = 4;

/** The rows and labels of a CIFAR-10 batch. */
function rowsOf(n: number): { rows: Buffer; labels: number[] } {
  const rows = Buffer.from(Array.from({ length: COUNT * 3072 }, (_, i) => (i * 5 + n * 31) % 256));
  return { rows, labels: Array.from({ length: COUNT }, (_, i) => (i + n) % 10) };
}

/** The files of a tiny CIFAR-10, in its binary or its Python version. */
function batches(version: "binary" | "python"): Record<string, Buffer> {
  return Object.fromEntries(
    PART.needs.map((need, n) => {
      const { rows, labels } = rowsOf(n);
      if (version === "python") return [need.slice(0, -4), pickledBatch(rows, labels, "python2")];
      const records = labels.map((label, i) =>
        Buffer.concat([Buffer.from([label]), rows.subarray(3072 * i, 3072 * (i + 1))]),
      );
      return [need, Buffer.concat(records)];
    }),
  );
}

const under = (folder: string, files: Record<string, Buffer>): Record<string, Buffer> =>
  Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`${folder}/${name}`, bytes]));

test("CIFAR-10's binary and Python versions are the same data, wherever they lie", async (t) => {
  const layouts: [string, "binary" | "python"][] = [
    ["cifar-10-batches-bin", "binary"],
    ["cifar-10-batches-py", "python"],
    ["cifar10/cifar-10-batches-py", "python"],
    ["cifar10", "python"],
    ["CIFAR10", "binary"],
  ];
  const seen = new Map<string, number[]>();
  for (const [folder, version] of layouts) {
    const root = write(temporaryFolder(t), under(folder, batches(version)));
    const data = await openCifar10({ root, ...offline });
    assert.deepEqual([data.provenance.source, data.training.count], [join(root, folder), 18]);
    seen.set(data.provenance.fingerprint, [...data.test.batch([0, 3]).images.data]);
    assert.deepEqual([...data.test.batch([0, 1, 2, 3]).labels.data], rowsOf(5).labels);
  }
  assert.equal(seen.size, 1);
});

test("CIFAR-10's Python archive, placed by hand, is unpacked if it is the published one", async (t) => {
  const bytes = tarGzFile(
    Object.entries(under("cifar-10-batches-py", batches("python"))).map(([name, content]) => ({
      name,
      content,
    })),
  );
  const root = write(temporaryFolder(t), { "cifar-10-python.tar.gz": bytes });
  await assert.rejects(
    openCifar10({ root, ...offline }),
    /cifar-10-python\.tar\.gz: not the published cifar-10-python\.tar\.gz: expected sha256 6d958be0/,
  );
  const bundles = PART.bundles.map((bundle) => ({
    ...bundle,
    files: bundle.files.map((file) => ({ ...file, md5: undefined, sha256: sha256Of(bytes) })),
  }));
  const set: PublicSet = { ...PUBLIC_SETS.cifar10, parts: [{ ...PART, bundles }] };
  const { provenance } = await openImages({ ...CIFAR10, set }, { root, ...offline });
  assert.deepEqual([provenance.name, provenance.source], ["CIFAR-10", join(root, "cifar-10-batches-py")]);
});

test("a Python batch that asks for more than arrays, or lacks its images or labels, is refused", async (t) => {
  const { rows, labels } = rowsOf(0);
  const cases: [Buffer, RegExp][] = [
    [
      Buffer.from("cos\nsystem\n(S'true'\ntR."),
      /data_batch_1: cannot be read as a Python pickle.*os\.system/,
    ],
    [
      Buffer.from("\x80\x02}.", "latin1"),
      /data_batch_1: expected an array "data" of rows of 3072 bytes, found none/,
    ],
    [
      pickledBatch(rows, labels.slice(1), "python2"),
      /expected the 9216 bytes of an array of shape \[3, 3072\]/,
    ],
    [
      pickledBatch(rows, [0, 1, 2, 10], "python2"),
      /data_batch_1: label of image 3 must be in \[0, 10\), found 10/,
    ],
  ];
  for (const [bytes, words] of cases) {
    const files = { ...batches("python"), data_batch_1: bytes };
    const root = write(temporaryFolder(t), under("cifar-10-batches-py", files));
    await assert.rejects(openCifar10({ root, ...offline }), (error) => {
      assert.ok(error instanceof DataError);
      assert.match(error.message, words);
      return true;
    });
  }
});

test("a small gzip of gigabytes is an error in little memory", async (t) => {
  const members = (head: Buffer, count: number): Buffer =>
    Buffer.concat([gzipSync(head), ...Array<Buffer>(count).fill(gzipSync(Buffer.alloc(1 << 20)))]);
  const before = process.memoryUsage().rss;
  const bombs: [Record<string, Buffer>, RegExp][] = [
    [
      { "mnist/train-images-idx3-ubyte.gz": members(idx([5_000_000, 28, 28], Buffer.alloc(0)), 3739) },
      /train-images-idx3-ubyte\.gz: an idx of shape \[5000000,28,28\] holds 3920000000 bytes, expected at most/,
    ],
    [
      { "mnist/train-images-idx3-ubyte.gz": members(idx([20, 28, 28], Buffer.alloc(0)), 3739) },
      /train-images-idx3-ubyte\.gz: expected at most 15696 bytes once it is unpacked, found more/,
    ],
    [
      { "mnist/train-labels-idx1-ubyte.gz": members(idx([4_000_000_000], Buffer.alloc(0)), 3739) },
      /train-labels-idx1-ubyte\.gz: an idx of shape \[4000000000\] holds/,
    ],
  ];
  for (const [bomb, words] of bombs) {
    const root = digits(t, (name) => `mnist/${name}.gz`);
    write(root, bomb);
    await assert.rejects(openMnist({ root, ...offline }), (error) => {
      assert.ok(error instanceof DataError);
      assert.match(error.message, words);
      return true;
    });
  }
  assert.ok(process.memoryUsage().rss - before < 200e6);
  const { "data_batch_1.bin": _, ...others } = batches("binary");
  const files = { ...others, "data_batch_1.bin.gz": members(Buffer.alloc(0), 400) };
  const root = write(temporaryFolder(t), under("cifar-10-batches-bin", files));
  await assert.rejects(
    openCifar10({ root, ...offline }),
    /data_batch_1\.bin\.gz: expected at most 188220000 bytes once it is unpacked, found more/,
  );
});
