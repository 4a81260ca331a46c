import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { startBackend } from "spectral-lab/backend/start";
import { lstm } from "spectral-lab/tasks/lstm";
import { mlpLabels } from "spectral-lab/tasks/mlp-labels";
import { resnet } from "spectral-lab/tasks/resnet";
import type { Task } from "spectral-lab/tasks/task";
import { transformer } from "spectral-lab/tasks/transformer";
import { unet } from "spectral-lab/tasks/unet";
import { vgg } from "spectral-lab/tasks/vgg";
import { trainAlone } from "./tiny-run.js";

const images = { trainingExamples: 500, evaluationLimit: 4, batchSize: 2, epochs: 2 };
const speech = { hidden: 4, layers: 2, utterances: 4, batchSize: 2, evaluationLimit: 2, epochs: 250 };
const text = { layers: 1, width: 8, heads: 2, hidden: 8, vocabularySize: 20, words: 200, sequenceLength: 9 };
const smallest: [Task, Record<string, unknown>][] = [
  [vgg, { ...images, depth: 11, channels: 1, learningRate: 1e-3 }],
  [resnet, { ...images, channels: 1, learningRate: 1e-3 }],
  [unet, { ...images, channels: 4, embedding: 8 }],
  [mlpLabels, { ...images, hidden: 8, learningRate: 1e-3 }],
  [lstm, { ...speech, measureEvery: 50, pruneEvery: 50 }],
  [transformer, { ...text, batchSize: 2, accumulation: 2, epochs: 100, evaluationLimit: 2, pruneEvery: 50 }],
];

for (const [task, set] of smallest) {
  test(`${task.name}: 500 steps with every probe hold no more tensors at the end than early on, and leave none`, async (t) => {
    await startBackend({ backend: "wasm" });
    const before = tf.memory().numTensors;
    const held: { step: number; tensors: number }[] = [];
    const run = await trainAlone(t, { task, set: { ...set, standIn: true } }, ({ step }) => {
      held.push({ step, tensors: tf.memory().numTensors });
    });
    assert.equal(run.record.step, 500);
    const fewest = (from: number, to: number): number =>
      Math.min(...held.filter(({ step }) => step >= from && step < to).map(({ tensors }) => tensors));
    assert.equal(fewest(300, 500), fewest(10, 250)); // the fewest: when no measurement is under way
    assert.equal(tf.memory().numTensors, before);
  });
}
