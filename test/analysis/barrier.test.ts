import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { barrier } from "spectral-lab/analysis/index";
import { barriersTable } from "spectral-lab/analysis/barriers-table";
import { openExperiment } from "spectral-lab/analysis/model";
import { runStudy, type StudyOptions } from "spectral-lab/analysis/study";
import { studyTable } from "spectral-lab/analysis/study-table";
import { startBackend } from "spectral-lab/backend/start";
import { float32, type NamedArrays } from "spectral-lab/core/array";
import { disposeParameters, toTensors } from "spectral-lab/nn/parameters";
import { splitStateDict } from "spectral-lab/nn/state-dict";
import { runAtStep, type RunAtStep } from "spectral-lab/store/run-at-step";
import type { StudyReader } from "spectral-lab/store/study";
import { modularAddition, unet, vgg } from "spectral-lab/tasks/index";
import type { Task } from "spectral-lab/tasks/task";
import { evaluate, valueOf } from "spectral-lab/train/evaluate";
import { sampleOf } from "spectral-lab/train/examples";
import { recalibrate } from "spectral-lab/train/recalibrate";
import { storedNetwork } from "./stored-network.js";
import { complete, files } from "./toy-study.js";

const root = mkdtempSync(join(tmpdir(), "spectral-barrier-"));
after(() => rmSync(root, { recursive: true, force: true }));
before(() => startBackend({ backend: "wasm" }));
const runs = join(root, "runs");

const tiny = { modulus: 7, width: 8, hidden: 16, batchSize: 8 };
let studies = 0;

/** A folder of studies of its own, and the backend of these tests. */
const options = (): StudyOptions => ({ studies: join(root, `studies-${studies++}`), backend: "wasm" });

/** Weights of two runs of a task that differ in their seeds. */
async function inputsOf(task: Task, set: Readonly<Record<string, unknown>>): Promise<readonly RunAtStep[]> {
  const made = [await storedNetwork(runs, task, set, 0), await storedNetwork(runs, task, set, 1)];
  return made.map(({ run }) => runAtStep(`${run.folder}@end`, [runs]));
}

const withWeights = (input: RunAtStep, weights: NamedArrays, edit: string): RunAtStep => ({
  ...input,
  edit,
  weights: () => weights,
});

function valuesOf(study: StudyReader, metric = "loss"): number[] {
  return study
    .rows()
    .filter((row) => row.metric === metric)
    .map(({ value }) => Number(value));
}

/** The metrics of a network as training would measure them, on all examples or a sample, after its statistics were recomputed. */
async function direct(
  { run, ...input }: RunAtStep,
  statistics: boolean,
  count = Infinity,
): Promise<Record<string, number>> {
  const { experiment } = await openExperiment(run.record);
  const { model, training, batching, evaluations } = experiment;
  const { parameters, buffers } = splitStateDict(model, input.weights());
  const [weights, old] = [toTensors(parameters), toTensors(buffers)];
  const used = statistics ? await recalibrate(model, weights, old, training, batching) : old;
  const { examples, batchSize } = evaluations.train;
  const metrics = await evaluate(model, weights, used, sampleOf(examples, count), { batchSize });
  [weights, old, used].forEach(disposeParameters);
  return Object.fromEntries(Object.entries(metrics).map(([name, ratio]) => [name, valueOf(ratio)]));
}

const addition = await inputsOf(modularAddition, tiny);

test("has a part per point; its ends are the two networks' own metrics, and its table the barriers", async () => {
  const tensors = tf.memory().numTensors;
  const study = await complete({ kind: barrier, inputs: addition }, options());
  assert.equal(tf.memory().numTensors, tensors, "all tensors are freed");
  assert.deepEqual(
    study
      .rows()
      .filter(({ metric }) => metric === "loss")
      .map(({ part, alpha }) => [part, alpha]),
    [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1].map((alpha) => [`alpha/${alpha}`, alpha]),
  );
  assert.ok(study.record.backend?.length === 1 && /WebAssembly/.test(study.record.backend[0]));
  const [first, last] = [
    await direct(addition[0], false),
    await direct(withWeights(addition[0], addition[1].weights(), ""), false),
  ];
  const losses = valuesOf(study);
  assert.deepEqual([losses[0], losses[10]], [first.loss, last.loss]);
  const rows = barriersTable([study]).objects() as Record<string, unknown>[];
  assert.deepEqual(
    rows.map(({ metric }) => metric),
    ["loss", "error"],
  );
  const rises = losses
    .map((loss, i) => loss - ((1 - i / 10) * losses[0] + (i / 10) * losses[10]))
    .slice(1, 10);
  const [{ barrier: found, alpha, ...row }] = rows;
  assert.ok(Math.abs(Number(found) - Math.max(...rises)) < 1e-12);
  assert.equal(alpha, (rises.indexOf(Math.max(...rises)) + 1) / 10);
  assert.deepEqual(
    [row.run1, row.seed2, row.first, row.last, row.points],
    [addition[0].run.record.id, 1, losses[0], losses[10], 11],
  );
  assert.equal(studyTable([study]).numRows(), 22);
});

test("where the loss is convex between the ends the barrier is not above 0", async () => {
  // Cross entropy is convex in the last layer's weights alone.
  const [a, b] = addition.map((input) => input.weights());
  const mixed = new Map(
    [...a].map(([name, array]) => [name, name.startsWith("decoder") ? b.get(name)! : array]),
  );
  const inputs = [addition[0], withWeights(addition[0], mixed, "last layer")];
  const study = await complete({ kind: barrier, inputs, set: { points: 21 } }, options());
  const { loss } = Object.fromEntries(
    (barriersTable([study]).objects() as { metric: string; barrier: number }[]).map((row) => [
      row.metric,
      row.barrier,
    ]),
  );
  assert.ok(loss < -1e-5, `${loss}`); // two sides of a valley
  const fixed = await complete({ kind: barrier, inputs, set: { rest: "fixed" } }, options());
  const losses = valuesOf(fixed);
  assert.deepEqual(
    losses,
    losses.map(() => losses[0]),
    "where nothing moves nothing changes",
  );
});

test("given up, stopped or failing it frees its tensors, and goes on to the same bytes", async () => {
  const request = { kind: barrier, inputs: addition, set: { components: "top", half: "bottom" } };
  const whole = await complete(request, options());
  const stopped = options();
  const tensors = tf.memory().numTensors;
  for await (const { done } of runStudy(request, stopped)) if (done === 3) break;
  assert.equal(tf.memory().numTensors, tensors, "given up");
  const stop = new AbortController();
  const computing = runStudy(request, { ...stopped, signal: stop.signal });
  for (let next = await computing.next(); !next.done; next = await computing.next()) {
    if (next.value.done === 6) stop.abort();
  }
  assert.equal(tf.memory().numTensors, tensors, "stopped");
  const resumed = await complete(request, stopped);
  assert.deepEqual(files(resumed.folder), files(whole.folder));
  await assert.rejects(complete({ ...request, set: { split: "test" } }, options()), {
    name: "ConfigError",
    message: /split "test" does not exist.*train, validation/,
  });
  assert.equal(tf.memory().numTensors, tensors, "failed");
});

test("networks of other sizes or tasks, and weights that are not finite, are one clear error", async () => {
  const wider = await storedNetwork(runs, modularAddition, { ...tiny, hidden: 24 });
  const other = runAtStep(`${wider.run.folder}@end`, [runs]);
  const [name, { shape }] = [...addition[1].weights()][2];
  const broken = new Map(addition[1].weights()).set(
    name,
    float32(shape, new Float32Array(shape[0]).fill(NaN)),
  );
  const wrong: [readonly RunAtStep[], RegExp][] = [
    [[addition[0]], /barrier: expected two networks of one task, found 1/],
    [
      [addition[0], other],
      /two networks of one size, found ".*" \[16,8\] in run .* at step 10 and \[24,8\] in run/,
    ],
    [
      [addition[0], withWeights(addition[1], broken, "broken")],
      /found NaN or infinity in ".*" of run .* step 10 after broken/,
    ],
  ];
  for (const [inputs, message] of wrong) {
    await assert.rejects(complete({ kind: barrier, inputs }, options()), { message });
  }
});

test("data other than those that the first run was trained on are refused", async () => {
  const [{ run, ...rest }, second] = addition;
  const record = { ...run.record, data: { ...run.record.data, fingerprint: "fedcba9876543210" } };
  const inputs = [{ ...rest, run: { ...run, record } }, second] as RunAtStep[];
  await assert.rejects(complete({ kind: barrier, inputs }, options()), {
    name: "DataError",
    message: /expected the data that it was trained on, .*fedcba9876543210\); found/,
  });
});

test("running statistics are made anew at every point, or interpolated", async () => {
  const set = { depth: 11, channels: 4, trainingExamples: 24, batchSize: 10, standIn: true };
  const inputs = await inputsOf(vgg, set);
  const ask = (set: object): Promise<StudyReader> =>
    complete({ kind: barrier, inputs, set: { points: 3, ...set } }, options());
  const [recomputed, interpolated] = [await ask({}), await ask({ statistics: "interpolated" })];
  for (const [study, anew] of [
    [recomputed, true],
    [interpolated, false],
  ] as const) {
    const expected = await direct(inputs[0], anew);
    assert.deepEqual([valuesOf(study)[0], valuesOf(study, "error")[0]], [expected.loss, expected.error]);
  }
  assert.notDeepEqual(valuesOf(recomputed), valuesOf(interpolated));
  const batches = await ask({ mean: "batches" });
  assert.deepEqual(
    batches.rows().map(({ count }) => count),
    [3, 3, 3, 3, 3, 3],
  );
  const some = await ask({ examples: 7, split: "validation" });
  assert.deepEqual(
    some.rows().map(({ count }) => count),
    [7, 7, 7, 7, 7, 7],
  );
  const [loss] = valuesOf(await ask({ examples: 7 }));
  assert.equal(loss, (await direct(inputs[0], true, 7)).loss);
});

test("noise is the same at every point", async () => {
  const inputs = await inputsOf(unet, {
    channels: 4,
    embedding: 8,
    trainingExamples: 6,
    batchSize: 4,
    standIn: true,
  });
  const same = [inputs[0], inputs[0]];
  const study = await complete({ kind: barrier, inputs: same, set: { points: 3 } }, options());
  const [first, middle, last] = valuesOf(study);
  assert.equal(first, last);
  assert.ok(Math.abs(first - middle) < 1e-6 * first, `${first} ${middle}`);
  assert.equal(first, (await direct(inputs[0], false)).loss);
});
