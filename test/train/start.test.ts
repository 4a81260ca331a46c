import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { startBackend } from "spectral-lab/backend/start";
import { at, every } from "spectral-lab/core/time";
import { modularAddition as sums } from "spectral-lab/data/modular-addition";
import { modularAddition, type AdditionTensors } from "spectral-lab/models/modular-addition";
import { vgg } from "spectral-lab/models/vgg";
import type { ImageTensors } from "spectral-lab/models/classification";
import type { Model } from "spectral-lab/nn/model";
import { disposeParameters, toArrays, toTensors } from "spectral-lab/nn/parameters";
import { adamw } from "spectral-lab/optim/adamw";
import { clipByGlobalNorm } from "spectral-lab/optim/clip";
import type { Optimiser } from "spectral-lab/optim/optimiser";
import { milestones, warmupConstant } from "spectral-lab/optim/schedules";
import { sgd } from "spectral-lab/optim/sgd";
import { metricsProbe } from "spectral-lab/probes/metrics";
import { spectraProbe } from "spectral-lab/probes/spectra";
import type { Row } from "spectral-lab/store/rows";
import type { Run } from "spectral-lab/store/run";
import { permuteUnits } from "spectral-lab/nn/units";
import { magnitudeMasks, maskArrays } from "spectral-lab/train/edits/masks";
import { normOf } from "spectral-lab/train/edits/norms";
import { asTensors, type Examples } from "spectral-lab/train/examples";
import type { Experiment } from "spectral-lab/train/experiment";
import { recalibrate } from "spectral-lab/train/recalibrate";
import type { Start } from "spectral-lab/train/checkpoint";
import { startAfter, startFrom } from "spectral-lab/train/start";
import { type NormCourse, normCourse, normsAt } from "spectral-lab/train/norm-course";
import { assertSameFiles, newRun, toyExperiment, toyImages, toyModel, trained } from "./toy.js";

before(() => startBackend({ backend: "wasm" }));

/** VGG on images of noise, for its running statistics. */
const texture: Examples<ImageTensors> = {
  count: 6,
  batch: (indices, random) => ({
    images: tf.tensor4d(
      Float32Array.from({ length: 3072 * indices.length }, () => random.normal()),
      [indices.length, 32, 32, 3],
    ),
    labels: tf.tensor1d(Int32Array.from(indices), "int32"),
  }),
};
const small = vgg({ depth: 11, width: 1 / 64 });
const adam = adamw({ learningRate: warmupConstant({ peak: 0.02, warmup: 7 }), weightDecay: 0.1 });
const descent = sgd({
  learningRate: milestones({ initial: 0.1, at: [5, 8] }),
  momentum: 0.9,
  weightDecay: 1e-3,
});

const experiments: Record<string, Experiment<ImageTensors>> = {
  "SGD with momentum and milestones": toyExperiment({ optimiser: descent }),
  "AdamW with warm-up, clipped": toyExperiment({ optimiser: clipByGlobalNorm(0.5, adam) }),
  "noise in the batches": toyExperiment({ optimiser: adam, training: toyImages(14, 0.3) }),
  "accumulated gradients": toyExperiment({
    optimiser: descent,
    training: toyImages(14, 0.3),
    batching: { batchSize: 2, accumulation: 2 },
  }),
  "a full batch": toyExperiment({ batching: { batchSize: 14 }, length: "6ep" }),
  "running statistics": toyExperiment({
    model: small,
    training: texture,
    evaluations: {},
    batching: { batchSize: 2 },
    length: "2ep",
    probes: [spectraProbe(every("2it"))],
  }),
};

const initial = (model: Pick<Model<never>, "init">): Start["weights"] => model.init(5);
const isMean = (row: Row): boolean => row.split === "batches";

/** The rows of a branch from `step`: those of the trunk but for the losses of the updates before it. */
function rowsFrom(run: Run, step: number): Row[] {
  return run.rows().filter((row) => Number(row.step) > step || (row.step === step && !isMean(row)));
}

for (const [name, experiment] of Object.entries(experiments)) {
  test(`a branch with the trunk's own order is the trunk, bit for bit, from every step: ${name}`, async () => {
    const trunk = await trained(experiment, { keepLastMemory: true });
    const end = trunk.outcome.step;
    assert.deepEqual(
      trunk.run.weightSteps(),
      Array.from({ length: end + 1 }, (_, step) => step),
    );
    for (let step = 0; step < end; step++) {
      const start = startFrom(trunk.run, step, experiment.model);
      const more = { start, reference: initial(experiment.model), keepLastMemory: true };
      const branch = await trained(experiment, more);
      assert.deepEqual(rowsFrom(branch.run, step), rowsFrom(trunk.run, step), `rows from step ${step}`);
      assertSameFiles(branch.run, trunk.run, step);
      assert.deepEqual(branch.outcome, trunk.outcome);
    }
  });
}

test("trunk and branch, interrupted at one step, hold the same checkpoint", async () => {
  const experiment = experiments["SGD with momentum and milestones"];
  const stopped = async (start?: Start): Promise<Run> => {
    const abort = new AbortController();
    const run = newRun();
    const options = { start, reference: initial(toyModel), signal: abort.signal };
    await trained(experiment, options, run, ({ step }) => step >= 10 && abort.abort());
    return run;
  };
  const trunk = await stopped();
  const branch = await stopped(startFrom(trunk, 6, toyModel));
  const [a, b] = [trunk, branch].map((run) => {
    const reopened = newRun(run.record.task);
    const { step, arrays, metadata } = reopened.resumeFrom()!;
    reopened.close();
    return { step, arrays: [...arrays], metadata };
  });
  assert.equal(a.step, 10);
  assert.equal(a.metadata.optimiserCount, "10");
  assert.deepEqual(b, a);
});

test("a branch of a run that has met its goal ends where that run did", async () => {
  const data = sums({ modulus: 7, trainingFraction: 0.6, seed: 0 });
  const training = asTensors(data.training) as Examples<AdditionTensors>;
  const experiment: Experiment<AdditionTensors> = {
    model: modularAddition({ modulus: 7, width: 8, heads: 2, hidden: 16 }),
    optimiser: adamw({ learningRate: 1e-2 }),
    training,
    evaluations: { train: { examples: training, batchSize: 32 } },
    batching: { batchSize: 32 },
    length: "400ep",
    stop: { split: "train", metric: "error", below: 0.5, then: "12it" },
    probes: [metricsProbe(every("4it"))],
    checkpoints: every("5it"),
  };
  const trunk = await trained(experiment);
  const end = trunk.outcome.step;
  assert.ok(end < 400, `stopped at ${end}`);
  const from = Math.max(...trunk.run.memorySteps());
  assert.ok(from > end - 12, "from after the goal");
  const branch = await trained(experiment, { start: startFrom(trunk.run, from, experiment.model) });
  assert.equal(branch.outcome.step, end);
  assert.deepEqual(rowsFrom(branch.run, from), rowsFrom(trunk.run, from));
});

test("other streams: the order of a branch is its own, the initialisation not", async () => {
  const trunk = await trained(toyExperiment());
  const other = await trained(toyExperiment(), { streams: { init: 5, order: 6 } });
  assert.deepEqual(other.run.readWeights(0), trunk.run.readWeights(0));
  assert.notDeepEqual(other.run.readWeights(1), trunk.run.readWeights(1));
  const start = startFrom(trunk.run, 4, toyModel);
  const branch = await trained(toyExperiment(), { start, streams: { init: 5, order: 6 } });
  assert.deepEqual(branch.run.weightSteps(), [4, 5, 6, 7, 8, 9, 10, 11, 12]);
  assert.notDeepEqual(branch.run.readWeights(5), trunk.run.readWeights(5));
});

test("agreement is measured with the start, if nothing else is given", async () => {
  const trunk = await trained(toyExperiment());
  const score = async (reference?: Start["weights"]): Promise<number> => {
    const { run } = await trained(toyExperiment(), { start: startFrom(trunk.run, 4, toyModel), reference });
    return Number(run.rows().find((row) => row.probe === "agreement" && row.step === 4)!.score);
  };
  assert.ok(Math.abs((await score()) - 1) < 1e-6);
  assert.ok((await score(trunk.run.readWeights(12))) < 0.999);
});

/** An optimiser that tells the step of each update, and what it was given. */
function spying(
  inner: Optimiser,
  each: (step: number, ...given: Parameters<Optimiser["update"]>) => void,
): Optimiser {
  let at = 0;
  return {
    ...inner,
    scalars: (step, count) => inner.scalars((at = step), count),
    update(...given) {
      each(at, ...given);
      return inner.update(...given);
    },
  };
}

test("without memory the optimiser counts from 0, and the schedule goes on", async () => {
  const trunk = await trained(toyExperiment());
  const seen: number[][] = [];
  const optimiser = spying(adam, (step, _g, { count, slots }) => {
    if (count === 0) for (const slot of slots.values()) assert.ok(slot.dataSync().every((x) => x === 0));
    seen.push([count, step]);
  });
  const start = { step: 9, weights: trunk.run.readWeights(9) };
  await trained(toyExperiment({ optimiser }), { start });
  assert.deepEqual(seen, [
    [0, 9],
    [1, 10],
    [2, 11],
  ]);
});

for (const [name, inner] of Object.entries({ descent, adam, clipped: clipByGlobalNorm(1, adam) })) {
  test(`masked weights are exactly 0 at every update, also after an interruption: ${name}`, async () => {
    const trunk = await trained(toyExperiment({ optimiser: inner }));
    const start = await startAfter(
      { mask: "magnitude", keep: 0.3, rankedAt: "end" },
      startFrom(trunk.run, 3, toyModel),
      { experiment: toyExperiment(), seed: 9, other: trunk.run.readWeights(12) },
    );
    const masks = start.masks!;
    const zero = (weights: Start["weights"]): boolean =>
      [...masks].every(([key, { data }]) =>
        (data as Float32Array).every((kept, i) => kept === 1 || weights.get(key)!.data[i] === 0),
      );
    assert.ok(zero(start.weights) && start.memory!.count === 3);
    let updates = 0;
    const optimiser = spying(inner, (_step, gradients, _state, parameters) => {
      updates++;
      const host = new Map(
        [...parameters].map(
          ([key, t]) => [key, { dtype: "F32", shape: t.shape, data: t.dataSync() }] as const,
        ),
      );
      assert.ok(zero(host as Start["weights"]), `update ${updates}`);
      gradients.forEach((gradient, key) => {
        const values = gradient.dataSync();
        masks.get(key)?.data.forEach((kept, i) => assert.ok(kept === 1 || values[i] === 0));
      });
    });
    const experiment = toyExperiment({ optimiser });
    const whole = await trained(experiment, { start });
    assert.equal(updates, 9);
    const name = whole.run.record.task + "-stopped";
    const abort = new AbortController();
    const stopped = await trained(experiment, { start, signal: abort.signal }, newRun(name), ({ step }) => {
      if (step >= 7) abort.abort();
    });
    assert.equal(stopped.outcome.status, "interrupted");
    const resumed = await trained(experiment, { start }, newRun(name));
    assertSameFiles(resumed.run, whole.run, 0);
    for (const step of whole.run.weightSteps()) assert.ok(zero(whole.run.readWeights(step)), `step ${step}`);
    assert.equal(updates, 18);
  });
}

const finely = [spectraProbe(every("1it"))];
const decaying = {
  "SGD with momentum": sgd({ learningRate: 0.1, momentum: 0.9, weightDecay: 0.05 }),
  AdamW: adamw({ learningRate: 0.02, weightDecay: 2 }),
};

for (const [name, inner] of Object.entries(decaying)) {
  test(`matrices are held at another run's norms after every update, also after an interruption: ${name}`, async () => {
    const free = await trained(toyExperiment({ probes: [spectraProbe(every("4it"))] }));
    const norms = normCourse("free", free.run.rows(), toyModel);
    assert.deepEqual(norms.steps, [0, 4, 8, 12]);
    const trunk = await trained(toyExperiment({ optimiser: inner }));
    const experiment = toyExperiment({ optimiser: inner, probes: finely });
    const start = await startAfter({ norms: { run: "free" } }, startFrom(trunk.run, 3, toyModel), {
      experiment,
      seed: 9,
      norms,
    });
    const whole = await trained(experiment, { start });
    const rows = whole.run.rows().filter(({ probe }) => probe === "spectra");
    assert.deepEqual([...new Set(rows.map(({ step }) => step))], [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    for (const { step, matrix, frobenius } of rows) {
      const wanted = normsAt(norms, Number(step)).get(String(matrix))!;
      assert.ok(
        Math.abs(Number(frobenius) / wanted - 1) < 2e-6,
        `${matrix} at ${step}: ${frobenius}, not ${wanted}`,
      );
    }
    const other = `${whole.run.record.task}-stopped`;
    const abort = new AbortController();
    const stopped = await trained(experiment, { start, signal: abort.signal }, newRun(other), ({ step }) => {
      if (step >= 7) abort.abort();
    });
    assert.equal(stopped.outcome.status, "interrupted");
    const resumed = await trained(experiment, { start }, newRun(other));
    assertSameFiles(resumed.run, whole.run, 0);
  });
}

test("held at its own norms a run changes little: by rounding where they were measured at every step", async () => {
  const off = async (measured: "1it" | "6it"): Promise<number> => {
    const experiment = toyExperiment({ optimiser: descent, probes: [spectraProbe(every(measured))] });
    const { run } = await trained(experiment);
    const norms: NormCourse = normCourse("itself", run.rows(), toyModel);
    const held = await trained(experiment, { start: { step: 0, weights: run.readWeights(0), norms } });
    const distances = toyModel.matrices.map(({ parameter }) => {
      const [own, other] = [run, held.run].map(
        (of) => of.readWeights(12).get(parameter)!.data as Float32Array,
      );
      return normOf(own.map((value, i) => value - other[i])) / normOf(own);
    });
    return Math.max(...distances);
  };
  const [exact, interpolated] = [await off("1it"), await off("6it")];
  assert.ok(exact < 1e-4, `${exact}`);
  assert.ok(interpolated < 0.05 && interpolated > exact, `${interpolated}`);
});

test("an edited start has the statistics of its weights, keeps norms and the memory, and leaves no tensor", async () => {
  const experiment = experiments["running statistics"];
  const { run } = await trained(experiment);
  const before = startFrom(run, 4, small);
  const tensors = tf.memory().numTensors;
  const start = await startAfter({ perturb: 0.5, seed: 3 }, before, { experiment, seed: 1 });
  assert.equal(tf.memory().numTensors, tensors);
  assert.deepEqual(start.memory, before.memory);
  assert.equal(start.running, undefined);
  for (const { parameter, name } of small.matrices) {
    const [old, now] = [before, start].map(({ weights }) => weights.get(parameter)!.data as Float32Array);
    assert.ok(Math.abs(normOf(now) / normOf(old) - 1) < 1e-6, name);
    assert.equal(String(now) === String(old), small.outputLayer.includes(name));
  }
  const parameters = toTensors(new Map([...start.weights].filter(([name]) => !/running/.test(name))));
  const recomputed = await recalibrate(small, parameters, new Map(), texture, { batchSize: 2 });
  for (const [name, { data }] of await toArrays(recomputed)) {
    assert.deepEqual(start.weights.get(name)!.data, data);
    assert.notDeepEqual(before.weights.get(name)!.data, data);
  }
  disposeParameters(parameters);
  disposeParameters(recomputed);
  const again = await startAfter({ perturb: 0.5, seed: 3 }, before, { experiment, seed: 2 });
  assert.deepEqual(again, start, "the noise is of the edit's own seed");
});

for (const [name, optimiser] of Object.entries({ descent, adam })) {
  test(`units in another order train on as they would have, with their moments and masks: ${name}`, async () => {
    const trunk = await trained(toyExperiment({ optimiser }));
    const order = Int32Array.of(4, 2, 0, 5, 1, 3);
    const shuffle = (weights: Start["weights"]): Start["weights"] =>
      permuteUnits(toyModel.units!, weights, new Map([["layers.0", order]]));
    for (const masked of [false, true]) {
      const before = startFrom(trunk.run, 4, toyModel);
      const masks = masked ? magnitudeMasks(toyModel, before.weights, 0.5) : undefined;
      const start = { ...before, masks };
      const there = shuffle(maskArrays(before.weights, masks));
      const edit = { align: { run: "abc", step: 4 } } as const;
      const own = { ...start, weights: maskArrays(start.weights, masks) };
      const edited = await startAfter(edit, own, { experiment: toyExperiment(), seed: 1, other: there });
      assert.deepEqual(edited.weights, there);
      const [plain, moved] = [
        await trained(toyExperiment({ optimiser }), { start: own }),
        await trained(toyExperiment({ optimiser }), { start: edited }),
      ];
      const [expected, found] = [shuffle(plain.run.readWeights(12)), moved.run.readWeights(12)];
      for (const [key, { data }] of expected) {
        data.forEach((x, i) => {
          const y = Number(found.get(key)!.data[i]);
          assert.ok(Math.abs(Number(x) - y) < 1e-4 && (x === 0) === (y === 0), `${key}[${i}]: ${x}, ${y}`);
        });
      }
    }
  });
}

test("fresh moments: only the weights are read", async () => {
  const { run } = await trained(toyExperiment({ checkpoints: at("0", "4it", "end") }));
  const fresh = startFrom(run, 4, toyModel, { memory: false });
  assert.deepEqual(fresh, { step: 4, weights: run.readWeights(4) });
  assert.equal(startFrom(run, 4, toyModel, { memory: true }).memory!.count, 4);
  assert.deepEqual(startFrom(run, 12, toyModel, { memory: false }).step, 12); // where no memory was kept
});

test("what was not kept is an error that names the run, the step and what is there", async () => {
  const { run } = await trained(toyExperiment({ checkpoints: at("0", "4it", "end") }));
  assert.deepEqual([run.weightSteps(), run.memorySteps()], [[0, 4, 12], [4]]);
  const folder = new RegExp(run.folder);
  for (const [step, message] of [
    [5, /expected kept weights of step 5, found those of step 0, 4, 12/],
    [12, /expected the kept memory of the optimiser of step 12, found those of step 4/],
  ] as const) {
    assert.throws(() => startFrom(run, step, toyModel), { name: "StoreError", message });
    assert.throws(() => startFrom(run, step, toyModel), folder);
  }
  assert.equal(startFrom(run, 0, toyModel).memory, undefined);
  assert.throws(() => startFrom(run, 4, small as Model<unknown>), /step 4: vgg: state dict lacks/);
});

test("a start that does not fit is refused, and leaves no tensor", async () => {
  const { run } = await trained(toyExperiment());
  const start = startFrom(run, 4, toyModel);
  const [name, weight] = [...start.weights][0];
  const masks = (data: Float32Array, key = name): Start => ({
    ...start,
    masks: new Map([[key, { ...weight, data }]]),
  });
  const ones = (weight.data as Float32Array).map(() => 1);
  const cases: [Start, RegExp][] = [
    [{ ...start, step: 13 }, /start: expected a step in 0 \.\. 12, the run's end, found 13/],
    [{ ...start, step: 1.5 }, /found 1.5/],
    [{ ...start, weights: new Map() }, /start: mlp: state dict lacks/],
    [{ ...start, memory: { count: 1, slots: new Map() } }, /start: the optimiser's memory lacks \(v\/layers/],
    [masks(ones, "x"), /start: expected a mask of a parameter, found one of "x"/],
    [masks(ones.map(() => 0.5)), /start: mask of "layers\.0\.weight": expected 0 and 1, F32 \[6,12\]/],
  ];
  const before = tf.memory().numTensors;
  for (const [wrong, message] of cases) {
    const other = newRun();
    await assert.rejects(trained(toyExperiment(), { start: wrong }, other), { name: "DataError", message });
    other.close();
    assert.equal(tf.memory().numTensors, before, String(message));
  }
});

test("masks without an edit hold the start's weights at 0 too", async () => {
  const weights = initial(toyModel);
  const masks = magnitudeMasks(toyModel, weights, 0.5);
  const { run } = await trained(toyExperiment(), { start: { step: 2, weights, masks } });
  const kept = run.readWeights(2).get("layers.0.weight")!.data as Float32Array;
  masks.get("layers.0.weight")!.data.forEach((x, i) => assert.equal(kept[i] === 0, x === 0));
});
