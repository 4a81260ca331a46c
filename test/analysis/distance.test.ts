import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { distance, distancesTable } from "spectral-lab/analysis/distance";
import { float32 } from "spectral-lab/core/array";
import { matrixOf } from "spectral-lab/nn/views";
import { type RunAtStep, runAtStep } from "spectral-lab/store/run-at-step";
import type { StudyReader } from "spectral-lab/store/study";
import { modularAddition } from "spectral-lab/tasks/index";
import { storedNetwork } from "./stored-network.js";
import { complete } from "./toy-study.js";

const root = mkdtempSync(join(tmpdir(), "spectral-distance-"));
after(() => rmSync(root, { recursive: true, force: true }));
const [runs, studies] = [join(root, "runs"), join(root, "studies")];
const tiny = { modulus: 7, width: 8, hidden: 16 };
const a = await storedNetwork(runs, modularAddition, tiny, 0);
const b = await storedNetwork(runs, modularAddition, tiny, 1);
const wider = await storedNetwork(runs, modularAddition, { ...tiny, hidden: 24 }, 0);
const at = ({ run }: typeof a, step: number): RunAtStep => runAtStep(`${run.folder}@${step}`, [runs]);
const compare = (...inputs: RunAtStep[]): Promise<StudyReader> =>
  complete({ kind: distance, inputs }, { studies });
const scaled = (input: RunAtStep, factor: number): RunAtStep => ({
  ...input,
  edit: `times ${factor}`,
  weights: () =>
    new Map(
      [...input.weights()].map(([name, { shape, data }]) => [
        name,
        float32(
          shape,
          (data as Float32Array).map((x) => factor * x),
        ),
      ]),
    ),
});
const overall = (study: StudyReader): number => distancesTable([study]).get("distance", 0) as number;
const near = (found: number, expected: number, off = 1e-6): void =>
  assert.ok(Math.abs(found - expected) < off, `${found}, expected ${expected}`);

test("every matrix's norms and their difference's", async () => {
  const study = await compare(at(a, 10), at(b, 10));
  assert.deepEqual(
    study.rows().map(({ matrix, depth, rows, columns }) => [matrix, depth, rows, columns]),
    a.model.matrices.map(({ name, rows, columns }, depth) => [name, depth, rows, columns]),
  );
  const view = a.model.matrices[1];
  const [x, y] = [matrixOf(view, a.weights(10)).data, matrixOf(view, b.weights(10)).data];
  const row = study.rows()[1];
  near(Number(row.difference), Math.hypot(...Array.from(x, (value, i) => value - y[i])));
  near(Number(row.norm2), Math.hypot(...y));
});

test("0 between equal weights, 2 between opposite ones, about sqrt(2) between independent ones", async () => {
  const input = at(a, 10);
  near(overall(await compare(input, input)), 0);
  near(overall(await compare(input, scaled(input, -1))), 2);
  near(overall(await compare(input, scaled(input, 2))), 1 / Math.sqrt(2.5));
  near(overall(await compare(at(a, 10), at(b, 10))), Math.SQRT2, 0.1);
});

test("networks that cannot be compared are named", async () => {
  await assert.rejects(compare(at(a, 10)), /distance: expected two networks of one task, found 1/);
  await assert.rejects(
    compare(at(a, 10), at(wider, 10)),
    /distance: expected two networks with the same matrices, found .*16 x 8.*; and .*24 x 8/,
  );
});
