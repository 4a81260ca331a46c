import assert from "node:assert/strict";
import { test } from "node:test";
import { startBackend } from "spectral-lab/backend/start";
import type { WebGpuBackend } from "spectral-lab/backend/webgpu/start";
import { availableBackends } from "./available.js";
import * as models from "./models.js";

const { names } = await availableBackends();

for (const name of names) {
  test(`${name}: 500 steps hold no more tensors or bytes than 5`, async () => {
    const backend = await startBackend({ backend: name });
    let early = backend.memory();
    const before = backend.memory();
    await models.train(models.transformerBlock, models.fusedAdamw, 500, async (loss, step) => {
      loss.dispose();
      if (step === 5) early = backend.memory();
      if (step % 50 === 0) await backend.settle();
    });
    const after = backend.memory();
    assert.ok(early.tensors > before.tensors);
    assert.ok(
      after.tensors <= before.tensors + 1,
      `${before.tensors} tensors before, ${after.tensors} after`,
    ); // one holds hyper-parameters
    assert.ok(after.bytes <= before.bytes + 256);
    if (early.deviceBytes !== undefined) assert.equal(after.deviceBytes, early.deviceBytes);
  });

  for (const [what, make] of Object.entries({
    convolutions: models.convolutionalNet,
    LSTM: models.speechNet,
  })) {
    test(`${name}: steps of a net with ${what} reach a steady state`, async (t) => {
      const backend = (await startBackend({ backend: name })) as WebGpuBackend;
      if (!backend.counters) return t.skip("keeps no counts");
      const counts: Readonly<Record<string, number>>[] = [];
      await models.train(make, models.fusedSgd, 40, async (loss, step) => {
        loss.dispose();
        if (step === 30 || step === 40) counts.push(backend.counters());
      });
      for (const key of ["created", "destroyed", "bindGroupsMade", "uniformBuffersMade", "pipelines"]) {
        assert.equal(counts[1][key], counts[0][key], `${key} still grows after 30 steps`);
      }
      assert.ok(counts[1].dispatches > counts[0].dispatches);
    });
  }
}
