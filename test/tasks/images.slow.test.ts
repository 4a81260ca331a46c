import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { startBackend } from "spectral-lab/backend/start";
import type { RunReader } from "spectral-lab/store/stored-run";
import { cifarDecay } from "spectral-lab/tasks/cifar-decay";
import { mlpLabels } from "spectral-lab/tasks/mlp-labels";
import type { Task } from "spectral-lab/tasks/task";
import { unet } from "spectral-lab/tasks/unet";
import { vgg } from "spectral-lab/tasks/vgg";
import { assertFinite, firstAndLast, trainAlone } from "./tiny-run.js";

/** Trains the quick profile on the generated images, which are there on every machine. */
function quick(t: Parameters<typeof trainAlone>[0], task: Task, setting?: string): Promise<RunReader> {
  return trainAlone(t, { task, setting, set: { standIn: true } });
}

/** Effective ranks of all matrices at the last measurement, in order of depth. */
function finalRanks(run: RunReader): number[] {
  const spectra = run.rows().filter(({ probe }) => probe === "spectra");
  return spectra.filter(({ step }) => step === run.record.step).map((row) => Number(row.effectiveRank));
}

const GIGABYTE = 2 ** 20; // in the kilobytes of resourceUsage

test("quick VGG: loss and error fall, and keeping the top half of each spectrum keeps more", async (t) => {
  const run = await quick(t, vgg);
  const rows = run.rows();
  assertFinite(rows);
  const [firstLoss, loss] = firstAndLast(rows, "loss");
  const [, error] = firstAndLast(rows, "error");
  assert.ok(firstLoss > 2.25 && loss < 1, `loss ${firstLoss} to ${loss}`);
  assert.ok(error < 0.35, `error ${error}`); // 0.9 by chance
  const [, top] = firstAndLast(rows, "loss", "train", "top");
  const [, bottom] = firstAndLast(rows, "loss", "train", "bottom");
  assert.ok(bottom > top + 0.5, `bottom half ${bottom}, top half ${top}`);
  assert.ok(process.resourceUsage().maxRSS < 3 * GIGABYTE);
});

test("quick UNet: the error of the predicted noise falls to less than half of the noise", async (t) => {
  const run = await quick(t, unet);
  const rows = run.rows();
  assertFinite(rows);
  const [first, last] = firstAndLast(rows, "loss");
  assert.ok(first > 1 && last < 0.5, `loss ${first} to ${last}`); // predicting nothing costs 1
  assert.ok(process.resourceUsage().maxRSS < 3 * GIGABYTE);
});

test("quick labels: both kinds are memorised, and only true ones teach anything", async (t) => {
  const [real, random] = [await quick(t, mlpLabels, "true"), await quick(t, mlpLabels, "random")];
  for (const run of [real, random]) {
    assertFinite(run.rows());
    const [first, last] = firstAndLast(run.rows(), "error", "train");
    assert.ok(first > 0.8 && last < 0.3, `training error ${first} to ${last}`);
  }
  const [, trueError] = firstAndLast(real.rows(), "error");
  const [, randomError] = firstAndLast(random.rows(), "error");
  assert.ok(trueError < 0.3, `validation error after true labels ${trueError}`);
  assert.ok(randomError > 0.84, `validation error after random labels ${randomError}`);
});

test("quick weight decay: both networks learn, and decay lowers the rank of every matrix", async (t) => {
  const [without, decayed] = [await quick(t, cifarDecay, "no-decay"), await quick(t, cifarDecay, "decay")];
  for (const run of [without, decayed]) {
    assertFinite(run.rows());
    const [, error] = firstAndLast(run.rows(), "error");
    assert.ok(error < 0.75, `validation error ${error}`);
  }
  const ranks = finalRanks(without);
  finalRanks(decayed).forEach((rank, depth) =>
    assert.ok(rank < ranks[depth], `matrix ${depth}: ${rank} with, ${ranks[depth]} without`),
  );
});

const small = { standIn: true, trainingExamples: 500, evaluationLimit: 4, batchSize: 2, epochs: 2 };
const lasting: [Task, Record<string, unknown>][] = [
  [vgg, { ...small, depth: 11, channels: 1, learningRate: 1e-3 }],
  [unet, { ...small, channels: 4, embedding: 8 }],
  [mlpLabels, { ...small, hidden: 8, learningRate: 1e-3 }],
];
for (const [task, set] of lasting) {
  test(`${task.name}: 500 steps with every probe hold no more tensors at the end than early on, and leave none`, async (t) => {
    await startBackend({ backend: "wasm" });
    const before = tf.memory().numTensors;
    const held: { step: number; tensors: number }[] = [];
    const run = await trainAlone(t, { task, set }, ({ step }) => {
      held.push({ step, tensors: tf.memory().numTensors });
    });
    assert.equal(run.record.step, 500);
    const fewest = (from: number, to: number): number =>
      Math.min(...held.filter(({ step }) => step >= from && step < to).map(({ tensors }) => tensors));
    assert.equal(fewest(300, 500), fewest(10, 250)); // the fewest: when no measurement is under way
    assert.equal(tf.memory().numTensors, before);
  });
}
