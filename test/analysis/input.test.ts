import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { agreement, barrier } from "spectral-lab/analysis/index";
import { studyInput } from "spectral-lab/analysis/input";
import type { NamedArrays } from "spectral-lab/core/array";
import { randomStream } from "spectral-lab/core/random";
import { permuteUnits } from "spectral-lab/nn/units";
import { hiddenMatrices } from "spectral-lab/nn/views";
import { openRun } from "spectral-lab/store/run";
import { modularAddition } from "spectral-lab/tasks/index";
import { prepareRun } from "spectral-lab/tasks/run";
import { applyEdit, parseEdit } from "spectral-lab/train/edits/edit";
import { magnitudeMasks, maskArrays } from "spectral-lab/train/edits/masks";
import { storedNetwork } from "./stored-network.js";
import { complete } from "./toy-study.js";

const root = mkdtempSync(join(tmpdir(), "spectral-input-"));
after(() => rmSync(root, { recursive: true, force: true }));
const [runs, studies] = [join(root, "runs"), join(root, "studies")];

const set = { modulus: 7, width: 8, hidden: 16 };
const a = await storedNetwork(runs, modularAddition, set, 0);
const { model } = a;
const id = a.run.record.id;

/** A run of seed 2 on data as they are here, with the weights of the other's end in another order of units. */
const { description } = await prepareRun({ task: modularAddition, set, seed: 2, backend: "wasm" });
const shuffled = openRun(runs, description);
const random = randomStream(5, "shuffle");
const orders = new Map(model.units!.map(({ name, size }) => [name, random.permutation(size)]));
shuffled.writeWeights(0, model.init(0));
shuffled.writeWeights(10, permuteUnits(model.units!, a.weights(10), orders));
shuffled.update({ status: "finished", step: 10 });
shuffled.close();

const read = (text: string): ReturnType<typeof studyInput> => studyInput(text, [runs]);

test("without an edit it is the run at its step", async () => {
  const input = await read(`${id.slice(0, 8)}@end`);
  assert.deepEqual([input.run.record.id, input.step, input.edit], [id, 10, undefined]);
  assert.deepEqual(input.weights(), a.weights(10));
});

test("masks rank by the run's own end, or the step or run that the edit names", async () => {
  const masked = (weights: NamedArrays, ranked: NamedArrays): NamedArrays =>
    maskArrays(weights, magnitudeMasks(model, ranked, 0.3));
  const other = shuffled.readWeights(10);
  for (const [text, edit, expected] of [
    [`${id}@end+magnitude:0.3`, "magnitude:0.3", masked(a.weights(10), a.weights(10))],
    [`${id}@0+magnitude:0.3`, "magnitude:0.3", masked(a.weights(0), a.weights(10))],
    [`${id}@10+magnitude:0.3@0`, "magnitude:0.3@0", masked(a.weights(10), a.weights(0))],
    [
      `${a.run.folder}@0+magnitude:0.3@${shuffled.record.id.slice(0, 9)}@end`,
      `magnitude:0.3@${shuffled.record.id}@end`,
      masked(a.weights(0), other),
    ],
  ] as const) {
    const input = await read(text);
    assert.equal(input.edit, edit);
    assert.deepEqual(input.weights(), expected);
  }
});

test("what is random is drawn from the run's order, or the edit's own seed", async () => {
  const context = { model, weights: shuffled.readWeights(10), other: shuffled.readWeights(10) };
  for (const [edit, seed] of [
    ["random:0.4", 2],
    ["random-exact:0.4", 2],
    ["reinit:0.4#7", 7],
  ] as const) {
    const input = await read(`${shuffled.record.id}@end+${edit}`);
    const { weights } = applyEdit(parseEdit(edit.split("#")[0]), { ...context, seed });
    assert.deepEqual(input.weights(), weights, edit);
    assert.deepEqual(input.weights(), input.weights());
  }
});

test("figure 10's bars: agreement of a network with itself masked", async () => {
  const score = async (edit: string): Promise<number> => {
    const inputs = [await read(`${id}@end`), await read(`${id}@end+${edit}`)];
    const study = await complete({ kind: agreement, inputs, set: { full: true } }, { studies });
    assert.equal(study.record.inputs[1].edit, edit);
    const rows = study.rows();
    assert.deepEqual(
      rows.map(({ matrix }) => matrix),
      model.matrices.map(({ name }) => name),
    );
    const last = rows.find(({ matrix }) => matrix === model.outputLayer[0])!;
    assert.ok(Math.abs(Number(last.score) - 1) < 1e-5, "the last layer is not masked");
    // The tables are small enough to lose a row or a column, and with it a singular value.
    const names = hiddenMatrices(model).slice(1).map(({ name }) => name); // prettier-ignore
    const scores = rows
      .filter(({ matrix }) => names.includes(String(matrix)))
      .map((row) => Number(row.score));
    return scores.reduce((sum, x) => sum + x, 0) / scores.length;
  };
  const [all, magnitude, few] = [
    await score("magnitude:1"),
    await score("magnitude:0.5"),
    await score("random:0.5"),
  ];
  assert.ok(Math.abs(all - 1) < 1e-5);
  assert.ok(magnitude < 0.999 && magnitude > few, `${magnitude} and ${few}`);
});

test("aligned with another run: agreement and barrier measured again", async () => {
  const b = shuffled.record.id;
  const before = await read(`${b}@end`);
  const after = await read(`modular-addition/${b.slice(0, 8)}@10+align:${id.slice(0, 8)}@end`);
  assert.equal(after.edit, `align:${id}@end`);
  assert.deepEqual(after.weights(), a.weights(10));
  const first = await read(`${id}@end`);
  const scoreOf = async (input: typeof before): Promise<number[]> =>
    (await complete({ kind: agreement, inputs: [first, input] }, { studies })).rows().map(({ score }) => Number(score)); // prettier-ignore
  assert.ok(Math.min(...(await scoreOf(before))) < 0.9);
  assert.ok(Math.min(...(await scoreOf(after))) > 1 - 1e-5);
  // A line along which nothing moves. The data are those of the first input: of the run whose data are here.
  const lossesOf = async (inputs: (typeof before)[]): Promise<number[]> => {
    const study = await complete({ kind: barrier, inputs, set: { points: 5 } }, { studies, backend: "wasm" });
    return study.rows().filter(({ metric }) => metric === "loss").map(({ value }) => Number(value)); // prettier-ignore
  };
  const spread = (losses: number[]): number => Math.max(...losses) - Math.min(...losses);
  assert.ok(spread(await lossesOf([before, first])) > 5e-3);
  assert.ok(spread(await lossesOf([after, first])) < 1e-5);
});

test("what cannot be edited is one clear error, before anything is computed", async () => {
  const cases: [string, string, RegExp][] = [
    [`${id}+magnitude:0.1`, "ConfigError", /expected RUN@STEP such as/],
    [`${id}@end+`, "ConfigError", /edit "": expected one of/],
    [`${id}@end+magnitud:0.1`, "ConfigError", /did you mean "magnitude"/],
    [`${id}@end+magnitude:0.1@7`, "StoreError", /expected kept weights of step 7, found those of step 0, 10/],
    [`${id}@end+align:ffffffffffff@end`, "StoreError", /there is no run "modular-addition\/ffffffffffff"/],
    [
      `${id}@0+norms:${id}`,
      "ConfigError",
      /edit "norms:\w+" holds while a branch trains: .*rescale:RUN@STEP/,
    ],
    [`${id}@3+magnitude:0.1`, "StoreError", /expected kept weights of step 3/],
  ];
  for (const [text, name, message] of cases) await assert.rejects(read(text), { name, message }, text);
});
