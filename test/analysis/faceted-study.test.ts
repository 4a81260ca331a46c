import assert from "node:assert/strict";
import { test } from "node:test";
import { table } from "arquero";
import {
  type FacetedStudy,
  facetedStudy,
  studyArrays,
  withFacets,
} from "spectral-lab/analysis/faceted-study";
import { float32 } from "spectral-lab/core/array";
import type { Facets } from "spectral-lab/core/facets";
import type { StudyReader } from "spectral-lab/store/study";

/** A study that is nothing but its id, rows and arrays by part. */
function study(id: string, parts: Record<string, { step?: number; x?: number[] }> = {}): StudyReader {
  return {
    folder: id,
    record: { id } as StudyReader["record"],
    rows: () =>
      Object.entries(parts).map(([part, { step }]) => ({ part, ...(step !== undefined && { step }) })),
    readArrays: (part) => {
      const values = parts[part].x ?? [];
      return new Map([["x/w", float32([values.length], Float32Array.from(values))]]);
    },
  };
}

test("facets that all inputs have alike keep their name, others are numbered", () => {
  const inputs: Facets[] = [
    { seed: 0, order: 3, edit: "perturb:1" },
    { seed: 0, order: 4 },
  ];
  const expected = { seed: 0, order1: 3, order2: 4, edit1: "perturb:1", edit2: null };
  assert.deepEqual(facetedStudy(study("a"), inputs).facets, expected);
  assert.deepEqual(facetedStudy(study("a"), [{ seed: 2 }]).facets, { seed: 2 });
});

test("facets stand in front of a table, in place of its columns of the same names", () => {
  const studies: FacetedStudy[] = [
    { facets: { seed: 0, order1: 3 }, study: study("a") },
    { facets: { seed: 1 }, study: study("b") },
  ];
  const values = table({ study: ["b", "a", "c"], seed: [9, 9, 9], value: [1, 2, 3] });
  const joined = withFacets(values, studies);
  assert.deepEqual(joined.columnNames(), ["seed", "order1", "study", "value"]);
  assert.deepEqual(joined.objects(), [
    { seed: 1, order1: null, study: "b", value: 1 },
    { seed: 0, order1: 3, study: "a", value: 2 },
  ]);
  assert.throws(() => withFacets(table({ seed: [1] }), studies), /expected a column "study", found seed/);
});

test("arrays of studies, an entry per row", () => {
  const one = study("a", { "step/0": { step: 0, x: [0.5, 0.25] }, last: { x: [1] } });
  const rows = studyArrays([{ facets: { seed: 3 }, study: one }], "x/").objects();
  assert.deepEqual(rows, [
    { seed: 3, study: "a", step: 0, epoch: null, matrix: "w", rank: 1, value: 0.5 },
    { seed: 3, study: "a", step: 0, epoch: null, matrix: "w", rank: 2, value: 0.25 },
    { seed: 3, study: "a", step: null, epoch: null, matrix: "w", rank: 1, value: 1 },
  ]);
  assert.equal(studyArrays([{ facets: {}, study: one }], "x/", (name) => name !== "w").numRows(), 0);
});
