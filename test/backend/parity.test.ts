import assert from "node:assert/strict";
import { test } from "node:test";
import { read, readScalar } from "spectral-lab/backend/read";
import { startBackend } from "spectral-lab/backend/start";
import { availableBackends } from "./available.js";
import * as models from "./models.js";

const problems = {
  "transformer block, AdamW": [models.transformerBlock, models.composedAdamw, models.fusedAdamw],
  "convolutional net with batch normalisation, SGD": [
    models.convolutionalNet,
    models.composedSgd,
    models.fusedSgd,
  ],
  "residual net with strided, padded convolutions and pooling, SGD": [
    models.residualNet,
    models.composedSgd,
    models.fusedSgd,
  ],
  "UNet with strided and transposed convolutions, AdamW": [
    models.smallUNet,
    models.composedAdamw,
    models.fusedAdamw,
  ],
  "bidirectional LSTM with CTC, AdamW": [models.speechNet, models.composedAdamw, models.fusedAdamw],
} as const;

const steps = 6;

async function losses(make: () => models.Problem, update: models.Update): Promise<number[]> {
  const found: number[] = [];
  await models.train(make, update, steps, async (loss) => {
    found.push(await readScalar(loss));
    loss.dispose();
  });
  return found;
}

const { names, missing } = await availableBackends();
await startBackend({ backend: "js" });
const expected = new Map<string, number[]>();
for (const [name, [make, composed]] of Object.entries(problems))
  expected.set(name, await losses(make, composed));

test("the problems are learned: losses fall on plain JavaScript", () => {
  for (const [name, found] of expected)
    assert.ok(found[steps - 1] < 0.98 * found[0], `${name}: ${found.join(", ")}`);
});

for (const [backend, reason] of missing) test(`${backend} trains like plain JavaScript`, { skip: reason });

for (const backend of names) {
  for (const [name, [make, ...updates]] of Object.entries(problems)) {
    for (const update of updates) {
      const how = update === updates[0] ? "composed" : "fused";
      test(`${backend} trains like plain JavaScript: ${name}, ${how} update`, async () => {
        await startBackend({ backend });
        const found = await losses(make, update);
        found.forEach((loss, i) => {
          const reference = expected.get(name)![i];
          const difference = Math.abs(loss - reference) / Math.abs(reference);
          assert.ok(
            difference < 1e-5,
            `step ${i + 1}: loss ${loss}, expected ${reference}, relative difference ${difference}`,
          );
        });
      });
    }
  }

  test(`${backend} gives the same bits every time`, async () => {
    await startBackend({ backend });
    for (const [make, , update] of Object.values(problems)) {
      const runs: number[][] = [];
      for (let run = 0; run < 2; run++) runs.push(await losses(make, update));
      assert.deepEqual(runs[0], runs[1]);
    }
  });
}

test("reads keep their types", async () => {
  const tf = await import("@tensorflow/tfjs");
  for (const backend of ["js", ...names]) {
    await startBackend({ backend });
    assert.deepEqual(await read(tf.tensor1d([1.5, -2])), Float32Array.of(1.5, -2));
    assert.deepEqual(
      await read(tf.add(tf.tensor1d([1, 2], "int32"), tf.tensor1d([1, 1], "int32"))),
      Int32Array.of(2, 3),
    );
    assert.deepEqual(await read(tf.greater(tf.tensor1d([1, 2, 3]), 2)), Uint8Array.of(0, 0, 1));
    await assert.rejects(readScalar(tf.tensor1d([1, 2])), /one element/);
  }
});
