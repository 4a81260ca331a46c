import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import * as aq from "arquero";
import { spectraOf } from "spectral-lab/analysis/checkpoint-spectra";
import type { NdArray } from "spectral-lab/core/array";
import { randomStream } from "spectral-lab/core/random";
import type { Matrix } from "spectral-lab/linalg/svd";
import { gaussianMatrix, withSpikes } from "spectral-lab/linalg/random-matrix";
import { drawNoise } from "spectral-lab/paper/noise";
import { writeSafetensors } from "spectral-lab/store/safetensors";
import { temporaryFolder } from "../store/temporary-folder.js";

const arrayOf = ({ rows, columns, data }: Matrix): NdArray => ({
  dtype: "F32",
  shape: [rows, columns],
  data: Float32Array.from(data),
});

test("noise has its law's density and none stands out; strong directions, and few among zeros, do", async (t) => {
  const folder = temporaryFolder(t);
  const random = randomStream(0, "noise");
  const noise = gaussianMatrix(random, 120, 240);
  const few = { rows: 8, columns: 8, data: new Float32Array(64).fill(1, 0, 3) };
  const write = (step: number, matrices: Readonly<Record<string, Matrix>>): string => {
    const path = join(folder, `step${step}.safetensors`);
    const arrays = Object.entries(matrices).map(([name, matrix]) => [name, arrayOf(matrix)] as const);
    writeSafetensors(path, new Map(arrays));
    return path;
  };
  const zero = { rows: 4, columns: 4, data: new Float32Array(16) };
  const first = write(0, { w: noise, few, zero });
  const last = write(10, { w: withSpikes(random, noise, [6, 9]), few, zero });
  const { figure, tables } = drawNoise(await spectraOf([first, last]));
  assert.deepEqual(tables.counts.objects(), [
    { step: 0, matrices: 2, standsOut: 1, byChance: 0.02 },
    { step: 10, matrices: 2, standsOut: 2, byChance: 0.02 },
  ]);
  const rows = tables.noise.orderby("matrix", "step").objects() as { above: number; standsOut: boolean }[];
  assert.deepEqual(
    rows.map(({ standsOut }) => standsOut),
    [true, true, false, true], // few, few, w, w with strong directions
  );
  assert.ok(rows[2].above <= 1 && rows[3].above === rows[2].above + 2); // of noise one may be above the edge
  type Drawn = { type: string; x: number[]; y: number[]; width: number };
  const drawn = figure.data as unknown as Drawn[];
  const bars = drawn.filter(({ type }) => type === "bar");
  const lines = drawn.filter(
    ({ name, type }: Drawn & { name?: string }) => type === "scatter" && name === "noise",
  );
  assert.deepEqual([bars.length, lines.length], [2, 2]); // the few have no noise to be drawn beside
  for (const { y, width } of bars) assert.ok(Math.abs(y.reduce((a, b) => a + b) * width - 1) < 1e-3);
  for (const { y } of lines) assert.ok(Math.abs(y.reduce((a, b) => a + b) / 100 - 1) < 0.02);
});

test("one checkpoint alone has one row; nothing to draw is an error", async (t) => {
  const path = join(temporaryFolder(t), "model.safetensors");
  writeSafetensors(path, new Map([["w", arrayOf(gaussianMatrix(randomStream(1, "one"), 20, 30))]]));
  const { ranks, spectra } = await spectraOf(path);
  const { figure, tables } = drawNoise({ ranks, spectra });
  assert.deepEqual(tables.counts.array("step"), [null]);
  assert.equal(figure.data.filter(({ type }) => type === "bar").length, 1);
  const none = ranks.filter(aq.escape(() => false)).reify();
  assert.throws(() => drawNoise({ ranks: none, spectra }), { name: "DataError", message: /found none/ });
});
