import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { DataError, messageOf } from "spectral-lab/core/errors";
import { randomStream } from "spectral-lab/core/random";
import { readStrided } from "spectral-lab/store/strided";
import { openWeights } from "spectral-lab/store/weights";
import { temporaryFolder } from "./temporary-folder.js";
import {
  call,
  floats,
  global,
  Opcodes,
  opcodes,
  tensor,
  torchFile,
  type Pickling,
  type TorchFile,
} from "./torch-file.js";

function written(t: TestContext, bytes: Buffer, name = "x.pt"): string {
  const path = join(temporaryFolder(t), name);
  fs.writeFileSync(path, bytes);
  return path;
}

/** Names and numbers of all tensors that are read, and why others are not. */
async function contents(path: string): Promise<Record<string, unknown>> {
  const weights = await openWeights(path);
  try {
    return Object.fromEntries(
      weights.tensors.map((stored) => {
        const { name, shape, leftOut } = stored;
        const count = shape.reduce((product, size) => product * size, 1);
        if (leftOut !== undefined || stored.dtype.startsWith("C")) return [name, leftOut ?? stored.dtype];
        return [name, [...(weights.readPart(stored, 0, count) as Float32Array)]];
      }),
    );
  } finally {
    weights.close();
  }
}

const six = { storages: { "0": floats(0, 1, 2, 3, 4, 5) } };
const whole = tensor({ key: "0", elements: 6, shape: [2, 3] });

describe("PyTorch checkpoints", () => {
  it("of PyTorch itself are read, with all their types and views", async () => {
    const all = [...Array(12).keys()];
    assert.deepEqual(await contents("test/store/torch-1.13.pt"), {
      "a.weight": all,
      "t.weight": [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11],
      slice: [5, 6, 9, 10],
      "h.weight": [1.5, -2, 0.25, 65504],
      "b.weight": [1.5, -2, 0.25, 3.00405527047391e38],
      d: [Math.fround(1 / 3), 2],
      n: [3n, -4n],
      flag: [1, 0],
      tied: 'the same numbers as "a.weight" (tied weights)',
      p: [1, 2, 3, 4],
      expanded: "an expanded view of fewer numbers than it has elements",
      c: "C64",
      empty: [],
    });
  });

  it("in big-endian order are turned round", async (t) => {
    const bytes = floats(0, 1, 2, 3, 4, 5).swap32();
    const root = { a: whole, t: tensor({ key: "0", elements: 6, shape: [3, 2], strides: [1, 3] }) };
    const path = written(t, torchFile(root, { storages: { "0": bytes }, byteorder: "big" }));
    assert.deepEqual(await contents(path), { a: [0, 1, 2, 3, 4, 5], t: [0, 3, 1, 4, 2, 5] });
  });

  it("with more than a model in them give the model, under its own names", async (t) => {
    const root = {
      epoch: 3,
      model: { module: { "fc.weight": whole }, version: "1" },
      optimizer: { state: [{ exp_avg: tensor({ key: "0", elements: 6, offset: 3, shape: [3] }) }], lr: null },
    };
    assert.deepEqual(await contents(written(t, torchFile(root, six))), {
      "fc.weight": [0, 1, 2, 3, 4, 5],
      "optimizer.state.0.exp_avg": 'not of the model: beside its "model"',
    });
    const nested = { a: { b: [whole] }, optimizer: {} };
    assert.deepEqual(Object.keys(await contents(written(t, torchFile(nested, six)))), ["a.b.0"]);
  });

  it("in shards are found by their index and in a folder", async (t) => {
    const folder = temporaryFolder(t);
    const shard = (i: number): string => `pytorch_model-0000${i}-of-00002.bin`;
    for (const i of [1, 2]) fs.writeFileSync(join(folder, shard(i)), torchFile({ [`w${i}`]: whole }, six));
    fs.writeFileSync(join(folder, "training_args.bin"), "something else");
    assert.deepEqual(Object.keys(await contents(folder)), ["w1", "w2"]);
    const index = { weight_map: { w2: shard(2), w1: shard(1) } };
    fs.writeFileSync(join(folder, "pytorch_model.bin.index.json"), JSON.stringify(index));
    assert.deepEqual(Object.keys(await contents(folder)), ["w1", "w2"]);
    fs.rmSync(join(folder, shard(1)));
    assert.match((await openWeights(folder)).faults.join(), /its shard "pytorch_model-00001.* is missing/);
  });

  it("that were changed meanwhile are noticed", async (t) => {
    const path = written(t, torchFile({ w: whole }, six));
    const weights = await openWeights(path);
    fs.writeFileSync(path, torchFile({ other: whole, w: whole }, six));
    assert.throws(() => weights.readPart(weights.tensors[0], 0, 6), /the file was changed while it was read/);
  });
});

describe("what is no checkpoint of tensors is refused in one sentence", () => {
  const wide = (shape: number[], strides: number[], offset = 0): Opcodes =>
    tensor({ key: "0", elements: 6, shape, strides, offset });
  const raw = (text: string): Opcodes => new Opcodes(Buffer.from(text, "latin1"));
  let doubled: Pickling = raw("]");
  for (let i = 0; i < 40; i++)
    doubled = raw(
      `${opcodes(doubled).toString("latin1")}q${String.fromCharCode(i)}0](h${String.fromCharCode(i)}h${String.fromCharCode(i)}e`,
    );
  const convert = /torch\.load\(.*save_file/;
  const cases: Record<string, [Pickling, RegExp, Partial<TorchFile>?]> = {
    "a program": [
      raw("cos\nsystem\n(X\x02\x00\x00\x00lstR"),
      /asks for Python's os\.system, which a file of tensors does not need: refused/,
    ],
    "a program, with advice": [raw("cos\nsystem\n(X\x02\x00\x00\x00lstR"), convert],
    "a whole module": [
      raw("ctorch.nn.modules.linear\nLinear\n)\x81"),
      /Python's torch\.nn\.modules\.linear\.Linear/,
    ],
    "a quantised tensor": [call(global("torch._utils", "_rebuild_qtensor")), /_rebuild_qtensor/],
    "a NumPy number": [call(global("numpy.core.multiarray", "scalar")), /numpy\.core\.multiarray\.scalar/],
    "names of Object.prototype": [global("torch", "toString"), /torch\.toString/],
    "storages that are none": [raw("X\x01\x00\x00\x00aQ"), /expected a storage, found another value/],
    "attributes of a tensor": [
      raw(`${whole.bytes.toString("latin1")}}b`),
      /expected a dictionary and its attributes/,
    ],
    "no tensors": [{ epoch: 3 }, /expected a PyTorch checkpoint with tensors, found none/],
    "a storage that is missing": [
      { a: whole },
      /tensor "a": expected its storage data\/"0" in the archive, found none/,
      { storages: {} },
    ],
    "a storage cut short": [
      { a: whole },
      /expected 24 bytes in its storage data\/"0", found 20/,
      { storages: { "0": floats(1, 2, 3, 4, 5) } },
    ],
    "a view beyond its storage": [
      { a: wide([2, 3], [4, 1]) },
      /expected a storage of 28 bytes for shape \[2, 3\] and strides \[4, 1\], found 24/,
    ],
    "an offset beyond it": [{ a: wide([2, 3], [3, 1], 1) }, /expected a storage of 28 bytes/],
    "a negative stride": [
      { a: wide([2, 3], [3, -1]) },
      /expected a storage, and a tensor's offset, shape and strides/,
    ],
    "too few strides": [{ a: wide([2, 3], [3]) }, /a stride for each of 2 sizes, found 1/],
    "a list that holds itself": [raw("]q\x00h\x00a"), /at most \d+ values in 100 levels, found more/],
    "lists in lists that double": [doubled, /at most 3000000 values/],
    "compressed storages": [{ a: whole }, /a data\.pkl that is compressed/, { zip: { deflated: true } }],
    "lengths that are wrong": [{ a: whole }, /cannot be read as a zip archive: /, { zip: { length: 5 } }],
    "a damaged list": [{ a: whole }, /its CRC-32 differs/, { zip: { crc: 5 } }],
    "another byte order": [
      { a: whole },
      /byte order "little" or "big", found "middle"/,
      { byteorder: "middle" },
    ],
    "two lists": [{ a: whole }, /one data\.pkl\), found several/, { more: { "b/data.pkl": "." } }],
    TorchScript: [
      { a: whole },
      /found a program \(TorchScript\)/,
      { more: { "archive/constants.pkl": "." } },
    ],
    "a name that leads out": [
      { a: whole },
      /cannot be read as a zip archive: invalid relative path/,
      { more: { "../x": "." } },
    ],
  };
  for (const [name, [root, message, file]] of Object.entries(cases)) {
    it(name, async (t) => {
      const path = written(t, torchFile(root, { ...six, ...file }));
      await assert.rejects(openWeights(path), (error) => {
        assert.ok(error instanceof DataError, String(error));
        assert.match(error.message, message);
        assert.ok(error.message.startsWith(path) && !error.message.includes("\n"));
        return true;
      });
    });
  }

  it("older formats, other archives, and archives cut short", async (t) => {
    const bytes = torchFile({ a: whole }, six);
    const tar = Buffer.alloc(1024);
    tar.write("ustar", 257);
    const old = Buffer.from("\x80\x02\x8a\x0alxn", "latin1");
    const files: [Buffer, RegExp][] = [
      [old, /since version 1\.6 .*found a Python pickle .*torch\.load/],
      [tar, /found a tar archive .*torch\.load/],
      [bytes.subarray(0, -30), /cannot be read as a zip archive: /],
      [torchFile({}, six).subarray(0, 200), /cannot be read as a zip archive: /],
    ];
    for (const [file, message] of files)
      await assert.rejects(openWeights(written(t, file)), (error: Error) => message.test(messageOf(error)));
  });

  it("two files of an archive that share bytes", async (t) => {
    const bytes = torchFile(
      { a: whole },
      { storages: { "0": floats(0, 1, 2, 3, 4, 5), "1": floats(0, 1, 2, 3, 4, 5) } },
    );
    const [first, second] = ["archive/data/0", "archive/data/1"].map((name) => bytes.lastIndexOf(name));
    bytes.copyWithin(second - 4, first - 4, first); // where the second one's local header is said to be
    await assert.rejects(openWeights(written(t, bytes)), /"archive\/data\/0" and "archive\/data\/1" overlap/);
  });
});

describe("views that do not lie row after row", () => {
  it("are read in part as a copy of them would be", () => {
    const random = randomStream(1, "strided");
    for (let round = 0; round < 200; round++) {
      const width = [1, 2, 4, 8][round % 4];
      const axes = 1 + random.integer(4);
      const shape = Array.from({ length: axes }, () => 1 + random.integer(5));
      const order = shape.map((_, axis) => axis).sort(() => random.uniform(-1, 1));
      const strides = shape.map(() => 0);
      let next = 1 + random.integer(3);
      for (const axis of order) {
        strides[axis] = random.integer(8) === 0 ? 0 : next;
        next *= shape[axis] + random.integer(2);
      }
      const start = random.integer(5);
      const elements = start + shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis], 1);
      const storage = Uint8Array.from({ length: elements * width }, () => random.integer(256));
      const count = shape.reduce((product, size) => product * size, 1);
      const expected = Array.from({ length: count }, (_, flat) => {
        let at = start;
        for (let axis = axes - 1, rest = flat; axis >= 0; rest = Math.floor(rest / shape[axis]), axis--)
          at += (rest % shape[axis]) * strides[axis];
        return [...storage.subarray(at * width, (at + 1) * width)];
      });
      const source = {
        name: "x",
        size: storage.length,
        read: (at: number, length: number) => storage.slice(at, at + length),
      };
      const from = random.integer(count);
      const many = 1 + random.integer(count - from);
      const found = readStrided(source, { offset: start * width, width, shape, strides }, from, many);
      assert.deepEqual([...found], expected.slice(from, from + many).flat());
    }
  });

  it("are read in few pieces, and no more of the file than 16 times what is wanted", () => {
    const storage = new Uint8Array(1000 * 1000);
    let [reads, bytes] = [0, 0];
    const read = (at: number, length: number): Uint8Array => {
      [reads, bytes] = [reads + 1, bytes + length];
      return storage.slice(at, at + length);
    };
    const source = { name: "x", size: storage.length, read };
    readStrided(source, { offset: 0, width: 1, shape: [1000, 1000], strides: [1, 1000] }, 0, 1_000_000);
    assert.deepEqual([reads, bytes], [1, 1_000_000]);
    [reads, bytes] = [0, 0];
    readStrided(source, { offset: 0, width: 1, shape: [1000, 2], strides: [1000, 1] }, 0, 2000);
    assert.deepEqual([reads, bytes], [1000, 2000]);
  });
});
