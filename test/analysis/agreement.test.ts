import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { agreement } from "spectral-lab/analysis/index";
import { runAtStep, type RunAtStep } from "spectral-lab/store/run-at-step";
import { studyTable } from "spectral-lab/analysis/study-table";
import { float32, type NamedArrays } from "spectral-lab/core/array";
import { svdSync } from "spectral-lab/linalg/engine";
import type { MatrixView } from "spectral-lab/nn/model";
import { matrixOf } from "spectral-lab/nn/views";
import type { StudyReader } from "spectral-lab/store/study";
import { modularAddition, unet } from "spectral-lab/tasks/index";
import { storedNetwork } from "./stored-network.js";
import { complete } from "./toy-study.js";

const root = mkdtempSync(join(tmpdir(), "spectral-agreement-"));
after(() => rmSync(root, { recursive: true, force: true }));
const [runs, studies] = [join(root, "runs"), join(root, "studies")];

const tiny = { modulus: 7, width: 8, hidden: 16 };
const a = await storedNetwork(runs, modularAddition, tiny, 0);
const b = await storedNetwork(runs, modularAddition, tiny, 1);
const wider = await storedNetwork(runs, modularAddition, { ...tiny, hidden: 24 }, 0);

const at = ({ run }: typeof a, step: number): RunAtStep => runAtStep(`${run.folder}@${step}`, [runs]);
const compare = (one: RunAtStep, other: RunAtStep, set = {}): Promise<StudyReader> =>
  complete({ kind: agreement, inputs: [one, other], set }, { studies });

const diagonal = (study: StudyReader, matrix: string): number[] =>
  Array.from(study.readArrays(`matrix/${matrix}`).get(`agreement/${matrix}`)!.data, Number);

/** S_ii as Eqn 5 defines it: inner products of the rank-one matrices u_i v_i^T. */
function direct(view: MatrixView, one: NamedArrays, other: NamedArrays): number[] {
  const rank = Math.min(view.rows, view.columns, 100);
  const [x, y] = [one, other].map((weights) => svdSync(matrixOf(view, weights), { left: rank, right: rank }));
  return Array.from({ length: rank }, (_, i) => {
    let sum = 0;
    for (let r = 0; r < view.rows; r++) {
      for (let c = 0; c < view.columns; c++) {
        const ofX = x.U![r * rank + i] * x.Vt![i * view.columns + c];
        sum += ofX * y.U![r * rank + i] * y.Vt![i * view.columns + c];
      }
    }
    return Math.abs(sum);
  });
}

function assertNear(found: readonly number[], expected: readonly number[], what: string): void {
  assert.equal(found.length, expected.length, what);
  found.forEach((x, i) => assert.ok(Math.abs(x - expected[i]) < 1e-4, `${what} ${i}: ${x}, ${expected[i]}`));
}

const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;

test("the agreement of two runs is that of their matrices", async () => {
  const study = await compare(at(a, 10), at(b, 10));
  const rows = study.rows();
  assert.deepEqual(
    rows.map(({ part, matrix, depth }) => [part, matrix, depth]),
    a.model.matrices.map(({ name }, depth) => [`matrix/${name}`, name, depth]),
  );
  for (const [depth, view] of a.model.matrices.entries()) {
    const expected = direct(view, a.weights(10), b.weights(10));
    assertNear(diagonal(study, view.name), expected, view.name);
    assertNear([Number(rows[depth].score)], [mean(expected.slice(0, 10))], `${view.name} score`);
  }
});

test("two steps of one run, transposed convolutions among its matrices", async () => {
  const set = { standIn: true, channels: 4, embedding: 8, trainingExamples: 4 };
  const network = await storedNetwork(runs, unet, set);
  assert.ok(network.model.matrices.some(({ layout }) => layout === "transposed-convolution"));
  const study = await compare(at(network, 0), at(network, 10));
  assert.equal(study.rows().length, network.model.matrices.length);
  for (const view of network.model.matrices) {
    assertNear(diagonal(study, view.name), direct(view, network.weights(0), network.weights(10)), view.name);
  }
});

test("swapped inputs agree as much; they are another study", async () => {
  const [there, back] = [await compare(at(a, 0), at(b, 10)), await compare(at(b, 10), at(a, 0))];
  assert.notEqual(there.record.id, back.record.id);
  for (const { name } of a.model.matrices) {
    const found = diagonal(there, name);
    assertNear(found, diagonal(back, name), name);
    assert.ok(Math.min(...found) < 0.9, "nothing to be seen where all agree");
  }
});

test("identical networks agree wholly, and so does one with itself doubled: the edit is recorded", async () => {
  const input = at(a, 10);
  const doubled: RunAtStep = {
    ...input,
    edit: "doubled",
    weights: () =>
      new Map(
        [...input.weights()].map(([name, { shape, data }]) => [
          name,
          float32(
            shape,
            Float32Array.from(data as Float32Array, (x) => 2 * x),
          ),
        ]),
      ),
  };
  const [same, edited] = [await compare(input, input), await compare(input, doubled)];
  assert.notEqual(same.record.id, edited.record.id);
  assert.deepEqual(edited.record.inputs[1].edit, "doubled");
  for (const study of [same, edited]) {
    for (const { name } of a.model.matrices) {
      const found = diagonal(study, name);
      assertNear(
        found,
        found.map(() => 1),
        name,
      );
    }
    for (const { matrix, score } of study.rows()) assertNear([Number(score)], [1], String(matrix));
  }
  const table = studyTable([same, edited]);
  assert.deepEqual([table.get("edit2", 0), table.get("edit2", same.rows().length)], [null, "doubled"]);
});

test("fewer pairs are the first of them", async () => {
  const [all, three] = [
    await compare(at(a, 10), at(b, 10)),
    await compare(at(a, 10), at(b, 10), { pairs: 3 }),
  ];
  for (const { name } of a.model.matrices)
    assertNear(diagonal(three, name), diagonal(all, name).slice(0, 3), name);
  const message = /agreement: setting "pairs": expected a whole number in \[1, 100\], found 101/;
  await assert.rejects(compare(at(a, 10), at(b, 10), { pairs: 101 }), { name: "ConfigError", message });
});

test("networks that cannot be compared are named", async () => {
  const input = at(a, 10);
  const alone = complete({ kind: agreement, inputs: [input] }, { studies });
  await assert.rejects(alone, { name: "ConfigError", message: /expected two networks of one task, found 1/ });
  const other: RunAtStep = { ...input, run: { ...input.run, record: { ...input.run.record, task: "vgg" } } };
  const message = /expected two networks of one task, found modular-addition and vgg/;
  await assert.rejects(compare(input, other), { name: "ConfigError", message });
  const sizes = /expected two networks with the same matrices, found .*16 x 8.*; and .*24 x 8/;
  await assert.rejects(compare(input, at(wider, 10)), { name: "ConfigError", message: sizes });
});
