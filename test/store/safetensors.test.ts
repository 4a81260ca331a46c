import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { float32, type NamedArrays } from "spectral-lab/core/array";
import { DataError, StoreError } from "spectral-lab/core/errors";
import { randomStream } from "spectral-lab/core/random";
import {
  decode,
  encode,
  openSafetensors,
  readSafetensors,
  writeSafetensors,
} from "spectral-lab/store/safetensors";
import { temporaryFolder } from "./temporary-folder.js";

const arrays: NamedArrays = new Map([
  ["10", { dtype: "U8", shape: [3], data: Uint8Array.of(1, 2, 255) }],
  ["weight", float32([2, 3], Float32Array.of(1, -2, 3.5, NaN, Infinity, 1e-45))],
  ["2", { dtype: "F64", shape: [], data: Float64Array.of(Math.PI) }],
  ['steps é"\\\n', { dtype: "I64", shape: [2], data: BigInt64Array.of(-1n, 2n ** 62n) }],
  ["mask", { dtype: "BOOL", shape: [1, 5], data: Uint8Array.of(1, 0, 1, 1, 0) }],
  ["__proto__", { dtype: "I32", shape: [2], data: Int32Array.of(-7, 7) }],
  ["empty", float32([0, 4], new Float32Array(0))],
]);

/** A file from header text and data, as a foreign writer might make it. */
function file(header: string, data: Uint8Array = new Uint8Array(0)): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  return Buffer.concat([length, Buffer.from(header), data]);
}

const entry = (dtype: string, shape: unknown, offsets: unknown): string =>
  JSON.stringify({ dtype, shape, data_offsets: offsets });

describe("safetensors round trip", () => {
  it("returns every type, shape, value, name and the order", () => {
    const { arrays: back, metadata } = decode(encode(arrays, { step: "7" }), "buffer");
    assert.deepEqual([...back], [...arrays]);
    assert.deepEqual(metadata, { step: "7" });
  });

  it("aligns the data and shares the buffer's memory", () => {
    const buffer = Buffer.from(new Uint8Array(encode(arrays)).buffer);
    assert.equal(Number(buffer.readBigUInt64LE()) % 8, 0);
    for (const [name, { data }] of decode(buffer, "buffer").arrays)
      assert.equal(data.buffer, buffer.buffer, name);
  });

  it("reads from a buffer at an odd address", () => {
    const encoded = encode(arrays);
    const odd = Buffer.alloc(encoded.length + 1).subarray(1);
    encoded.copy(odd);
    assert.deepEqual([...decode(odd, "buffer").arrays], [...arrays]);
  });

  it("writes equal bytes for equal arrays, through a file too", (t) => {
    const path = join(temporaryFolder(t), "a.safetensors");
    writeSafetensors(path, arrays, { a: "b" });
    assert.deepEqual(fs.readFileSync(path), encode(arrays, { a: "b" }));
    assert.deepEqual(readSafetensors(path), decode(encode(arrays, { a: "b" }), path));
  });

  it("reads one tensor of a file at a time", (t) => {
    const path = join(temporaryFolder(t), "a.safetensors");
    writeSafetensors(path, arrays);
    const opened = openSafetensors(path);
    assert.deepEqual(opened.names, [...arrays.keys()]);
    assert.deepEqual(opened.info("weight").shape, [2, 3]);
    assert.deepEqual(opened.read("weight"), arrays.get("weight"));
    assert.throws(() => opened.read("bias"), /a\.safetensors: expected a tensor "bias", found none/);
    opened.close();
  });

  it("copes with metadata of 30 MB", () => {
    const long = "x".repeat(30e6);
    assert.equal(decode(encode(new Map(), { long }), "buffer").metadata.long, long);
  });

  it("refuses a reserved name and an array that does not fill its shape", () => {
    assert.throws(() => encode(new Map([["__metadata__", float32([1], Float32Array.of(1))]])), DataError);
    const short = { dtype: "F32", shape: [2, 2], data: Float32Array.of(1) } as const;
    assert.throws(() => encode(new Map([["w", short]])), /"w" of shape \[2, 2\] holds 1 elements/);
  });
});

describe("safetensors from elsewhere", () => {
  const read = (dtype: string, bytes: Uint8Array): unknown => {
    const count =
      dtype === "I8"
        ? bytes.length
        : bytes.length / (/(\d+)/.exec(dtype)![1] === "16" ? 2 : dtype.endsWith("64") ? 8 : 4);
    return decode(file(`{"x":${entry(dtype, [count], [0, bytes.length])}}`, bytes), "buffer").arrays.get("x");
  };
  const bytesOf = (data: Uint16Array | Int16Array | Uint32Array | BigUint64Array): Uint8Array =>
    new Uint8Array(data.buffer);

  it("converts F16 and BF16 to F32", () => {
    const halves = Uint16Array.of(
      0x0000,
      0x3c00,
      0xc000,
      0x7bff,
      0x0001,
      0x03ff,
      0x7c00,
      0xfc00,
      0x7e00,
      0x3555,
    );
    const values = [0, 1, -2, 65504, 2 ** -24, 1023 * 2 ** -24, Infinity, -Infinity, NaN, 0.333251953125];
    assert.deepEqual(read("F16", bytesOf(halves)), float32([10], Float32Array.from(values)));
    const brain = Uint16Array.of(0x3f80, 0xc000, 0x7f80, 0xff80, 0x7fc0, 0x4049, 0x0001);
    const numbers = [1, -2, Infinity, -Infinity, NaN, 3.140625, 2 ** -133];
    assert.deepEqual(read("BF16", bytesOf(brain)), float32([7], Float32Array.from(numbers)));
  });

  it("converts the other integers", () => {
    assert.deepEqual(read("I8", Uint8Array.of(0xff, 1)), {
      dtype: "I32",
      shape: [2],
      data: Int32Array.of(-1, 1),
    });
    const i16 = { dtype: "I32", shape: [2], data: Int32Array.of(-2, 300) };
    assert.deepEqual(read("I16", bytesOf(Int16Array.of(-2, 300))), i16);
    const u16 = { dtype: "I32", shape: [1], data: Int32Array.of(65535) };
    assert.deepEqual(read("U16", bytesOf(Uint16Array.of(65535))), u16);
    const u32 = { dtype: "I64", shape: [1], data: BigInt64Array.of(4294967295n) };
    assert.deepEqual(read("U32", bytesOf(Uint32Array.of(4294967295))), u32);
    const u64 = { dtype: "I64", shape: [1], data: BigInt64Array.of(2n ** 63n - 1n) };
    assert.deepEqual(read("U64", bytesOf(BigUint64Array.of(2n ** 63n - 1n))), u64);
    assert.throws(
      () => read("U64", bytesOf(BigUint64Array.of(5n, 2n ** 63n))),
      /buffer, tensor "x".*at index 1/,
    );
  });

  it("decodes eight-bit floats exactly", () => {
    const values = (dtype: string, codes: readonly number[]): unknown => {
      const bytes = Uint8Array.from(codes);
      const array = decode(file(`{"x":${entry(dtype, [codes.length], [0, codes.length])}}`, bytes), "b");
      assert.equal(array.arrays.get("x")!.dtype, "F32");
      return [...array.arrays.get("x")!.data];
    };
    // Open Compute Project, OFP8: largest, smallest normal, largest and smallest subnormal, one, -0, special codes.
    assert.deepEqual(values("F8_E4M3", [0x7e, 0x08, 0x07, 0x01, 0x38, 0x80, 0x7f, 0xff, 0xfe]), [
      448,
      2 ** -6,
      0.875 * 2 ** -6,
      2 ** -9,
      1,
      -0,
      NaN,
      NaN,
      -448,
    ]);
    assert.deepEqual(values("F8_E5M2", [0x7b, 0x04, 0x03, 0x01, 0x3c, 0x7c, 0xfc, 0x7d]), [
      57344,
      2 ** -14,
      0.75 * 2 ** -14,
      2 ** -16,
      1,
      Infinity,
      -Infinity,
      NaN,
    ]);
    assert.deepEqual(values("F8_E4M3FNUZ", [0x7f, 0x80, 0x40, 0x01]), [240, NaN, 1, 2 ** -10]);
    assert.deepEqual(values("F8_E5M2FNUZ", [0x7f, 0x80, 0x40, 0x01]), [57344, NaN, 1, 2 ** -17]);
  });

  it("lists tensors of types that it cannot read, and reads the others", (t) => {
    const path = join(temporaryFolder(t), "f4.safetensors");
    const header = `{"a":${entry("F32", [1], [0, 4])},"b":${entry("F4", [2, 4], [4, 8])},"c":${entry("X9", [7], [8, 9])}}`;
    fs.writeFileSync(path, file(header, new Uint8Array(9)));
    const opened = openSafetensors(path);
    assert.deepEqual(opened.names, ["a", "b", "c"]);
    assert.equal(opened.info("b").dtype, "F4");
    assert.deepEqual(opened.read("a").data, Float32Array.of(0));
    assert.throws(() => opened.read("b"), /for tensor "b", found "F4": packed four-bit numbers/);
    opened.close();
    assert.throws(() => readSafetensors(path), DataError); // a checkpoint shall be read whole
  });

  it("reads parts of a tensor beyond 4 GiB", (t) => {
    const path = join(temporaryFolder(t), "large.safetensors");
    const count = 2 ** 30 + 5;
    fs.writeFileSync(path, file(`{"x":${entry("F32", [count], [0, 4 * count])}}`.padEnd(96)));
    fs.truncateSync(path, 104 + 4 * count); // a hole: no disk is used
    const end = fs.openSync(path, "r+");
    fs.writeSync(end, new Uint8Array(Float32Array.of(1.5, 2.5).buffer), 0, 8, 104 + 4 * (count - 2));
    fs.closeSync(end);
    const opened = openSafetensors(path);
    assert.deepEqual([...opened.readPart("x", count - 3, 3)], [0, 1.5, 2.5]);
    opened.close();
  });

  it("takes null for no metadata, as other readers do", () => {
    const bytes = file(`{"__metadata__":null,"a":${entry("F32", [1], [0, 4])}}`, new Uint8Array(4));
    assert.deepEqual(decode(bytes, "buffer").metadata, {});
  });

  it("reads 130,000 tensors of one file", () => {
    const many = Array.from({ length: 130_000 }, (_, i) => `"t${i}":${entry("U8", [1], [i, i + 1])}`);
    const { arrays: back } = decode(file(`{${many.join(",")}}`, new Uint8Array(130_000).fill(7)), "buffer");
    assert.equal(back.size, 130_000);
    assert.deepEqual(back.get("t129999")!.data, Uint8Array.of(7));
  });

  it("reads tensors in any order of the data", () => {
    const header = `{"b":${entry("U8", [1], [2, 3])},"a":${entry("U8", [2], [0, 2])}}  `;
    const { arrays: back } = decode(file(header, Uint8Array.of(1, 2, 3)), "buffer");
    assert.deepEqual(
      [...back].map(([name, { data }]) => [name, [...data]]),
      [
        ["b", [3]],
        ["a", [1, 2]],
      ],
    );
  });
});

describe("damaged and foreign files", () => {
  const eight = new Uint8Array(8);
  const f32 = (offsets: unknown, shape: unknown = [1]): string => entry("F32", shape, offsets);
  const cases: [what: string, bytes: Buffer, message: RegExp][] = [
    ["an empty file", Buffer.alloc(0), /8 bytes of header length, found a file of 0 bytes/],
    ["a truncated length", Buffer.alloc(5), /found a file of 5 bytes/],
    [
      "a truncated header",
      encode(arrays).subarray(0, 60),
      /a header that fits the file's 60 bytes, found a header length/,
    ],
    [
      "a huge header length",
      Buffer.from("ffffffffffffffff7b", "hex"),
      /a header length of 18446744073709552000/,
    ],
    [
      "truncated data",
      encode(arrays).subarray(0, -1),
      /bytes in all \(header and tensors\), found a file of/,
    ],
    ["bytes left over", Buffer.concat([encode(arrays), eight]), /bytes in all/],
    ["no header", Buffer.alloc(16), /no header/],
    ["broken JSON", file(`{"a":${f32([0, 4])}`, eight), /a JSON header, found/],
    ["broken UTF-8", file("{\xff").fill(0xff, 9), /a JSON header, found/],
    [
      "a duplicate name",
      file(`{"a":${f32([0, 4])},"\\u0061":${f32([4, 8])}}`, eight),
      /every name once, found "a" twice/,
    ],
    [
      "an overlap",
      file(`{"a":${f32([0, 4])},"b":${f32([2, 6])}}`, eight),
      /tensor "b" at data offset 4, found offset 2/,
    ],
    [
      "a gap",
      file(`{"a":${f32([0, 4])},"b":${f32([5, 9])}}`, eight),
      /tensor "b" at data offset 4, found offset 5/,
    ],
    ["offsets beyond the file", file(`{"a":${f32([0, 400], [100])}}`, eight), /bytes in all/],
    [
      "offsets backwards",
      file(`{"a":${f32([4, 0])}}`, eight),
      /data_offsets \[begin, end\] for tensor "a", found \[4,0\]/,
    ],
    [
      "a wrong byte count",
      file(`{"a":${f32([0, 8], [3])}}`, eight),
      /12 bytes \(F32, shape \[3\]\) for tensor "a", found data_offsets of 8/,
    ],
    [
      "a negative size",
      file(`{"a":${f32([0, 8], [-1, -2])}}`, eight),
      /a shape of whole numbers >= 0 for tensor "a"/,
    ],
    [
      "an overflowing shape",
      file(`{"a":${f32([0, 8], [2 ** 52, 2 ** 52])}}`, eight),
      /for tensor "a", found data_offsets of 8/,
    ],
    [
      "an unknown type",
      file(`{"a":${entry("F9", [8], [0, 8])}}`, eight),
      /F64, F32.*for tensor "a", found "F9"/,
    ],
    [
      "an overflowing shape with a 0",
      file(`{"a":${entry("F32", [...Array<number>(40).fill(2 ** 52), 0], [0, 4])}}`, eight.subarray(4)),
      /0 bytes \(F32/,
    ],
    [
      "offsets beyond whole numbers",
      file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[9007199254740993,9007199254741001]}}`, eight),
      /data_offsets \[begin, end\] for tensor "a"/,
    ],
    [
      "four-bit numbers that fill no byte",
      file(`{"a":${entry("F4", [3], [0, 2])}}`, eight),
      /1\.5 bytes \(F4/,
    ],
    [
      "bytes of an unknown type beyond the file",
      file(`{"a":${entry("X9", [3], [0, 99])}}`, eight),
      /bytes in all/,
    ],
    [
      "a field that is there twice",
      file(`{"a":{"dtype":"F32","dtype":"F64","shape":[1],"data_offsets":[0,8]}}`, eight),
      /every field once for tensor "a", found "dtype" twice/,
    ],
    [
      "nine million levels of brackets",
      file(`{"a":${"[".repeat(9e6)}${"]".repeat(9e6)}}`),
      /more than 8 levels of brackets/,
    ],
    [
      "levels of brackets inside the metadata",
      file(`{"__metadata__":{"a":${"[".repeat(2e5)}${"]".repeat(2e5)}}}`),
      /more than 8 levels of brackets/,
    ],
    ["an entry of 30 MB", file(`{"a":[${"{},".repeat(1e7)}0]}`), /at most 65536 bytes for tensor "a"/],
    ["a string of 30 MB", file(`{"a":"${"x".repeat(3e7)}`), /the end of the text inside the string/],
    ["a header above the limit", file("{".padEnd(1e8 + 1)), /at most 100000000 bytes, found a header length/],
    ["a name that colours a terminal", file(`{"a\\u001b[31m":5}`), /tensor "a\\u001b\[31m", found 5/],
    [
      "words of a server",
      Buffer.from("Entry not found"),
      /a server's refusal in words.*download the file again/,
    ],
    ["HTML after a line break", Buffer.from("\n\n  <!DOCTYPE html><html></html>"), /an HTML page/],
    ["HTML after a mark of byte order", Buffer.from("\ufeff<html></html>"), /an HTML page/],
    ["a gzip archive", Buffer.from("\x1f\x8b" + "x".repeat(99), "latin1"), /a gzip archive/],
    ["a NumPy file", Buffer.from("\x93NUMPY" + "x".repeat(99), "latin1"), /a NumPy/],
    ["an inherited type", file(`{"a":${entry("toString", [8], [0, 8])}}`, eight), /found "toString"/],
    ["a tensor that is a number", file(`{"a":5}`), /dtype, shape and data_offsets for tensor "a", found 5/],
    ["metadata that is no text", file(`{"__metadata__":{"a":1}}`), /a string as metadata "a", found 1/],
    ["a zip", Buffer.from("PK\x03\x04" + "x".repeat(99)), /found a zip archive \(perhaps a PyTorch/],
    ["a pickle", Buffer.from("\x80\x02}q\x01" + "x".repeat(99), "latin1"), /a Python pickle/],
    ["HDF5", Buffer.from("\x89HDF\r\n\x1a\n" + "x".repeat(99), "latin1"), /an HDF5 file/],
    ["a Git LFS pointer", Buffer.from("version https://git-lfs.github.com/spec/v1\noid"), /Git LFS pointer/],
    ["HTML", Buffer.from("<!DOCTYPE html><html></html>"), /an HTML page/],
    ["JSON", Buffer.from(`{ "weights": [1, 2, 3] }`), /JSON text/],
  ];
  for (const [what, bytes, message] of cases) {
    it(`names ${what}`, () => {
      const check = (error: unknown): boolean => {
        assert.ok(error instanceof DataError);
        assert.match(error.message, /^model\.bin: expected a safetensors file with /);
        assert.match(error.message, message);
        return true;
      };
      assert.throws(() => decode(bytes, "model.bin"), check);
    });
  }

  it("says the same of files, and names what cannot be read at all", (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, "cut.safetensors");
    fs.writeFileSync(path, encode(arrays).subarray(0, -1));
    assert.throws(
      () => readSafetensors(path),
      /cut\.safetensors: expected a safetensors file with \d+ bytes in all/,
    );
    const message = /cannot read .*none\.safetensors: it does not exist \(ENOENT\)/;
    assert.throws(() => readSafetensors(join(folder, "none.safetensors")), message);
    assert.throws(() => readSafetensors(folder), /expected a file, found a folder or device/);
    assert.throws(() => writeSafetensors(join(path, "x"), arrays), StoreError);
  });

  it("names a file that shrinks while it is open", (t) => {
    const path = join(temporaryFolder(t), "a.safetensors");
    writeSafetensors(path, arrays);
    const opened = openSafetensors(path);
    fs.truncateSync(path, 20);
    assert.throws(() => opened.read("weight"), /a\.safetensors: expected 24 bytes at \d+, found 0/);
    opened.close();
  });

  it("answers 6000 random truncations, byte flips and splices with arrays or a DataError", () => {
    const random = randomStream(1, "fuzz");
    const original = encode(arrays, { note: "fuzz" });
    const headerEnd = 8 + Number(original.readBigUInt64LE());
    let refused = 0;
    for (let i = 0; i < 6000; i++) {
      let bytes = Buffer.from(original);
      for (let flips = random.integer(4); flips >= 0; flips--) {
        bytes[random.integer(headerEnd)] =
          random.uniform() < 0.5 ? random.integer(256) : '{}[],:"0129'.charCodeAt(random.integer(11));
      }
      if (random.uniform() < 0.3) bytes = bytes.subarray(0, random.integer(bytes.length));
      try {
        decode(bytes, "fuzzed");
      } catch (error) {
        assert.ok(error instanceof DataError, `case ${i}: ${String(error)}`);
        refused++;
      }
    }
    assert.ok(refused > 4000 && refused < 6000, `${refused} refused`);
  });
});

const READER = `
import sys, json, struct
import numpy as np
raw = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", raw[:8])[0]
header = json.loads(raw[8:8 + n])
types = {"F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8", "U8": "u1", "BOOL": "?"}
out = {"metadata": header.pop("__metadata__")}
for name, t in header.items():
    begin, end = t["data_offsets"]
    out[name] = repr(np.frombuffer(raw[8 + n + begin:8 + n + end], types[t["dtype"]]).reshape(t["shape"]).tolist())
print(json.dumps(out))
`;

describe("Python", () => {
  const has = (module: string): boolean => spawnSync("python3", ["-c", `import ${module}`]).status === 0;

  it(
    "reads our files with struct, json and numpy",
    { skip: !has("numpy") && "python3 with numpy is absent" },
    (t) => {
      const path = join(temporaryFolder(t), "a.safetensors");
      writeSafetensors(path, arrays, { step: "7" });
      const out = JSON.parse(execFileSync("python3", ["-c", READER, path], { encoding: "utf8" })) as object;
      assert.deepEqual(Object.entries(out).sort(), [
        ["10", "[1, 2, 255]"],
        ["2", "3.141592653589793"],
        ["__proto__", "[-7, 7]"],
        ["empty", "[]"],
        ["mask", "[[True, False, True, True, False]]"],
        ["metadata", { step: "7" }],
        ['steps é"\\\n', "[-1, 4611686018427387904]"],
        ["weight", "[[1.0, -2.0, 3.5], [nan, inf, 1.401298464324817e-45]]"],
      ]);
    },
  );

  it(
    "reads our files with its safetensors package",
    { skip: !has("safetensors.numpy") && "the package is absent" },
    (t) => {
      const path = join(temporaryFolder(t), "a.safetensors");
      writeSafetensors(path, arrays);
      const script =
        "import sys; from safetensors.numpy import load_file; print(sorted(load_file(sys.argv[1])))";
      const out = execFileSync("python3", ["-c", script, path], { encoding: "utf8" });
      assert.match(out, /\['10', '2', '__proto__', 'empty', 'mask', 'steps/);
    },
  );
});
