import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import type { Backend } from "spectral-lab/backend/backend";
import { startBackend } from "spectral-lab/backend/start";
import { workloads } from "../../bench/backend/models.js";
import { batchesOf, courses } from "./courses.js";

let backend: Backend | undefined;
before(async () => {
  backend = await startBackend({ backend: "webgpu" }).catch(() => undefined);
});

for (const [name, make] of Object.entries(workloads(true))) {
  test(`recorded and composed steps agree to the last bit: ${name}`, async (t) => {
    const recorder = backend?.recorder;
    if (!recorder) return t.skip("no backend that records");
    const workload = make();
    const batches = batchesOf(workload.batch, 6);
    const { composed, recorded, fallbacks } = await courses(workload, batches, recorder);
    assert.deepEqual(fallbacks, []);
    assert.deepEqual(recorded, composed);
    tf.dispose([batches, workload.batch] as tf.TensorContainer);
  });
}
