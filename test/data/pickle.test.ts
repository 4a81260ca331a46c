import assert from "node:assert/strict";
import test from "node:test";
import { DataError } from "spectral-lab/core/errors";
import { randomStream } from "spectral-lab/core/random";
import { PickledArray, readPickle } from "spectral-lab/data/pickle";
import { type PickleVersion, pickledBatch } from "./pickle-file.js";

const VERSIONS: readonly PickleVersion[] = [
  "python2",
  "python3-protocol2",
  "python3-protocol4",
  "python3-protocol5",
];
const rows = Buffer.from(Array.from({ length: 3 * 3072 }, (_, i) => (i * 7) % 256));

for (const version of VERSIONS) {
  test(`a batch as ${version} wrote it`, () => {
    const value = readPickle(pickledBatch(rows, [3, 0, 9], version), "x");
    assert.ok(value instanceof Map);
    const [data, labels] = [value.get("data") as unknown, value.get("labels") as unknown];
    assert.ok(data instanceof PickledArray);
    assert.deepEqual(data.shape, [3, 3072]);
    assert.deepEqual(Buffer.from(data.data), rows);
    assert.deepEqual(labels, [3, 0, 9]);
  });
}

const read = (text: string | Buffer): unknown => readPickle(Buffer.from(text as string, "latin1"), "f.pkl");

test("plain values", () => {
  assert.deepEqual(read("\x80\x02]q\x00(K\x05M\x01\x02J\xff\xff\xff\xff\x8a\x02\x00\xffNe."), [
    5,
    513,
    -1,
    -256,
    null,
  ]);
  assert.deepEqual(read("\x80\x02}(U\x01aK\x01X\x02\x00\x00\x00\xc3\xa9\x88u."), new Map<string, unknown>([["a", 1], ["é", true]])); // prettier-ignore
});

const refused: Record<string, [string, RegExp]> = {
  "a call of a program": ["cos\nsystem\n(U\x02lstR.", /asks for Python's os\.system, .*refused/],
  "a call by the newer opcode": [
    "\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.",
    /asks for Python's builtins\.eval/,
  ],
  "an opcode that makes objects": ["\x80\x02(i", /opcode 0x69 \("i"\), .*refused/],
  "an opcode that makes objects anew": ["\x80\x02)\x81.", /opcode 0x81/],
  "a persistent name": ["\x80\x02K\x01Q.", /opcode 0x51/],
  "a registered extension": ["\x80\x02\x82\x01.", /opcode 0x82/],
  "a name of Object.prototype": ["c__proto__\ntoString\n.", /asks for Python's __proto__\.toString/],
  "arrays of another type": ["cnumpy\ndtype\n(U\x02O8K\x00K\x01tR.", /unsigned bytes, found NumPy's O8/],
  "a call of what is no function": ["cnumpy\nndarray\n(tR.", /a call of ndarray is refused/],
  "a call of a value": ["K\x01(tR.", /expected a known name/],
  "a length beyond the end": ["T\xff\xff\xff\x7fab", /expected 2147483647 more bytes, found 2/],
  "a length beyond all files": ["\x8e\xff\xff\xff\xff\xff\xff\xff\xffab", /more bytes, found 2/],
  "nothing on the stack": [".", /expected a value on the stack/],
  "a mark as the result": ["(.", /expected a value on the stack/],
  "no mark": ["K\x01t.", /expected a mark/],
  "a memory that was not filled": ["j\xff\xff\xff\xff.", /remembered as 4294967295, found none/],
  "no end": ["K\x01", /expected 1 more bytes, found 0/],
  "nothing at all": ["", /expected 1 more bytes/],
  "an array without its state": [
    "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR.",
    /expected an array's shape and bytes/,
  ],
  "pairs for a list": ["](K\x01K\x02u.", /expected a dictionary/],
  "a number as a key": ["}K\x01K\x02s.", /expected a string as a key/],
  "protocol 9": ["\x80\x09.", /expected protocol 2 to 5/],
};

for (const [name, [text, words]] of Object.entries(refused)) {
  test(`${name} is refused`, () => {
    assert.throws(
      () => read(text),
      (error) => {
        assert.ok(error instanceof DataError);
        assert.match(error.message, /^f\.pkl: cannot be read as a Python pickle: at byte \d+: /);
        assert.match(error.message, words);
        return true;
      },
    );
  });
}

test("a small file cannot make a large memory", () => {
  const text = `X${"\x00\x00\x10\x00"}${"a".repeat(1 << 20)}q\x00`;
  const again = `c_codecs\nencode\n(h\x00U\x06latin1tR0`;
  assert.throws(() => read(`${text}${again.repeat(400)}.`), /expected at most \d+ encoded bytes/);
  assert.throws(() => read("(".repeat(5_000_000)), /expected at most 3000000 instructions/);
  assert.throws(() => read(`${"]".repeat(1_000_000)}${"a".repeat(999_999)}R.`), DataError);
});

test("300 random damages are read or are a DataError", () => {
  const random = randomStream(3, "test/pickle");
  for (let i = 0; i < 300; i++) {
    const bytes = pickledBatch(rows.subarray(0, 3072), [4], VERSIONS[i % 4]);
    const header = i % 2 === 0 ? bytes.length : Math.min(bytes.length, 200);
    for (let n = 0; n < 3; n++)
      bytes[Math.floor(random.uniform(0, header))] = Math.floor(random.uniform(0, 256));
    try {
      readPickle(bytes, "damaged");
    } catch (error) {
      assert.ok(error instanceof DataError, `damage ${i}: ${String(error)}`);
    }
  }
});
