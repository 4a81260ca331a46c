import assert from "node:assert/strict";
import { test } from "node:test";
import { progressLines } from "spectral-lab/cli/spectra-progress";

test("a line every five seconds says where a long work is, and nothing is said of a short one", () => {
  const lines: string[] = [];
  let time = 0;
  const progress = progressLines(
    (line) => lines.push(line),
    () => time,
  );
  const at = (seconds: number, index: number, step: number | null): void => {
    time = 1000 * seconds;
    progress({ index, count: 20, matrix: "w\n", step, done: index / 20 });
  };
  at(0, 0, null);
  at(2.9, 1, null);
  assert.deepEqual(lines, []);
  at(10, 5, null);
  at(14, 6, 500);
  at(15, 10, 500);
  at(2000, 11, 500);
  assert.deepEqual(lines, [
    "matrix 6 of 20 (w\\n), 30 s left",
    "matrix 11 of 20 (w\\n at step 500), 15 s left",
    "matrix 12 of 20 (w\\n at step 500), 28 min left",
  ]);
});
