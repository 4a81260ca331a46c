import assert from "node:assert/strict";
import { test } from "node:test";
import { thin } from "spectral-lab/core/thin";

test("keeps first and last and at most the wanted number", () => {
  const steps = Array.from({ length: 101 }, (_, i) => i);
  assert.deepEqual(thin(steps, 5), [0, 25, 50, 75, 100]);
  assert.deepEqual(thin(steps, 1), [100]);
  assert.deepEqual(thin(steps, 0), []);
  assert.deepEqual(thin([1, 2], 5), [1, 2]);
});
