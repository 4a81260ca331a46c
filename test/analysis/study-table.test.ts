import assert from "node:assert/strict";
import { test } from "node:test";
import { studyTable } from "spectral-lab/analysis/study-table";
import { temporaryFolder } from "../store/temporary-folder.js";
import { complete, toyInputs, toyStudy } from "./toy-study.js";

test("the rows of studies stand under what tells the studies apart", async (t) => {
  const root = temporaryFolder(t);
  const inputs = toyInputs(root);
  const [a, b] = inputs.map(({ run }) => run.record.id);
  const kind = toyStudy();
  const one = await complete({ kind, inputs, set: { alphas: 1 } }, { studies: root });
  const two = await complete(
    { kind, inputs: [inputs[1], inputs[0]], set: { alphas: 1, scale: 0 } },
    { studies: root },
  );
  const first = one.rows().map(({ value }) => value);
  const facets = {
    one: {
      kind: "toy",
      study: one.record.id,
      run1: a,
      task1: "toy",
      seed1: 0,
      step1: 10,
      run2: b,
      task2: "toy",
    },
    two: {
      kind: "toy",
      study: two.record.id,
      run1: b,
      task1: "toy",
      seed1: 1,
      step1: 10,
      run2: a,
      task2: "toy",
    },
  };
  const rest = (seed2: number, scale: number, index: number, value: unknown): object => {
    return { seed2, step2: 10, alphas: 1, scale, part: "alpha/0", index, value };
  };
  const table = studyTable([one, two]);
  assert.deepEqual(table.objects(), [
    ...[0, 1, 2].map((i) => ({ ...facets.one, ...rest(1, 1, i, first[i]) })),
    ...[0, 1, 2].map((i) => ({ ...facets.two, ...rest(0, 0, i, 0) })),
  ]);
  assert.deepEqual(table.columnNames().slice(0, 6), ["kind", "study", "run1", "task1", "seed1", "step1"]);
  assert.equal(studyTable([]).numRows(), 0);
});

test("a column that stands twice is an error", async (t) => {
  const root = temporaryFolder(t);
  const study = await complete(
    { kind: toyStudy(), inputs: toyInputs(root), set: { alphas: 1 } },
    { studies: root },
  );
  const twice = { ...study, rows: () => [{ part: "a", scale: 3 }] };
  assert.throws(() => studyTable([twice]), /"scale" is a column of the rows and of what tells studies apart/);
});
