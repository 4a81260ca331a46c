import assert from "node:assert/strict";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { read } from "spectral-lab/backend/read";
import { startBackend } from "spectral-lab/backend/start";
import { planLstm } from "spectral-lab/backend/webgpu/lstm-plan";
import type { WebGpuBackend } from "spectral-lab/backend/webgpu/start";
import { initialise } from "spectral-lab/nn/initialise";
import { bidirectionalLstm, lstmSpecs } from "spectral-lab/nn/lstm";
import { toTensors } from "spectral-lab/nn/parameters";
import { availableBackends } from "./available.js";

/** Limits of WebGPU's smallest devices, of usual ones and of large GPUs: threads and bytes of a workgroup. */
const devices = [
  [256, 16384],
  [256, 32768],
  [1024, 32768],
  [1024, 49152],
].map(([maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupStorageSize]) => ({
  maxComputeInvocationsPerWorkgroup,
  maxComputeWorkgroupStorageSize,
}));

test("a plan of the LSTM keeps to the device's limits and leaves no unit out", () => {
  for (const limits of devices) {
    for (const units of [1, 5, 32, 33, 200, 256, 257, 300, 512, 672]) {
      for (const batch of [1, 64, 65]) {
        const plan = planLstm(units, batch, limits)!;
        const { sequences, lanes, slices, threads, rows, columns } = plan;
        const what = JSON.stringify({ limits, plan });
        assert.ok(threads === lanes * slices && threads <= limits.maxComputeInvocationsPerWorkgroup, what);
        assert.ok(columns >= units && columns % lanes === 0, what);
        assert.ok(rows >= units && rows % (8 * slices) === 0, what);
        const forward = 8 * sequences * rows + 16 * sequences * slices * columns;
        const backward = 16 * sequences * rows + 4 * sequences * slices * columns;
        assert.ok(Math.max(forward, backward) <= limits.maxComputeWorkgroupStorageSize, what);
      }
    }
  }
});

test("the paper's LSTM has a thread for every unit and quarter of its sum on a large GPU, and less on small ones", () => {
  const [small, , , large] = devices;
  const sizes = { units: 256, sequences: 1, lanes: 256, rows: 256, columns: 256, held: true };
  assert.deepEqual(planLstm(256, 32, large), { ...sizes, slices: 4, threads: 1024 });
  assert.deepEqual(planLstm(256, 32, small), { ...sizes, slices: 1, threads: 256 });
  assert.equal(planLstm(256, 65, large)?.sequences, 2);
  assert.equal(planLstm(512, 65, small)?.sequences, 1);
  assert.equal(planLstm(900, 1, small), undefined);
});

test("an LSTM is the same on a device with few threads, and with too little memory for its state", async (t) => {
  const { names } = await availableBackends();
  if (!names.includes("webgpu")) return t.skip("no adapter");
  const backend = (await startBackend({ backend: "webgpu" })) as WebGpuBackend;
  const limits = backend.gpuDevice.limits as unknown as Record<string, number>;
  const parameters = toTensors(initialise(lstmSpecs("lstm", 3, 37, 1), 1));
  const x = tf.randomUniform([4, 3, 3], -1, 1, "float32", 2) as tf.Tensor3D;
  const output = (): tf.Tensor3D => bidirectionalLstm(parameters, "lstm", 0, x);
  const gradient = (): tf.Tensor =>
    tf.grad((x) => tf.sum(tf.square(bidirectionalLstm(parameters, "lstm", 0, x as tf.Tensor3D))))(x);
  const expected = [await read(output()), await read(gradient())];
  const before = { ...limits };
  const kernels: string[] = [];
  try {
    for (const [threads, bytes] of [
      [32, 2048],
      [64, 256],
    ]) {
      limits.maxComputeInvocationsPerWorkgroup = threads;
      limits.maxComputeWorkgroupStorageSize = bytes;
      kernels.push(planLstm(37, 3, backend.gpuDevice.limits) ? "fused" : "composed");
      const found = [await read(output()), await read(gradient())];
      found.forEach((values, k) =>
        values.forEach((value, i) =>
          assert.ok(Math.abs(value - expected[k][i]) < 1e-6, `${threads}: ${k}, ${i}`),
        ),
      );
    }
  } finally {
    Object.assign(limits, before);
  }
  assert.deepEqual(kernels, ["fused", "composed"]);
});
