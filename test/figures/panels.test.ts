import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import {
  diagonalHeatmap,
  imageGrid,
  lossCurves,
  rankHeatmap,
  ranksDrawn,
  scaleTop,
  shortName,
  singularValues,
} from "spectral-lab/figures/panels";
import { linearEpochs, moments } from "spectral-lab/figures/time";
import { colorAt, rankScale } from "spectral-lab/figures/theme";

interface Line {
  name: string;
  x: number[];
  y: number[];
  z: (number | null)[][];
  line: { color: string };
}
const traces = (panel: { traces: readonly unknown[] } | undefined): Line[] => (panel?.traces ?? []) as Line[];

interface Loss {
  seed: number;
  step: number;
  epoch: number;
  split: string;
  metric: string;
  variant: string;
  value: number | null;
}
const lossRows = (values: Record<number, (number | null)[]>): Loss[] =>
  Object.entries(values).flatMap(([seed, series]) =>
    series.map((value, epoch) => {
      const row = { split: "train", metric: "loss", variant: "full", value };
      return { seed: Number(seed), step: 10 * epoch, epoch, ...row };
    }),
  );
const losses = (values: Record<number, (number | null)[]>): ColumnTable => aq.from(lossRows(values));
const curve = { name: "train", color: "#0072B2", split: "train", metric: "loss" };

test("a loss curve is the mean over seeds in a band of one sample standard deviation", () => {
  const panel = lossCurves(losses({ 0: [1, 4], 1: [3, 4] }), [curve], { type: "linear" });
  const [band, line] = traces(panel);
  assert.deepEqual([line.x, line.y], [[0, 1], [2, 4]]); // prettier-ignore
  assert.deepEqual(band.x, [0, 1, 1, 0]);
  assert.deepEqual(band.y, [3.4142, 4, 4, 0.58579]);
  assert.deepEqual(panel?.x.range, [0, 1]);
});

test("on a logarithmic axis the band ends at the smallest seed; moments at 0 are not shown", () => {
  const rows = losses({ 0: [1, 0.1], 1: [3, 3] });
  const panel = lossCurves(rows, [curve], { type: "log" }, { unit: "step", scale: "log" });
  const [band, line] = traces(panel);
  assert.deepEqual(line.x, [10]);
  assert.equal(band.y[1], 0.1);
  assert.equal(lossCurves(rows, [{ ...curve, split: "validation" }], { type: "log" }), undefined);
});

test("rows of pruned models belong to curves that ask for them", () => {
  const rows = lossRows({ 0: [1] });
  const both = aq.from([...rows, ...rows.map((row) => ({ ...row, variant: "top", value: 9 }))]);
  const [line] = traces(lossCurves(both, [curve], { type: "linear" }));
  assert.deepEqual(line.y, [1]);
  const top = { ...curve, variant: "top" };
  assert.deepEqual(traces(lossCurves(both, [top], { type: "linear" }))[0].y, [9]);
});

test("where one seed diverged there is a gap, not the mean of the others", () => {
  for (const lost of [NaN, null, Infinity]) {
    const panel = lossCurves(losses({ 0: [1, lost, 5], 1: [3, 4, 7] }), [curve], {
      type: "linear",
    });
    const [band, line] = traces(panel);
    assert.deepEqual(line.y, [2, null, 6], String(lost));
    assert.equal(band.y[1], null);
  }
});

test("singular values: a line per rank, coloured by rank, rank 1 on top", () => {
  const rows = [1, 2, 3].flatMap((rank) =>
    [0, 1].map((epoch) => ({
      seed: 0,
      step: epoch,
      epoch,
      matrix: "w",
      rank,
      value: 10 / rank + epoch,
    })),
  );
  const panel = singularValues(aq.from(rows));
  const lines = traces(panel);
  assert.deepEqual(lines.map((line) => line.name), ["rank 3", "rank 2", "rank 1"]); // prettier-ignore
  assert.deepEqual(lines[2].y, [10, 11]);
  assert.deepEqual(lines.map((line) => line.line.color), [1, 0.5, 0].map((at) => colorAt(rankScale, at))); // prettier-ignore
  assert.deepEqual(panel?.key?.ticks, { at: [1, 3], text: ["1", "3"] });
});

test("at most 48 ranks are drawn: all of few, otherwise the first 16 and an even choice that ends with the last", () => {
  assert.deepEqual(ranksDrawn(3), [1, 2, 3]);
  for (const last of [49, 50, 128, 768, 5000]) {
    const ranks = ranksDrawn(last);
    assert.equal(new Set(ranks).size, 48);
    assert.deepEqual(ranks.slice(0, 16), ranksDrawn(16));
    assert.equal(ranks[47], last);
    assert.deepEqual(
      ranks,
      [...ranks].sort((a, b) => a - b),
    );
  }
});

test("effective rank: the first matrix on top, mean over seeds, gaps where a moment is missing, scale [0, 1]", () => {
  const row = (matrix: string, depth: number, epoch: number, seed: number, effectiveRank: number): object => {
    return { seed, step: epoch, epoch, matrix, depth, effectiveRank };
  };
  const rows = [
    row("last", 1, 0, 0, 0.9),
    row("first", 0, 0, 0, 0.2),
    row("first", 0, 0, 1, 0.4),
    row("first", 0, 5, 0, 0.1),
  ];
  const panel = rankHeatmap(aq.from(rows));
  const [map] = traces(panel);
  assert.deepEqual(map.y, ["first", "last"]);
  assert.deepEqual(map.x, [0, 5]);
  assert.deepEqual(map.z, [[0.3, 0.1], [0.9, null]]); // prettier-ignore
  assert.deepEqual(panel?.y.range, [1.5, -0.5]);
  assert.deepEqual(panel?.key?.range, [0, 1]);
});

test("an alignment diagonal shows at most 100 ranks; its scale begins at 0", () => {
  const rows = Array.from({ length: 150 }, (_, i) => {
    return { seed: 0, step: 0, epoch: 0, contact: "a -> b", rank: i + 1, value: i / 200 };
  });
  const panel = diagonalHeatmap(aq.from(rows), 0.7);
  assert.equal(traces(panel)[0].z.length, 100);
  assert.deepEqual(panel?.key?.range, [0, 0.7]);
  assert.deepEqual([scaleTop([0.02]), scaleTop([0.31]), scaleTop([0.4]), scaleTop([1])], [0.1, 0.4, 0.4, 1]);
});

test("images stand side by side, row by row", () => {
  const panel = imageGrid([[0, 0.1, 0.2, 0.3], [1, 1, 1, 1], [0.5, 0.5, 0.5, 0.5]], 2, 2); // prettier-ignore
  const { z } = traces(panel)[0];
  assert.deepEqual(z[0], [0, 0.1, 1, 1]);
  assert.deepEqual(z[1], [0.2, 0.3, 1, 1]);
  assert.deepEqual(z[2], [0.5, 0.5, null, null]);
});

test("long series are thinned evenly and keep their ends, in order of time", () => {
  const panel = lossCurves(
    aq.from(lossRows({ 0: Array.from({ length: 1001 }, (_, i) => i) }).reverse()),
    [curve],
    { type: "linear" },
  );
  const [line] = traces(panel);
  assert.equal(line.x.length, 200);
  assert.deepEqual([line.x[0], line.x[199]], [0, 1000]);
  assert.deepEqual(line.x, line.y);
});

test("moments: mean, sample deviation and smallest over seeds, for each value of a column", () => {
  const rows = ["a", "b"].flatMap((matrix) =>
    [0, 1, 2].map((seed) => ({
      matrix,
      seed,
      step: 4,
      epoch: 2,
      value: seed === 0 ? 1 : matrix === "a" ? 4 : 1,
    })),
  );
  assert.deepEqual(
    moments(aq.from(rows), "matrix", "value", linearEpochs),
    new Map([
      ["a", [{ time: 2, mean: 3, std: Math.sqrt(3), smallest: 1 }]],
      ["b", [{ time: 2, mean: 1, std: 0, smallest: 1 }]],
    ]),
  );
});

test("names are shortened for axes", () => {
  assert.equal(shortName("transformer_encoder.layers.0.self_attn.in_proj_weight"), "in_proj");
  assert.equal(shortName("encoder.weight -> lstm.weight_ih_l2"), "encoder to lstm.weight_ih_l2");
});
