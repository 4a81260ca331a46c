import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startBackend } from "spectral-lab/backend/start";
import { every } from "spectral-lab/core/time";
import { adamw } from "spectral-lab/optim/adamw";
import { pruningProbe } from "spectral-lab/probes/pruning";
import { assertSameFiles, newRun, toyExperiment, trained } from "./toy.js";

const before = process.env.SPECTRAL_RECORDING;
after(() => {
  if (before === undefined) delete process.env.SPECTRAL_RECORDING;
  else process.env.SPECTRAL_RECORDING = before;
});

const experiment = toyExperiment({
  optimiser: adamw({ learningRate: (step) => 0.05 / (1 + step), weightDecay: 0.1 }),
});
const measured = { ...experiment, probes: [...experiment.probes, pruningProbe(every("2it"))] };

test("a recorded run has the bytes of a composed one: through measurements, checkpoints and a stop in between", async (t) => {
  delete process.env.SPECTRAL_RECORDING;
  const backend = await startBackend({ backend: "webgpu" }).catch(() => undefined);
  if (!backend?.recorder) return t.skip("no backend that records");
  const composed: string[] = [];
  const onComposed = (why: string): void => void composed.push(why);
  const whole = await trained(measured, { onComposed });
  const stop = new AbortController();
  const stopped = await trained(
    measured,
    { signal: stop.signal, checkpointSeconds: 0, onComposed },
    newRun("stopped"),
    ({ step }) => {
      if (step >= 7) stop.abort();
    },
  );
  assert.equal(stopped.outcome.status, "interrupted");
  const resumed = await trained(measured, { onComposed }, newRun("stopped")); // the same folder, opened again
  assert.deepEqual(composed, []);

  backend.dispose();
  process.env.SPECTRAL_RECORDING = "0";
  assert.equal((await startBackend({ backend: "webgpu" })).recorder, undefined);
  const expected = await trained(measured);
  for (const { run } of [whole, resumed]) {
    assertSameFiles(run, expected.run, 0);
    assert.deepEqual(run.rows(), expected.run.rows());
  }
  assert.ok(expected.run.rows().some(({ probe }) => probe === "pruning"));
});
