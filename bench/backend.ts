/**
 * Measures the chosen backend (SPECTRAL_BACKEND, else the best of this machine) and prints JSON lines. Training steps: bench/steps.ts.
 *
 *     npm run bench:backend -- [--small] [--sections matmul,convolution,others,parity] [--models vgg,lstm]
 *
 * parity: losses of the paper's architectures at small sizes, here and on WebAssembly.
 */
import { parseArgs } from "node:util";
import * as tf from "@tensorflow/tfjs";
import type { Backend } from "spectral-lab/backend/backend";
import { readScalar } from "spectral-lab/backend/read";
import { startBackend } from "spectral-lab/backend/start";
import { messageOf } from "spectral-lab/core/errors";
import { round } from "./backend/round.js";
import { stepperFor, workloads, type Workload } from "./backend/models.js";
import { convolutions, matrixProducts, others, type Report } from "./backend/operations.js";

const { values } = parseArgs({
  options: {
    small: { type: "boolean", default: false },
    sections: { type: "string", default: "parity,matmul,convolution,others" },
    models: { type: "string" },
  },
});
const sections = values.sections.split(",");
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
    const stepper = stepperFor(workload);
    for (let step = 0; step < 6; step++) {
      const loss = stepper.step([workload.batch], step);
      found.push(await readScalar(loss));
      loss.dispose();
    }
    stepper.dispose();
    tf.dispose(workload.batch as tf.TensorContainer);
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

backend.dispose();
