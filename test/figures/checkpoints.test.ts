import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import { checkpointFigures, stepAxis } from "spectral-lab/figures/checkpoints";

const matrices = ["a", "b", "c", "d", "e"];
const steps = [0, 10, 20];
const pairs = matrices.flatMap((matrix, depth) => steps.map((step) => ({ matrix, depth, step })));
const ranks = aq.from(pairs.map((row) => ({ ...row, effectiveRank: 0.5, alpha: row.step === 0 ? NaN : 3 })));
const agreement = aq.from(pairs.map((row) => ({ ...row, score: row.step / 20 })));
const spectra = aq.from(pairs.flatMap((row) => [2, 1].map((value, i) => ({ ...row, rank: i + 1, value }))));

interface Trace {
  readonly type: string;
  readonly x: readonly number[];
  readonly y: readonly string[];
  readonly z: readonly (readonly (number | null)[])[];
}

test("heat maps of matrices and steps, and singular values of some matrices", () => {
  const figures = checkpointFigures({ ranks, spectra, agreement });
  assert.deepEqual(Object.keys(figures), ["matrices", "singular-values"]);
  const all = figures.matrices.data as unknown as Trace[];
  const maps = all.filter(({ type, y }) => type === "heatmap" && y.length === matrices.length);
  assert.deepEqual(
    maps.map(({ x, y }) => [x, y]),
    Array.from({ length: 3 }, () => [steps, matrices]),
  );
  assert.deepEqual(maps[1].z[0], [0, 0.5, 1]);
  assert.deepEqual(maps[2].z[4], [null, 3, 3]); // no tail at step 0
  const values = figures["singular-values"];
  assert.match(JSON.stringify(values.layout), /4 of 5 matrices/);
  const lines = values.data.filter(({ name }) => String(name).startsWith("rank "));
  assert.equal(lines.length, 4 * 2);
  const empty = spectra.filter(aq.escape(() => false)).reify();
  assert.deepEqual(Object.keys(checkpointFigures({ ranks, spectra: empty, agreement })), ["matrices"]);
});

test("steps that double are drawn on a logarithmic axis", () => {
  assert.equal(stepAxis([0, 1, 2, 4, 8, 16, 512, 1000, 143_000]).scale, "log");
  assert.equal(stepAxis([0, 100, 200, 300]).scale, "linear");
  assert.equal(stepAxis([0, 376]).scale, "linear");
});
