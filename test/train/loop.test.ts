import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { startBackend } from "spectral-lab/backend/start";
import { TrainingError } from "spectral-lab/core/errors";
import { any, at, every } from "spectral-lab/core/time";
import { modularAddition as sums } from "spectral-lab/data/modular-addition";
import { svdSync } from "spectral-lab/linalg/engine";
import { modularAddition, type AdditionTensors } from "spectral-lab/models/modular-addition";
import { adamw } from "spectral-lab/optim/adamw";
import { agreementProbe } from "spectral-lab/probes/agreement";
import { alignmentProbe } from "spectral-lab/probes/alignment";
import { metricsProbe } from "spectral-lab/probes/metrics";
import { pruningProbe } from "spectral-lab/probes/pruning";
import { spectraProbe } from "spectral-lab/probes/spectra";
import type { Run } from "spectral-lab/store/run";
import { magnitudeMasks } from "spectral-lab/train/edits/masks";
import { asTensors, type Examples } from "spectral-lab/train/examples";
import type { Experiment } from "spectral-lab/train/experiment";
import type { Decomposer } from "spectral-lab/train/measure";
import { type Outcome, train, type TrainingProgress } from "spectral-lab/train/loop";
import { newRun, options as settings } from "./toy.js";

before(() => startBackend({ backend: "wasm" }));

function experiment(
  changes: Partial<Experiment<AdditionTensors>> = {},
  learningRate = 3e-3,
): Experiment<AdditionTensors> {
  const data = sums({ modulus: 7, trainingFraction: 0.6, seed: 0 });
  const training = asTensors(data.training) as Examples<AdditionTensors>;
  const validation = asTensors(data.validation) as Examples<AdditionTensors>;
  return {
    model: modularAddition({ modulus: 7, width: 8, heads: 2, hidden: 16 }),
    optimiser: adamw({ learningRate, weightDecay: 1 }),
    training,
    evaluations: {
      train: { examples: training, batchSize: 16 },
      validation: { examples: validation, batchSize: 16 },
    },
    batching: { batchSize: 8 },
    length: "10ep",
    probes: [
      metricsProbe(every("1ep")),
      spectraProbe(every("2ep")),
      alignmentProbe(every("2ep")),
      agreementProbe(every("5ep")),
      pruningProbe(any(at("0"), every("5ep"))),
    ],
    checkpoints: at("0", "3ep"),
    ...changes,
  };
}

async function finish(
  generator: AsyncGenerator<TrainingProgress, Outcome>,
  each: (progress: TrainingProgress) => void = () => undefined,
): Promise<Outcome> {
  let next = await generator.next();
  for (; !next.done; next = await generator.next()) each(next.value);
  return next.value;
}

/** Every file of a run that must not depend on how often it was stopped, by path. */
function content(run: Run): Map<string, string> {
  const files = readdirSync(run.folder, { recursive: true, encoding: "utf8" }).filter((file) =>
    /^(rows\.jsonl|steps\/|weights\/)/.test(file),
  );
  return new Map(files.sort().map((file) => [file, readFileSync(join(run.folder, file)).toString("base64")]));
}

test("a run measures what its probes ask for, when they ask", async () => {
  const run = newRun();
  const outcome = await finish(train(experiment(), run, settings()));
  run.close();
  assert.deepEqual(outcome, { status: "finished", step: 40, epoch: 10 }); // 29 examples in batches of 8: 4 steps an epoch
  const rows = run.rows();
  const steps = (probe: string): unknown[] => [
    ...new Set(rows.filter((row) => row.probe === probe).map((row) => row.step)),
  ];
  assert.deepEqual(steps("metrics"), [0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40]);
  assert.deepEqual(steps("spectra"), [0, 8, 16, 24, 32, 40]);
  assert.deepEqual(steps("pruning"), [0, 20, 40]);
  assert.deepEqual(run.weightSteps(), [0, 12, 40]);
  const agreement = rows.filter((row) => row.probe === "agreement" && row.step === 0);
  agreement.forEach((row) =>
    assert.ok(Math.abs(Number(row.score) - 1) < 1e-6, "the initialisation agrees with itself"),
  );
  const order = rows.map((row) => Number(row.step));
  assert.deepEqual(
    order,
    [...order].sort((a, b) => a - b),
  );
});

test("the loss falls, and the mean batch loss is recorded", async () => {
  const run = newRun();
  await finish(train(experiment({ length: "120ep" }, 1e-2), run, settings()));
  run.close();
  const losses = run
    .rows()
    .filter((row) => row.split === "batches")
    .map((row) => Number(row.value));
  assert.equal(losses.length, 120);
  assert.ok(losses[119] < 0.5 * losses[0], `${losses[0]} -> ${losses[119]}`);
});

test("a run interrupted at any step, any number of times, ends with the same bytes", async () => {
  const whole = newRun();
  await finish(train(experiment(), whole, settings()));
  whole.close();
  for (const stops of [[0], [1], [4], [7, 8, 9], [13, 20, 39], [40]]) {
    const name = `stopped${stops}`;
    for (const stop of [...stops, Infinity]) {
      const run = newRun(name);
      const abort = new AbortController();
      const outcome = await finish(
        train(experiment(), run, settings({ signal: abort.signal, checkpointSeconds: stop % 2 ? 0 : 20 })),
        ({ step }) => step >= stop && abort.abort(),
      );
      run.close();
      if (outcome.status === "interrupted") continue;
      assert.deepEqual(content(run), content(whole), `stopped at ${stops}`);
      break;
    }
  }
});

test("a run that is stopped before it began measures nothing, and then ends with the same bytes", async () => {
  const whole = newRun();
  await finish(train(experiment(), whole, settings()));
  whole.close();
  const stopped = newRun("stopped-before");
  const outcome = await finish(train(experiment(), stopped, settings({ signal: AbortSignal.abort() })));
  stopped.close();
  assert.deepEqual(outcome, { status: "interrupted", step: 0, epoch: 0 });
  assert.deepEqual(stopped.rows(), []);
  const again = newRun("stopped-before");
  await finish(train(experiment(), again, settings()));
  again.close();
  assert.deepEqual(content(again), content(whole));
});

test("a NaN ends training with an error that names step and parameter, and keeps what was measured", async () => {
  const run = newRun();
  const diverging = experiment({ length: "50ep" }, 1e38);
  await assert.rejects(
    finish(train(diverging, run, settings())),
    (error: unknown) =>
      error instanceof TrainingError &&
      /step \d+: expected a finite loss, found .*parameter "/.test(error.message),
  );
  run.close();
  assert.ok(run.rows().some((row) => row.probe === "metrics" && row.step === 0));
  assert.deepEqual(run.steps()[0], 0);
});

test("a matrix that became NaN is an error that names it", async () => {
  const run = newRun();
  const broken: Decomposer = {
    svd: async (matrix, options) =>
      svdSync({ ...matrix, data: matrix.data.map((x, i) => (i === 3 ? NaN : x)) }, options),
  };
  await assert.rejects(
    finish(train(experiment(), run, settings({ svd: broken }))),
    /encoder\.weight.*NaN.*3/s,
  );
  run.close();
});

test("training stops early where its goal is met, and measures its end", async () => {
  const run = newRun();
  const goal = { split: "train", metric: "error", below: 0.5, then: "4ep" };
  const outcome = await finish(train(experiment({ length: "200ep", stop: goal }), run, settings()));
  run.close();
  const errors = run
    .rows()
    .filter((row) => row.split === "train" && row.metric === "error" && row.variant === "full");
  const first = errors.find((row) => Number(row.value) < 0.5)!;
  assert.equal(outcome.step, Number(first.step) + 16);
  assert.ok(run.rows().some((row) => row.probe === "pruning" && row.step === outcome.step));
});

test("a checkpoint without the optimiser's count is an error that names it", async () => {
  const run = newRun();
  const weights = new Map([...experiment().model.init(5)]);
  run.writeCheckpoint(4, weights, { optimiserStep: "4", runningSum: "0", runningCount: "0" });
  await assert.rejects(finish(train(experiment(), run, settings())), {
    name: "DataError",
    message: /4\.safetensors: expected a number "optimiserCount" as metadata, found none/,
  });
  run.close();
});

test("abandoned training waits for what is under way and frees everything", async () => {
  const before = tf.memory().numTensors;
  for (const [yields, masks] of [
    [1, false],
    [2, true],
    [6, false],
  ] as const) {
    let pending = 0;
    const slow: Decomposer = {
      async svd(matrix, options) {
        pending++;
        await setTimeout(20);
        pending--;
        return svdSync(matrix, options);
      },
    };
    const { model } = experiment();
    const weights = model.init(5);
    const start = { step: 0, weights, ...(masks && { masks: magnitudeMasks(model, weights, 0.5) }) };
    const run = newRun();
    let seen = 0;
    for await (const _progress of train(experiment(), run, settings({ svd: slow, start }))) {
      if (++seen === yields) break;
    }
    assert.equal(pending, 0);
    assert.equal(tf.memory().numTensors, before, `after ${yields} yields`);
    assert.ok(
      run.rows().some((row) => row.probe === "spectra"),
      "what was measured stays",
    );
    run.close();
  }
});

test("training that fails, or whose probe fails, leaves no tensors behind", async () => {
  const before = tf.memory().numTensors;
  const failing: Decomposer = {
    async svd(matrix, options) {
      await setTimeout(5);
      if (matrix.rows === 8 && matrix.columns === 8) throw new Error("no decomposition");
      return svdSync(matrix, options);
    },
  };
  for (const [changes, message] of [
    [experiment(), /no decomposition/],
    [experiment({ length: "50ep" }, 1e38), /expected a finite loss|no decomposition/],
  ] as const) {
    const run = newRun();
    await assert.rejects(finish(train(changes, run, settings({ svd: failing }))), message);
    assert.equal(tf.memory().numTensors, before);
    run.close();
  }
});

test("training leaves no tensors behind", async () => {
  const before = tf.memory().numTensors;
  const run = newRun();
  await finish(train(experiment(), run, settings()));
  run.close();
  assert.equal(tf.memory().numTensors, before);
});
