import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startBackend } from "spectral-lab/backend/start";
import { float32, sizeOf, type NamedArrays, type NdArray } from "spectral-lab/core/array";
import { randomStream } from "spectral-lab/core/random";
import { lstm } from "spectral-lab/models/lstm";
import { mlp } from "spectral-lab/models/mlp";
import { modularAddition } from "spectral-lab/models/modular-addition";
import { resnet } from "spectral-lab/models/resnet";
import { transformer } from "spectral-lab/models/transformer";
import { unet } from "spectral-lab/models/unet";
import { vgg } from "spectral-lab/models/vgg";
import type { Model, Parameters } from "spectral-lab/nn/model";
import { toTensors } from "spectral-lab/nn/parameters";
import { splitStateDict } from "spectral-lab/nn/state-dict";
import { readSafetensors, writeSafetensors } from "spectral-lab/store/safetensors";
import { evaluateBatch } from "spectral-lab/train/evaluate";

const sources = join(process.cwd(), "test", "models");
const script = join(sources, "torch_models.py");
const python = ["python3", "/usr/bin/python3"].find(
  (command) => spawnSync(command, ["-c", "import torch"], { stdio: "ignore" }).status === 0,
);
const options = python ? {} : { skip: "no python3 with torch here (Debian: apt-get install python3-torch)" };

const random = randomStream(0, "test/pytorch");
const normals = (...shape: number[]): NdArray =>
  float32(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => random.normal()),
  );
const integers = (bound: number, ...shape: number[]): NdArray => ({
  dtype: "I32",
  shape,
  data: Int32Array.from({ length: sizeOf(shape) }, () => random.integer(bound)),
});
const given = (...values: number[]): NdArray => ({
  dtype: "I32",
  shape: [values.length],
  data: Int32Array.from(values),
});

interface Case {
  readonly name: string;
  readonly model: Model<never>;
  /** Of PyTorch's twin. */
  readonly torch: { readonly model: string; readonly sizes: Readonly<Record<string, unknown>> };
  readonly arrays: NamedArrays;
  /** The model's batch of `arrays`; default all of them as tensors. */
  readonly batch?: (arrays: NamedArrays, tensors: Parameters) => object;
}

const sums = Int32Array.from([1, 2, 7, 3, 3, 7, 0, 6, 7]);
const cases: readonly Case[] = [
  {
    name: "modular addition",
    model: modularAddition({ modulus: 7, width: 16, heads: 2, hidden: 24 }),
    torch: {
      model: "transformer",
      sizes: { vocabulary: 8, layers: 1, width: 16, heads: 2, hidden: 24, layerNorm: false },
    },
    arrays: new Map([
      ["tokens", { dtype: "I32", shape: [3, 3], data: sums }],
      ["targets", given(3, 6, 6)],
    ]),
  },
  {
    name: "mlp",
    model: mlp({ inputs: 48, hidden: 8, layers: 3, classes: 4 }),
    torch: { model: "mlp", sizes: { inputs: 48, hidden: 8, layers: 3, classes: 4 } },
    arrays: new Map([
      ["images", normals(5, 4, 4, 3)],
      ["labels", integers(4, 5)],
    ]),
  },
  {
    name: "vgg",
    model: vgg({ depth: 11, width: 1 / 16, classes: 5 }),
    torch: {
      model: "vgg",
      sizes: { plan: [4, "M", 8, "M", 16, 16, "M", 32, 32, "M", 32, 32], classes: 5 },
    },
    arrays: new Map([
      ["images", normals(4, 32, 32, 3)],
      ["labels", integers(5, 4)],
    ]),
  },
  {
    name: "resnet with basic blocks and CIFAR's stem",
    model: resnet({ depth: 18, stem: "cifar", width: 1 / 16, classes: 5 }),
    torch: { model: "resnet", sizes: { depth: 18, width: 4, kernel: 3, classes: 5 } },
    arrays: new Map([
      ["images", normals(4, 32, 32, 3)],
      ["labels", integers(5, 4)],
    ]),
  },
  {
    name: "resnet with bottlenecks and ImageNet's stem",
    model: resnet({ depth: 50, width: 1 / 16, classes: 5 }),
    torch: { model: "resnet", sizes: { depth: 50, width: 4, kernel: 7, classes: 5 } },
    arrays: new Map([
      ["images", normals(3, 61, 90, 3)],
      ["labels", integers(5, 3)],
    ]),
  },
  {
    name: "unet",
    model: unet({ channels: [8, 16, 32, 64], embedding: 16 }),
    torch: { model: "unet", sizes: { channels: [8, 16, 32, 64], embedding: 16 } },
    arrays: new Map([
      ["images", normals(3, 28, 28, 1)],
      ["noise", normals(3, 28, 28, 1)],
      ["steps", given(0, 500, 999)],
    ]),
  },
  {
    name: "lstm",
    model: lstm({ features: 5, hidden: 6, layers: 2, symbols: 4 }),
    torch: { model: "lstm", sizes: { features: 5, hidden: 6, layers: 2, symbols: 4 } },
    arrays: new Map([
      ["features", normals(8, 2, 5)],
      ["labels", { dtype: "I32", shape: [2, 3], data: Int32Array.of(1, 2, 3, 3, 1, 1) }],
      ["frames", given(8, 5)],
      ["labelLengths", given(3, 1)],
    ]),
    batch: (arrays, tensors) => ({
      features: tensors.get("features"),
      labels: arrays.get("labels")!.data,
      frames: arrays.get("frames")!.data,
      labelLengths: arrays.get("labelLengths")!.data,
    }),
  },
  {
    name: "transformer",
    model: transformer({ vocabulary: 11, layers: 2, width: 12, heads: 3, hidden: 8 }),
    torch: { model: "transformer", sizes: { vocabulary: 11, layers: 2, width: 12, heads: 3, hidden: 8 } },
    arrays: new Map([["tokens", integers(11, 2, 9)]]),
  },
];

const folder = mkdtempSync(join(tmpdir(), "spectral-pytorch-"));
after(() => rmSync(folder, { recursive: true }));
before(async () => {
  await startBackend({ backend: "wasm" });
});

/** Buffers that are not as PyTorch makes them too. */
function nudged(buffers: NamedArrays): NamedArrays {
  const nudge = (data: NdArray["data"]): Float32Array =>
    Float32Array.from(data as Float32Array, (x) => x + 0.3);
  return new Map([...buffers].map(([name, { shape, data }]) => [name, float32(shape, nudge(data))]));
}

/** The loss that PyTorch finds. */
function askTorch({ torch, arrays }: Case, files: { load?: string; save?: string }): number {
  const [request, batch] = [join(folder, "request.json"), join(folder, "batch.safetensors")];
  writeSafetensors(batch, arrays);
  writeFileSync(request, JSON.stringify({ ...torch, batch, ...files }));
  const { status, stdout, stderr } = spawnSync(python!, [script, request], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
  return (JSON.parse(stdout) as { loss: number }).loss;
}

/** The loss that we find, in evaluation mode. */
async function ourLoss(
  { model, arrays, batch }: Case,
  parameters: NamedArrays,
  buffers: NamedArrays,
): Promise<number> {
  const tensors = toTensors(arrays);
  const held = batch ? batch(arrays, tensors) : Object.fromEntries(tensors);
  const { loss } = await evaluateBatch(model, toTensors(parameters), toTensors(buffers), held as never);
  return loss.sum / loss.count;
}

function assertClose(a: number, b: number): void {
  assert.ok(Math.abs(a - b) <= 1e-4 * Math.abs(b), `${a} here, ${b} in PyTorch`);
}

for (const example of cases) {
  test(
    `${example.name}: PyTorch loads our checkpoint, strictly, and finds the same loss`,
    options,
    async () => {
      const parameters = example.model.init(5);
      const buffers = nudged(example.model.initBuffers(5));
      const load = join(folder, "ours.safetensors");
      writeSafetensors(load, new Map([...parameters, ...buffers]));
      assertClose(await ourLoss(example, parameters, buffers), askTorch(example, { load }));
    },
  );

  test(`${example.name}: we load PyTorch's checkpoint and find the same loss`, options, async () => {
    const save = join(folder, "theirs.safetensors");
    const theirs = askTorch(example, { save });
    const { parameters, buffers } = splitStateDict(example.model, readSafetensors(save).arrays);
    assertClose(await ourLoss(example, parameters, buffers), theirs);
  });
}

/** Asserts that two values have the same names and, to 1e-5, the same numbers. */
function assertSame(found: unknown, expected: unknown, at: string): void {
  if (typeof expected === "number") {
    const limit = 1e-5 * Math.max(1, Math.abs(expected));
    assert.ok(
      Math.abs((found as number) - expected) <= limit,
      `${at}: ${String(found)}, expected ${expected}`,
    );
  } else if (typeof expected === "object" && expected !== null) {
    assert.deepEqual(Object.keys(found as object).sort(), Object.keys(expected).sort(), at);
    for (const [key, value] of Object.entries(expected)) {
      assertSame((found as Record<string, unknown>)[key], value, `${at} ${key}`);
    }
  } else {
    assert.equal(found, expected, at);
  }
}

for (const [script, fixture] of [
  ["make_golden.py", "golden-7.json"],
  ["make_golden_resnet.py", "golden-resnet-7.json"],
]) {
  test(`${script} makes ${fixture} of our tests anew`, options, () => {
    const command = [join(sources, script), "7"];
    const { status, stdout, stderr } = spawnSync(python!, command, { encoding: "utf8", maxBuffer: 2 ** 24 });
    assert.equal(status, 0, stderr);
    const stored = readFileSync(join(sources, "fixtures", fixture), "utf8");
    const [found, expected] = [stdout, stored].map((text) => JSON.parse(text) as { torch: string });
    assertSame({ ...found, torch: "" }, { ...expected, torch: "" }, fixture);
  });
}
