import assert from "node:assert/strict";
import { test } from "node:test";
import { greedyDecode, wordsOf } from "spectral-lab/nn/decoding";

test("greedy decoding merges repeats, drops blanks and keeps repeats that a blank parts", () => {
  const best = [1, 0, 1, 2, 0, 2, 1, 2, 2, 0, 2, 0]; // time x 2
  assert.deepEqual(greedyDecode(best, [6, 6]), [[1, 1, 2], [2]]);
  assert.deepEqual(greedyDecode([1, 0, 1, 1, 0], [5]), [[1, 1]]);
});

test("frames beyond an utterance's length are ignored", () => {
  assert.deepEqual(greedyDecode([1, 2, 3], [2]), [[1, 2]]);
  assert.deepEqual(greedyDecode([1, 2, 3], [0]), [[]]);
});

test("words lie between separators, and empty ones do not count", () => {
  assert.deepEqual(wordsOf([2, 3, 4, 2, 2, 5, 2], 2), ["3,4", "5"]);
  assert.deepEqual(wordsOf([], 2), []);
  assert.deepEqual(wordsOf([2, 2], 2), []);
});
