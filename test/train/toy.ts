import * as tf from "@tensorflow/tfjs";
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { randomStream } from "spectral-lab/core/random";
import { every } from "spectral-lab/core/time";
import { svdSync } from "spectral-lab/linalg/engine";
import type { ImageTensors } from "spectral-lab/models/classification";
import { mlp } from "spectral-lab/models/mlp";
import { sgd } from "spectral-lab/optim/sgd";
import { agreementProbe } from "spectral-lab/probes/agreement";
import { metricsProbe } from "spectral-lab/probes/metrics";
import { spectraProbe } from "spectral-lab/probes/spectra";
import { openRun, type Run } from "spectral-lab/store/run";
import type { Examples } from "spectral-lab/train/examples";
import type { Experiment } from "spectral-lab/train/experiment";
import { type Outcome, train, type TrainingProgress, type TrainOptions } from "spectral-lab/train/loop";
import type { Decomposer } from "spectral-lab/train/measure";
import { describeRun } from "../store/description.js";

const root = mkdtempSync(join(tmpdir(), "spectral-train-"));
after(() => rmSync(root, { recursive: true, force: true }));

export const engine: Decomposer = { svd: async (matrix, options) => svdSync(matrix, options) };

export const toyModel = mlp({ inputs: 12, hidden: 6, layers: 3, classes: 3 });

/** `count` images of 2 x 2 pixels, a function of their numbers; with `noise` also of the batch's stream, as in diffusion. */
export function toyImages(count: number, noise = 0): Examples<ImageTensors> {
  return {
    count,
    batch(indices, random) {
      const pixels = Float32Array.from({ length: 12 * indices.length }, (_, i) => {
        const clean = Math.sin(1 + 12 * indices[Math.floor(i / 12)] + (i % 12));
        return clean + noise * random.normal();
      });
      return {
        images: tf.tensor4d(pixels, [indices.length, 2, 2, 3]),
        labels: tf.tensor1d(
          Int32Array.from(indices, (i) => i % 3),
          "int32",
        ),
      };
    },
  };
}

/** 14 images in batches of 4: an epoch has four steps, the last of two images. Three epochs, all weights kept. */
export function toyExperiment(changes: Partial<Experiment<ImageTensors>> = {}): Experiment<ImageTensors> {
  const training = changes.training ?? toyImages(14);
  return {
    model: toyModel,
    optimiser: sgd({ learningRate: 0.1, momentum: 0.9 }),
    training,
    evaluations: { train: { examples: training, batchSize: 8 } },
    batching: { batchSize: 4 },
    length: "3ep",
    probes: [metricsProbe(every("3it")), spectraProbe(every("1ep")), agreementProbe(every("2it"))],
    checkpoints: every("1it"),
    ...changes,
  };
}

export const options = (more: Partial<TrainOptions> = {}): TrainOptions => ({
  streams: { init: 5, order: 5 },
  svd: engine,
  ...more,
});

let runs = 0;
export function newRun(name = `toy${runs++}`): Run {
  return openRun(root, describeRun({ task: name, seed: 5, config: { a: 1 } }));
}

/** Trains to the end or until the signal, and closes the run. */
export async function trained<Batch>(
  experiment: Experiment<Batch>,
  more: Partial<TrainOptions> = {},
  run = newRun(),
  each: (progress: TrainingProgress) => void = () => undefined,
): Promise<{ run: Run; outcome: Outcome }> {
  const training = train(experiment, run, options(more));
  let next = await training.next();
  for (; !next.done; next = await training.next()) each(next.value);
  run.close();
  return { run, outcome: next.value };
}

/** The arrays, weights and memory of the steps from `first` on, by path. */
function filesFrom(run: Run, first: number): Map<string, string> {
  const files = readdirSync(run.folder, { recursive: true, encoding: "utf8" }).filter((file) => {
    const step = /^(?:steps|weights|moments)\/(\d+)\.safetensors$/.exec(file)?.[1];
    return step !== undefined && Number(step) >= first;
  });
  return new Map(files.sort().map((file) => [file, readFileSync(join(run.folder, file)).toString("base64")]));
}

/** Both runs have the same arrays, weights and memory, byte for byte, from a step on. */
export function assertSameFiles(run: Run, expected: Run, first: number): void {
  const [files, others] = [filesFrom(run, first), filesFrom(expected, first)];
  assert.deepEqual([...files.keys()], [...others.keys()]);
  for (const [file, bytes] of others) assert.ok(files.get(file) === bytes, `${file}, from step ${first}`);
}

/** Numbers in [-1, 1) of a named stream. */
export function numbers(length: number, name: string): Float32Array {
  const random = randomStream(1, name);
  return Float32Array.from({ length }, () => random.uniform(-1, 1));
}
