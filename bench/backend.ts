/**
 * Measures the chosen backend (SPECTRAL_BACKEND, else the best of this machine) and prints JSON lines.
 *
 *     npm run bench:backend -- [--small] [--sections matmul,convolution,others,models,parity] [--models vgg,lstm] [--steps 25] [--composed]
 *
 * parity: losses of the paper's architectures at small sizes, here and on WebAssembly. models: their training step at the
 * paper's sizes (`--small`: small ones; `--composed`: without recording steps), with what the steps did to memory and, on WebGPU, in the driver.
 */
import { parseArgs } from "node:util";
import * as tf from "@tensorflow/tfjs";
import type { Backend } from "spectral-lab/backend/backend";
import { readScalar } from "spectral-lab/backend/read";
import { startBackend } from "spectral-lab/backend/start";
import type { WebGpuBackend } from "spectral-lab/backend/webgpu/start";
import { messageOf } from "spectral-lab/core/errors";
import { round, timeCalls } from "./backend/calls.js";
import { trainFor, workloads, type Workload } from "./backend/models.js";
import { convolutions, matrixProducts, others, type Report } from "./backend/operations.js";

const { values } = parseArgs({
  options: {
    small: { type: "boolean", default: false },
    sections: { type: "string", default: "parity,matmul,convolution,others,models" },
    models: { type: "string" },
    steps: { type: "string", default: "25" },
    composed: { type: "boolean", default: false },
  },
});
const sections = values.sections.split(",");
const steps = Number(values.steps);
const started = performance.now();
const report: Report = (row) => {
  const seconds = round((performance.now() - started) / 1000);
  process.stdout.write(`${JSON.stringify({ ...row, atSeconds: seconds })}\n`);
};

const backend = await startBackend();
const { name, device, description, versions } = backend;
report({ section: "start", backend: name, device, description, versions, node: process.version });

/** Runs one section; a failure is reported and does not end the others. */
async function section(wanted: string, run: () => Promise<void>): Promise<void> {
  if (!sections.includes(wanted)) return;
  try {
    await run();
    report({ section: "memory", after: wanted, ...backend.memory() });
  } catch (error) {
    report({ section: "failure", in: wanted, message: messageOf(error) });
  }
}

await section("parity", () => parity(backend));
await section("matmul", () =>
  matrixProducts(backend, report, values.small ? [256, 512] : [1024, 2048, 4096]),
);
await section("convolution", () => convolutions(backend, report, values.small ? 4 : 128));
await section("others", () => others(backend, report, values.small ? 2 ** 18 : 2 ** 26));
const gpu = backend.name === "webgpu" ? (backend as WebGpuBackend) : undefined;
const calls = gpu && sections.includes("models") ? timeCalls(gpu.gpuDevice) : undefined;
for (const [model, make] of chosen(values.small)) {
  await section("models", () => benchModel(backend, model, make));
}

/** The workloads that --models names; all by default. */
function chosen(small: boolean): [string, () => Workload][] {
  const names = values.models?.split(",");
  return Object.entries(workloads(small)).filter(([model]) => names?.includes(model) ?? true);
}

/** Six losses of each small model, and their largest relative difference from WebAssembly's. */
async function parity(of: Backend): Promise<void> {
  const losses = async (make: () => Workload): Promise<number[]> => {
    const found: number[] = [];
    const workload = make();
    await trainFor(workload, 6, async (loss) => void found.push(await readScalar(loss)));
    disposeBatch(workload);
    return found;
  };
  for (const [model, make] of chosen(true)) {
    await startBackend({ backend: "wasm" });
    const expected = await losses(make);
    await startBackend({ backend: of.name });
    const found = await losses(make);
    const again = await losses(make);
    const difference = Math.max(
      ...found.map((loss, i) => Math.abs(loss - expected[i]) / Math.abs(expected[i])),
    );
    const sameBits = found.every((loss, i) => loss === again[i]);
    report({
      section: "parity",
      model,
      losses: found,
      wasm: expected,
      relativeDifference: round(difference),
      sameBits,
    });
  }
}

/**
 * One row for each step that differs, and one for the steady state. hostMs: until the step's operations were handed over;
 * totalMs: until the device had done them. The last ten steps run without waiting in between.
 */
async function benchModel(on: Backend, model: string, make: () => Workload): Promise<void> {
  calls?.(); // what came before does not count
  const workload = make();
  await on.settle();
  let begin = performance.now();
  let counters = gpu?.counters() ?? {};
  let flying = 0;
  const losses: number[] = [];
  await trainFor(
    workload,
    steps + 10,
    async (loss) => {
      const hostMs = round(performance.now() - begin);
      const step = losses.length + flying;
      if (step >= steps) {
        flying++;
        if (flying < 10) return;
        await on.settle();
        report({
          section: "model",
          model,
          step: "last 10, unbroken",
          totalMs: round((performance.now() - begin) / 10),
        });
        return;
      }
      await on.settle();
      const totalMs = round(performance.now() - begin);
      losses.push(await readScalar(loss));
      const now = gpu?.counters() ?? {};
      const made = Object.fromEntries(
        Object.entries(now).map(([key, value]) => [key, value - (counters[key] ?? 0)]),
      );
      const { tensors, deviceBytes } = on.memory();
      report({
        section: "model",
        model,
        step,
        hostMs,
        totalMs,
        loss: losses[step],
        tensors,
        deviceBytes,
        since: made,
        calls: calls?.(),
      });
      counters = gpu?.counters() ?? {};
      begin = performance.now();
    },
    values.composed ? undefined : on.recorder,
  );
  disposeBatch(workload);
}

function disposeBatch({ batch }: Workload): void {
  tf.dispose(Object.values(batch as object).filter((value) => value instanceof tf.Tensor));
}

backend.dispose();
