import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { fingerprintOf } from "spectral-lab/data/fingerprint";

test("a fingerprint is SHA-256 over each part with its kind and length", () => {
  const stream = Buffer.concat([Buffer.from("text 3\né!2 4\n"), Buffer.from([1, 0, 255, 255])]);
  const expected = createHash("sha256").update(stream).digest("hex").slice(0, 16);
  assert.equal(fingerprintOf("é!", Uint16Array.of(1, 65535)), expected);
  const view = Uint16Array.of(9, 1, 65535, 9).subarray(1, 3);
  assert.equal(fingerprintOf("é!", view), expected, "a view is its own elements");
});

test("where parts end, and of what width their numbers are, matters", () => {
  const all = [
    fingerprintOf("ab", "c"),
    fingerprintOf("a", "bc"),
    fingerprintOf("abc"),
    fingerprintOf(Uint8Array.of(97, 98), "c"),
    fingerprintOf(Uint16Array.of(97)),
    fingerprintOf(Int32Array.of(97)),
    fingerprintOf(),
  ];
  assert.equal(new Set(all).size, all.length);
});
