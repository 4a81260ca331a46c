import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { countOf, hasMatrices, plansOf } from "spectral-lab/analysis/weight-spectra";
import { startBackend } from "spectral-lab/backend/start";
import { float32, sizeOf, type NdArray } from "spectral-lab/core/array";
import { resnet } from "spectral-lab/models/resnet";
import { toTensors } from "spectral-lab/nn/parameters";
import { splitStateDict } from "spectral-lab/nn/state-dict";
import { readSafetensors, writeSafetensors } from "spectral-lab/store/safetensors";
import { openWeights } from "spectral-lab/store/weights";
import { randomTensor } from "../support/finite-differences.js";
import { evaluateBatch } from "spectral-lab/train/evaluate";

const folder = mkdtempSync(join(tmpdir(), "spectral-resnet-"));
after(() => rmSync(folder, { recursive: true, force: true }));
before(async () => {
  await startBackend({ backend: "wasm" });
});

test("every depth has as many parameters as torchvision's", () => {
  const published = { 18: 11_689_512, 34: 21_797_672, 50: 25_557_032, 101: 44_549_160, 152: 60_192_808 };
  for (const [depth, expected] of Object.entries(published)) {
    const { matrices } = resnet({ depth: Number(depth) as 18 });
    // A convolution's matrix, the gain and the shift of its normalisation; the linear layer's, and its bias.
    const counts = matrices.map(
      ({ name, rows, columns }) => rows * columns + (name === "fc.weight" ? 1 : 2) * rows,
    );
    assert.equal(
      counts.reduce((a, b) => a + b),
      expected,
      depth,
    );
  }
});

/** Names and shapes of torchvision's resnet18-f37072fd.pth, as `state_dict()` lists them. */
function torchvisionsResnet18(): [name: string, shape: number[], dtype: "F32" | "I64"][] {
  const entries: ReturnType<typeof torchvisionsResnet18> = [];
  const conv = (name: string, ...shape: number[]): unknown => entries.push([`${name}.weight`, shape, "F32"]);
  const norm = (name: string, channels: number): void => {
    for (const entry of ["weight", "bias", "running_mean", "running_var"])
      entries.push([`${name}.${entry}`, [channels], "F32"]);
    entries.push([`${name}.num_batches_tracked`, [], "I64"]);
  };
  conv("conv1", 64, 3, 7, 7);
  norm("bn1", 64);
  for (const [stage, inputs, outputs] of [
    [1, 64, 64],
    [2, 64, 128],
    [3, 128, 256],
    [4, 256, 512],
  ]) {
    for (const block of [0, 1]) {
      const name = `layer${stage}.${block}`;
      conv(`${name}.conv1`, outputs, block === 0 ? inputs : outputs, 3, 3);
      norm(`${name}.bn1`, outputs);
      conv(`${name}.conv2`, outputs, outputs, 3, 3);
      norm(`${name}.bn2`, outputs);
      if (block > 0 || stage === 1) continue;
      conv(`${name}.downsample.0`, outputs, inputs, 1, 1);
      norm(`${name}.downsample.1`, outputs);
    }
  }
  conv("fc", 1000, 512);
  entries.push(["fc.bias", [1000], "F32"]);
  return entries;
}

test("torchvision's weights of ResNet-18 load, counters of batches aside, and every matrix has a spectrum", async () => {
  const path = join(folder, "resnet18.safetensors");
  const arrayOf = (shape: number[], dtype: "F32" | "I64", fill: number): NdArray =>
    dtype === "F32"
      ? float32(shape, new Float32Array(sizeOf(shape)).fill(fill))
      : { dtype, shape, data: BigInt64Array.of(BigInt(fill)) };
  const entries = torchvisionsResnet18();
  writeSafetensors(
    path,
    new Map(entries.map(([name, shape, dtype], i) => [name, arrayOf(shape, dtype, i + 1)])),
  );
  const model = resnet();
  const { parameters, buffers } = splitStateDict(model, readSafetensors(path).arrays);
  const kept = entries
    .map(([name], i) => [name, i + 1] as const)
    .filter(([name]) => !/num_batches/.test(name));
  assert.equal(parameters.size + buffers.size, kept.length);
  for (const [name, fill] of kept)
    assert.equal((parameters.get(name) ?? buffers.get(name))!.data[0], fill, name);
  // PyTorch lists parameters in this order, and buffers.
  assert.deepEqual(
    [...parameters.keys()],
    kept.map(([name]) => name).filter((name) => !/running/.test(name)),
  );

  const weights = await openWeights(path);
  const plans = plansOf(weights, { choice: "auto", integers: false }).filter(hasMatrices);
  const sizes = ({ name, rows, columns }: { name: string; rows: number; columns: number }): string =>
    `${name} ${rows} x ${columns}`;
  assert.ok(plans.every((plan) => countOf(plan) === 1));
  assert.deepEqual(
    plans.map(({ tensor: { name }, reading: { rows, columns } }) => sizes({ name, rows, columns })).sort(),
    model.matrices.map(sizes).sort(),
  );
});

test("first weights are torchvision's: by He et al.'s fan-out, gains 1, shifts 0", () => {
  const first = resnet({ depth: 50, width: 1 / 4, classes: 10 }).init(0);
  for (const [name, { shape, data }] of first) {
    const values = Array.from(data as Float32Array);
    const meanSquare = values.reduce((sum, x) => sum + x * x, 0) / values.length;
    if (shape.length === 4) {
      const expected = 2 / (shape[0] * shape[2] * shape[3]);
      const spread = 6 * expected * Math.sqrt(2 / values.length); // six standard deviations of a mean square
      assert.ok(Math.abs(meanSquare - expected) < spread, `${name}: ${meanSquare}, not ${expected}`);
    } else if (/(bn\d|downsample\.1)\.(weight|bias)$/.test(name)) {
      assert.ok(
        values.every((x) => x === (name.endsWith("weight") ? 1 : 0)),
        name,
      );
    }
  }
});

test("contacts: along the blocks, into each shortcut with weights and out of it", () => {
  const names = (model: ReturnType<typeof resnet>): string[] => model.contacts.map(({ name }) => name);
  const basic = names(resnet({ depth: 18 }));
  assert.deepEqual(basic.slice(0, 10), [
    "conv1 -> layer1.0.conv1",
    "layer1.0.conv1 -> layer1.0.conv2",
    "layer1.0.conv2 -> layer1.1.conv1",
    "layer1.1.conv1 -> layer1.1.conv2",
    "layer1.1.conv2 -> layer2.0.conv1",
    "layer1.1.conv2 -> layer2.0.downsample.0",
    "layer2.0.conv1 -> layer2.0.conv2",
    "layer2.0.conv2 -> layer2.1.conv1",
    "layer2.0.downsample.0 -> layer2.1.conv1",
    "layer2.1.conv1 -> layer2.1.conv2",
  ]);
  assert.equal(basic.length, 17 + 2 * 3); // a chain of 17 convolutions and the linear layer; three shortcuts
  assert.equal(basic.at(-1), "layer4.1.conv2 -> fc");
  const bottlenecks = resnet({ depth: 50 });
  assert.equal(bottlenecks.contacts.length, 49 + 2 * 4);
  const takes = ["layer1.0.conv1 -> layer1.0.conv2", "layer1.0.conv2 -> layer1.0.conv3"].map(
    (name) => bottlenecks.contacts.find((contact) => contact.name === name)!.to.take,
  );
  assert.deepEqual(takes, [
    { start: 4, stride: 9, count: 64 }, // the centre of 3 x 3
    { start: 0, stride: 1, count: 64 },
  ]);
});

for (const depth of [18, 50] as const) {
  test(`units of ResNet-${depth}: every axis of channels is in one group, but those of images and classes`, () => {
    const model = resnet({ depth, width: 1 / 16 });
    const arrays = new Map([...model.init(0), ...model.initBuffers(0)]);
    const seen = new Map<string, string>();
    for (const { name, size, axes } of model.units!) {
      for (const { parameter, axis, start = 0 } of axes) {
        const key = `${parameter} ${axis}`;
        assert.ok(!seen.has(key), `${key}: in ${seen.get(key)} and ${name}`);
        seen.set(key, name);
        assert.deepEqual([start, arrays.get(parameter)?.shape[axis]], [0, size], key);
      }
    }
    const all = [...arrays].flatMap(([name, { shape }]) =>
      shape.slice(0, 2).map((_, axis) => `${name} ${axis}`),
    );
    const fixed = ["conv1.weight 1", "fc.weight 0", "fc.bias 0"];
    assert.deepEqual([...seen.keys()].sort(), all.filter((key) => !fixed.includes(key)).sort());
  });
}

test("ImageNet's stem: images of any size, odd ones too", async () => {
  const model = resnet({ depth: 18, width: 1 / 32, classes: 3 });
  const [parameters, buffers] = [toTensors(model.init(0)), toTensors(model.initBuffers(0))];
  for (const size of [32, 45, 64]) {
    const images = randomTensor<tf.Tensor4D>([2, size, size + 7, 3]);
    const metrics = await evaluateBatch(model, parameters, buffers, {
      images,
      labels: tf.tensor1d([0, 2], "int32"),
    });
    assert.ok(Number.isFinite(metrics.loss.sum), String(size));
  }
});
