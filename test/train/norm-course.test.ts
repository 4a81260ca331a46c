import assert from "node:assert/strict";
import { test } from "node:test";
import type { Row } from "spectral-lab/store/rows";
import { hashOfCourse, normCourse, normsAt } from "spectral-lab/train/norm-course";

const model = {
  matrices: [
    { name: "view", parameter: "a", rows: 1, columns: 2, layout: "flatten" },
    { name: "b", parameter: "b", rows: 1, columns: 2, layout: "flatten" },
  ],
} as const;
const row = (step: number, matrix: string, frobenius: number | string): Row => ({
  step,
  epoch: 0,
  probe: "spectra",
  matrix,
  frobenius,
});
const rows: Row[] = [
  { step: 0, epoch: 0, probe: "metrics", value: 5 },
  row(0, "view", 8),
  row(0, "b", 3),
  row(20, "b", 1),
  row(20, "view", 4),
  row(6, "view", 2),
  row(6, "b", 0),
];

test("norms are those measured, by parameter, and between them on the exponential; on a line where one is 0", () => {
  const course = normCourse("829c", rows, model);
  assert.deepEqual(course.steps, [0, 6, 20]);
  assert.deepEqual([...course.norms], [["a", [8, 2, 4]], ["b", [3, 0, 1]]]); // prettier-ignore
  const at = (step: number): number[] => [...normsAt(course, step).values()];
  assert.deepEqual(at(0), [8, 3]);
  assert.deepEqual(at(6), [2, 0]);
  assert.deepEqual(at(20), [4, 1]);
  const [a, b] = at(3);
  assert.ok(Math.abs(a - 4) < 1e-12 && Math.abs(b - 1.5) < 1e-12, `${a}, ${b}`);
  assert.ok(Math.abs(at(13)[0] - Math.sqrt(8)) < 1e-12);
  for (const step of [-1, 21]) {
    const message = new RegExp(`expected a step in 0 \\.\\. 20, found ${step}`);
    assert.throws(() => normsAt(course, step), { name: "ConfigError", message });
  }
});

test("chosen steps are taken alone, and equal norms have equal hashes", () => {
  const course = normCourse("829c", rows, model, [0, 20]);
  assert.deepEqual(course.norms.get("a"), [8, 4]);
  assert.equal(hashOfCourse(course), hashOfCourse(normCourse("829c", [...rows].reverse(), model, [0, 20])));
  assert.notEqual(hashOfCourse(course), hashOfCourse(normCourse("829c", rows, model)));
});

test("what lacks or is no norm is an error that names run, matrix and step", () => {
  const cases: [Row[], RegExp][] = [
    [rows.slice(0, 2), /run 829c: expected the norm of "b" at step 0, found none/],
    [[row(0, "view", "NaN"), row(0, "b", 1)], /expected the norm of "view" at step 0, found NaN/],
    [[row(0, "view", 1), row(0, "b", -1)], /expected the norm of "b" at step 0, found -1/],
  ];
  for (const [wrong, message] of cases) {
    assert.throws(() => normCourse("829c", wrong, model), { name: "DataError", message });
  }
  const none = normCourse("829c", [rows[0]], model);
  assert.deepEqual(none.steps, []);
  assert.throws(() => normsAt(none, 0), /expected a step in none, found 0/);
  assert.throws(() => normCourse("829c", rows, model, [0, 7]), /"view" at step 7, found none/);
});
