import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import { float32, sizeOf, type NamedArrays } from "spectral-lab/core/array";
import { messageOf, SpectralError } from "spectral-lab/core/errors";
import { type Random, randomStream } from "spectral-lab/core/random";
import { unpackArchive } from "spectral-lab/data/archive";
import { readReceipt, writeReceipt } from "spectral-lab/data/checksum";
import { readCifarBatches } from "spectral-lab/data/cifar10";
import { readIdx } from "spectral-lab/data/idx";
import { parseForeignJson } from "spectral-lab/data/json";
import { writeTokensFromParquet } from "spectral-lab/data/parquet";
import { readPickle } from "spectral-lab/data/pickle";
import { flacReader } from "spectral-lab/data/speech/flac";
import { textOf } from "spectral-lab/data/text/encoding";
import { readNotebook } from "spectral-lab/kernel/notebook";
import { openRun } from "spectral-lab/store/run";
import { encode } from "spectral-lab/store/safetensors";
import { readRun, verifyRun } from "spectral-lab/store/stored-run";
import { openWeights } from "spectral-lab/store/weights";
import { parseEdit } from "spectral-lab/train/edits/edit";
import { toSteps } from "spectral-lab/core/time";
import { pickledBatch } from "./data/pickle-file.js";
import { flacFile } from "./data/speech/flac-file.js";
import { tarGzFile } from "./data/tar-file.js";
import { zipFile } from "./data/zip-file.js";
import { temporaryFolder } from "./store/temporary-folder.js";
import { floats, tensor, torchFile } from "./store/torch-file.js";
import { toy } from "./store/toy-run.js";
import { times } from "./support/long.js";
import { Tally } from "./support/tally.js";

/** A format: a whole file of it, and what reads one. */
interface Format {
  readonly name: string;
  readonly whole: Buffer;
  read(bytes: Buffer): unknown;
  /** A sum of it is kept elsewhere, so that every change is to be refused; what follows it may be passed over. */
  readonly sealed?: boolean;
}

const MUTATIONS = times(75); // of each format
const LONGEST = 10_000; // milliseconds that one reading may take: a hang, not a slow machine

/** Numbers that lengths, counts and offsets break at, as text. */
const NUMBERS = ["-1", "0", "4294967296", "9007199254740993", "1e309", "null", "[]", '"\\u0000"', "{}"];

/** One seeded damage: a byte, a cut, a repeated or lost stretch, an extreme number, noise. */
function mutate(whole: Buffer, random: Random): Buffer {
  const at = random.integer(whole.length);
  const length = Math.min(whole.length - at, 1 + random.integer(40));
  const bytes = Buffer.from(whole);
  const kinds = [
    () => bytes.subarray(0, at),
    () => ((bytes[at] ^= 1 << random.integer(8)), bytes),
    () => bytes.fill(random.integer(2) * 255, at, at + length),
    () => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]),
    () => Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]),
    () => Buffer.concat([bytes, Buffer.from("trailing")]),
    () => bytes.map((byte, i) => (i >= at && i < at + length ? random.integer(256) : byte)) as Buffer,
    () => {
      const text = whole.toString("latin1");
      const numbers = [...text.matchAll(/\d+/g)];
      if (numbers.length === 0) return bytes.subarray(at);
      const found = numbers[random.integer(numbers.length)];
      const other = NUMBERS[random.integer(NUMBERS.length)];
      return Buffer.from(
        text.slice(0, found.index) + other + text.slice(found.index + found[0].length),
        "latin1",
      );
    },
  ];
  return Buffer.from(kinds[random.integer(kinds.length)]());
}

/** Settles as `work` does, or fails once it took too long. */
async function within(work: Promise<unknown>): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((_, reject) => {
    timer = setTimeout(reject, LONGEST, new Error(`did not settle within ${LONGEST} ms`));
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

const sine = Int16Array.from({ length: 5000 }, (_, i) => Math.round(8000 * Math.sin(i / 9)));
const arrays: NamedArrays = new Map([
  [
    "conv.weight",
    float32(
      [2, 1, 3, 3],
      Float32Array.from({ length: 18 }, (_, i) => i / 7),
    ),
  ],
  ["fc.weight", float32([3, 4], new Float32Array(12).fill(0.5))],
]);

function idx(): Buffer {
  const head = Buffer.from([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28]);
  return Buffer.concat([head, Buffer.alloc(2 * 784, 7)]);
}

test("damaged files of every format are read, or refused by one error of ours", async (t) => {
  const folder = temporaryFolder(t);
  const at = (name: string, bytes: Buffer): string => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };
  const run = openRun(folder, toy, { onWarning: () => undefined });
  run.writeArrays(0, arrays);
  run.writeWeights(0, arrays);
  run.appendRows([0, 4, 8].map((step) => ({ step, probe: "spectra", matrix: "w", value: step / 3 })));
  run.update({ status: "finished", step: 8, finished: new Date().toISOString() });
  run.close();
  const ofRun = (file: string): Format => {
    const path = join(run.folder, file);
    const whole = readFileSync(path);
    const read = (bytes: Buffer): void => {
      writeFileSync(path, bytes);
      try {
        const reader = readRun(run.folder);
        verifyRun(reader, true);
        reader.rows();
      } finally {
        writeFileSync(path, whole);
      }
    };
    return { name: file, whole, read, sealed: file !== "run.json" };
  };
  writeReceipt(join(folder, "receipt"), {
    source: "x",
    checkedBy: "form",
    files: { "": { bytes: 3, sha256: "0".repeat(64) } },
  });
  const notebook = {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: { kernelspec: { name: "tslab", display_name: "TypeScript", language: "typescript" } },
    cells: [
      {
        id: "a",
        cell_type: "code",
        metadata: { tags: ["x"] },
        source: ["1 + 1"],
        outputs: [],
        execution_count: 3,
      },
      { id: "b", cell_type: "markdown", metadata: {}, source: "# A" },
    ],
  };
  const flac = await flacReader();
  const unpack = (name: string, kind: "zip" | "tar.gz") => async (bytes: Buffer) => {
    const root = mkdtempSync(join(folder, "unpacking-"));
    const form = kind === "zip" ? "zip" : "gzip";
    await unpackArchive(at(name, bytes), { name, urls: [], form }, kind, root, "unpacked");
  };
  const formats: Format[] = [
    {
      name: "safetensors",
      whole: encode(arrays, { a: "b" }),
      read: async (bytes) => {
        const weights = await openWeights(at("w.safetensors", bytes));
        weights.tensors.forEach((tensor) => String(tensor.name));
      },
    },
    {
      name: "PyTorch checkpoint",
      whole: torchFile(
        {
          "a.weight": tensor({ key: "0", elements: 6, shape: [3, 2], strides: [1, 3] }),
          "b.weight": tensor({ type: "Half", key: "1", elements: 12, shape: [2, 2, 3] }),
          epoch: 3,
        },
        { storages: { "0": floats(1, 2, 3, 4, 5, 6), "1": Buffer.alloc(24, 0x3c) }, byteorder: "little" },
      ),
      read: async (bytes) => {
        const weights = await openWeights(at("w.pt", bytes));
        try {
          for (const stored of weights.tensors)
            if (stored.leftOut === undefined) weights.readPart(stored, 0, Math.min(6, sizeOf(stored.shape)));
        } finally {
          weights.close();
        }
      },
    },
    ofRun("run.json"),
    ofRun("rows.jsonl"),
    ofRun("steps/0.safetensors"),
    ofRun("weights/0.safetensors"),
    { name: "idx", whole: idx(), read: (bytes) => readIdx(at("x-idx3-ubyte", bytes), 3) },
    { name: "idx.gz", whole: gzipSync(idx()), read: (bytes) => readIdx(at("x-idx3-ubyte.gz", bytes), 3) },
    {
      name: "CIFAR-10 binary",
      whole: Buffer.alloc(2 * 3073, 3),
      read: (bytes) => readCifarBatches([at("data_batch_1.bin", bytes)]),
    },
    {
      name: "CIFAR-10 pickle",
      whole: pickledBatch(Buffer.alloc(2 * 3072, 9), [1, 2], "python2"),
      read: (bytes) => readCifarBatches([at("data_batch_1", bytes)]),
    },
    {
      name: "pickle, protocol 4",
      whole: pickledBatch(Buffer.alloc(2 * 3072, 9), [1, 2], "python3-protocol4"),
      read: (bytes) => readPickle(bytes, "pickle"),
    },
    {
      name: "zip",
      whole: zipFile({ "unpacked/a": "hello ".repeat(30) }, { deflated: true }),
      read: unpack("a.zip", "zip"),
    },
    {
      name: "tar.gz",
      whole: tarGzFile([
        { name: "unpacked/a", content: "hello" },
        { name: "unpacked/b", content: "b" },
      ]),
      read: unpack("a.tar.gz", "tar.gz"),
    },
    {
      name: "Parquet",
      whole: Buffer.from(
        parquetWriteBuffer({
          columnData: [{ name: "text", data: ["a b", " = c = \n", ""], type: "STRING" }],
        }),
      ),
      read: (bytes) =>
        writeTokensFromParquet(
          [at("train-0.parquet", bytes), at("validation-0.parquet", bytes)],
          join(folder, "text"),
        ),
    },
    { name: "FLAC", whole: flacFile(sine), read: (bytes) => flac.read(at("s.flac", bytes)) },
    {
      name: "JSON",
      whole: Buffer.from('{"model":{"vocab":{"a":0,"b":1}},"merges":[["a","b"]]}'),
      read: (bytes) => parseForeignJson(bytes, "tokenizer.json"),
    },
    {
      name: "text",
      whole: Buffer.from("größe the cat <unk> 層\n"),
      read: (bytes) => textOf(bytes, "wiki.train.tokens"),
    },
    {
      name: "receipt",
      whole: readFileSync(join(folder, "receipt.json")),
      read: (bytes) => (at("receipt.json", bytes), readReceipt(join(folder, "receipt"))),
    },
    {
      name: "notebook",
      whole: Buffer.from(JSON.stringify(notebook)),
      read: (bytes) => readNotebook(at("n.ipynb", bytes)),
    },
    {
      name: "edit",
      whole: Buffer.from("magnitude:0.05"),
      read: (bytes) => parseEdit(bytes.toString("latin1")),
    },
    {
      name: "moment",
      whole: Buffer.from("500it"),
      read: (bytes) =>
        toSteps(bytes.toString("latin1"), { totalSteps: 1000, stepsPerEpoch: 10 } as Parameters<
          typeof toSteps
        >[1]),
    },
  ];
  const tally = new Tally();
  const faults: string[] = [];
  for (const { name, whole, read, sealed } of formats) {
    await within(Promise.resolve().then(() => read(whole))); // what is whole is read
    const random = randomStream(20, `fuzz/${name}`);
    for (let i = 0; i < MUTATIONS; i++) {
      const bytes = mutate(whole, random);
      const fault = await within(Promise.resolve().then(() => read(bytes))).then(
        () =>
          sealed && !bytes.subarray(0, whole.length).equals(whole)
            ? new Error("a changed file was accepted")
            : undefined,
        (error: unknown) => (error instanceof SpectralError ? undefined : error),
      );
      tally.note(name, fault === undefined);
      if (fault !== undefined)
        faults.push(`${name} ${i}: ${messageOf(fault)} ${(fault as Error).stack ?? ""}`);
    }
  }
  t.diagnostic(`\n${tally.toString()}`);
  assert.ok(MUTATIONS * formats.length >= 1000);
  assert.deepEqual(faults, []);
});
