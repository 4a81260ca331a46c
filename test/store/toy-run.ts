import type { NamedArrays } from "spectral-lab/core/array";
import { randomStream } from "spectral-lab/core/random";
import { openRun, type Run } from "spectral-lab/store/run";
import { describeRun } from "./description.js";

// Trains a toy run under argv[2] to the end, as the training loop does, in steps of at least argv[3] milliseconds: its
// numbers depend on every step before.
export const toy = describeRun({
  task: "toy",
  seed: 3,
  config: { steps: 120, rate: 0.5, name: "toy" },
  defaults: { steps: 1000, rate: 0.5, name: "toy" },
});

const named = (data: Float64Array): NamedArrays =>
  new Map([["w", { dtype: "F64", shape: [data.length], data }]]);

function measure(run: Run, step: number, weights: Float64Array): void {
  const norm = Math.hypot(...weights);
  run.writeArrays(step, named(weights.map(Math.abs).sort()));
  if (step % 20 === 0) run.writeWeights(step, named(weights));
  run.appendRows([
    { step, metric: "norm", value: norm },
    { step, metric: "log", value: step === 0 ? NaN : Math.log(norm) },
  ]);
}

/**
 * Trains from the last checkpoint to the end, measuring every 4 steps, with a checkpoint every 6. Each step takes at
 * least `stepMs`: where the machine is fast, a run to be killed must still last longer than the wait for the kill.
 */
export function train(root: string, stepMs = 0): void {
  const run = openRun(root, toy, { onWarning: () => undefined });
  if (run.record.status === "finished") return run.close();
  const total = toy.config.steps as number;
  const from = run.resumeFrom();
  let weights = (from?.arrays.get("w")?.data as Float64Array | undefined) ?? new Float64Array(50);
  for (let step = from?.step ?? 0; step <= total; step++) {
    if (step % 4 === 0 && step !== from?.step) measure(run, step, weights);
    if (step % 6 === 0 && step !== from?.step)
      run.writeCheckpoint(step, named(weights), { sum: String(weights[0]) });
    const random = randomStream(toy.seed, `step/${step}`);
    weights = weights.map((w) => 0.9 * w + random.normal());
    if (stepMs > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, stepMs);
  }
  run.pruneCheckpoints(0);
  run.update({ status: "finished", finished: new Date().toISOString(), step: total });
  run.close();
}

if (process.argv[1].endsWith("toy-run.js")) {
  process.stdout.write("ready\n");
  train(process.argv[2], Number(process.argv[3] ?? 0));
}
