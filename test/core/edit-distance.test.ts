import assert from "node:assert/strict";
import { test } from "node:test";
import { editDistance } from "spectral-lab/core/edit-distance";
import { randomStream } from "spectral-lab/core/random";

test("known distances", () => {
  assert.equal(editDistance("kitten", "sitting"), 3);
  assert.equal(editDistance("", "abc"), 3);
  assert.equal(editDistance([1, 2, 3], [1, 3]), 1);
});

test("it is a metric: symmetric, zero only for equals, and obeys the triangle inequality", () => {
  const random = randomStream(0, "edit distance");
  const word = (): string =>
    Array.from({ length: random.integer(8) }, () => "abc"[random.integer(3)]).join("");
  for (let i = 0; i < 300; i++) {
    const [a, b, c] = [word(), word(), word()];
    assert.equal(editDistance(a, b), editDistance(b, a));
    assert.equal(editDistance(a, b) === 0, a === b);
    assert.ok(editDistance(a, c) <= editDistance(a, b) + editDistance(b, c));
    assert.ok(editDistance(a, b) >= Math.abs(a.length - b.length));
  }
});
