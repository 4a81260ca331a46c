import assert from "node:assert/strict";
import { before, test } from "node:test";
import { startBackend } from "spectral-lab/backend/start";
import { CheckpointClock } from "spectral-lab/train/checkpoint-clock";
import { engine, newRun, toyExperiment, trained } from "./toy.js";

before(() => startBackend({ backend: "wasm" }));

/** Trains for `seconds` in steps of 10 ms with checkpoints that take `cost` ms; when each was written, in ms. */
async function checkpointsOf(every: number, cost: number, seconds: number): Promise<number[]> {
  let now = 0;
  const clock = new CheckpointClock(every, () => now);
  const times: number[] = [];
  while (now < 1000 * seconds) {
    now += 10;
    if (!clock.isDue()) continue;
    times.push(now);
    await clock.write(async () => void (now += cost));
  }
  return times;
}

test("cheap checkpoints come as often as asked", async () => {
  const times = await checkpointsOf(1000, 1, 60);
  assert.equal(times.length, 59);
  times.slice(1).forEach((time, i) => assert.ok(time - times[i] <= 1021, `${time - times[i]} ms`));
});

test("expensive checkpoints take 3 % of the time, but for the first", async () => {
  for (const [cost, seconds] of [
    [500, 200],
    [2000, 1000],
  ]) {
    const times = await checkpointsOf(100, cost, seconds);
    assert.ok(times[0] <= 110, "what it costs is not known before");
    times
      .slice(1)
      .forEach((time, i) => assert.ok((i + 2) * cost <= 0.03 * time, `number ${i + 2} at ${time}`));
    assert.ok(times.length >= (0.03 * 1000 * seconds) / cost - 2, `${times.length} in ${seconds} s`);
  }
});

test("a slow disk costs a run one checkpoint, not one per step; an interruption always writes one", async () => {
  const run = newRun();
  const steps: number[] = [];
  const slow: typeof run = {
    ...run,
    writeCheckpoint(step, ...rest) {
      steps.push(step);
      const until = performance.now() + 300;
      while (performance.now() < until);
      run.writeCheckpoint(step, ...rest);
    },
  };
  const abort = new AbortController();
  const experiment = toyExperiment({ length: "100ep", probes: [], checkpoints: { at: ["end"] } });
  const started = performance.now();
  const options = { checkpointSeconds: 0, signal: abort.signal, svd: engine };
  const { outcome } = await trained(experiment, options, slow, ({ step }) => step >= 30 && abort.abort());
  const seconds = (performance.now() - started) / 1000;
  assert.equal(outcome.status, "interrupted");
  assert.equal(steps.at(-1), outcome.step);
  assert.ok(
    steps.length <= 2 + (0.03 * seconds) / 0.3,
    `${steps.length} checkpoints in ${seconds} s: ${steps}`,
  );
  assert.ok(steps.length >= 2 && steps[0] < 5);
});
