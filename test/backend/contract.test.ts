import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { startBackend } from "spectral-lab/backend/start";
import * as models from "./models.js";

/** The kernels that tfjs-node-gpu registers, with where the list comes from. */
interface KernelList {
  readonly provenance: string;
  readonly kernels: readonly string[];
}

const committed = JSON.parse(readFileSync("test/backend/tensorflow-kernels.json", "utf8")) as KernelList;

/** The same, read from the sources of the installed package; undefined where it is not installed. */
function installedKernels(): string[] | undefined {
  let folder: string;
  try {
    const root = dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-node-gpu/package.json"));
    folder = join(root, "dist/kernels");
  } catch {
    return undefined;
  }
  if (!existsSync(folder)) return undefined;
  const names = new Set<string>();
  const registered = readFileSync(join(folder, "../register_all_kernels.js"), "utf8");
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".js"))) {
    if (!registered.includes(`"./kernels/${file.slice(0, -3)}"`)) continue;
    for (const [, constant, literal] of readFileSync(join(folder, file), "utf8").matchAll(
      /kernelName: (?:\w+\.(\w+)|'(\w+)')/g,
    )) {
      names.add(literal ?? (tf as unknown as Record<string, string>)[constant]);
    }
  }
  return [...names].sort();
}

/** Names of the kernels that run while `work` does, forward and backward. */
async function kernelsOf(work: () => Promise<void>): Promise<Set<string>> {
  const names = new Set<string>();
  const engine = tf.engine() as unknown as { runKernelFunc(parameters: { kernelName?: string }): unknown };
  const original = engine.runKernelFunc;
  engine.runKernelFunc = function (this: unknown, parameters): unknown {
    if (parameters.kernelName) names.add(parameters.kernelName);
    return original.call(this, parameters);
  };
  try {
    await work();
  } finally {
    engine.runKernelFunc = original;
  }
  return names;
}

const trainings = [
  [models.transformerBlock, models.composedAdamw],
  [models.convolutionalNet, models.composedSgd],
  [models.residualNet, models.composedSgd],
  [models.smallUNet, models.composedAdamw],
  [models.speechNet, models.composedAdamw],
] as const;

test("training uses only kernels that tfjs-node-gpu registers", async () => {
  await startBackend({ backend: "js" }); // as composed as it gets: every operation is a kernel of its own
  const used = await kernelsOf(async () => {
    for (const [make, update] of trainings) await models.train(make, update, 1, (loss) => loss.dispose());
  });
  assert.ok(
    used.size > 30 && used.has("Conv2DBackpropFilter") && used.has("UnsortedSegmentSum"),
    [...used].join(),
  );
  const missing = [...used].filter((name) => !committed.kernels.includes(name));
  assert.deepEqual(missing, []);
});

test("the committed list is that of the installed package", (t) => {
  const installed = installedKernels();
  if (!installed) return t.skip("@tensorflow/tfjs-node-gpu is not installed");
  assert.deepEqual(committed.kernels, installed);
});
