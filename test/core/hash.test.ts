import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "spectral-lab/core/hash";
import { canonicalJson, hashOf } from "spectral-lab/core/hash";

test("equal values have equal text whatever the order of their keys", () => {
  assert.equal(
    canonicalJson({ b: [1, { d: null, c: "x" }], a: true }),
    '{"a":true,"b":[1,{"c":"x","d":null}]}',
  );
  assert.equal(hashOf({ a: 1, b: 2 }), hashOf({ b: 2, a: 1 }));
});

test("different values have different hashes", () => {
  const hashes = ([{}, { a: 1 }, { a: "1" }, { a: 1, b: 2 }, [1], [[1]], "a", null] as Json[]).map((value) =>
    hashOf(value),
  );
  assert.equal(new Set(hashes).size, hashes.length);
});

test("a hash is stable between releases", () => {
  assert.equal(hashOf({ weightDecay: 0 }), "bfc70e1fd46c");
});
