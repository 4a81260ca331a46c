import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { chosenBackend, fused } from "spectral-lab/backend/chosen";
import { examineBackends } from "spectral-lab/backend/doctor";
import { read } from "spectral-lab/backend/read";
import { startBackend } from "spectral-lab/backend/start";
import type { WebGpuBackend } from "spectral-lab/backend/webgpu/start";
import { BackendError, messageOf } from "spectral-lab/core/errors";
import { availableBackends } from "./available.js";

const { missing } = await availableBackends();
const skip = missing.get("webgpu") ?? false;
const webgpu = async (): Promise<WebGpuBackend> =>
  (await startBackend({ backend: "webgpu" })) as WebGpuBackend;

/** Runs a module in a Node of its own and returns what it printed, both streams. */
function inFreshNode(source: string, environment: Record<string, string> = {}): string {
  return execFileSync(process.execPath, ["--input-type=module", "--eval", `${source}`], {
    encoding: "utf8",
    env: { ...process.env, SPECTRAL_BACKEND: "", ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

test("an unknown backend is one clear error", async () => {
  await assert.rejects(startBackend({ backend: "cuda" }), (error) => {
    assert.ok(error instanceof BackendError);
    assert.match(error.message, /unknown backend "cuda"; expected one of .*webgpu.*wasm/);
    return true;
  });
});

test("a backend asked for by the environment and missing says what to do", () => {
  const source = `import { startBackend } from "spectral-lab/backend/start";
    try { await startBackend(); console.log("started"); } catch (error) { console.log(error.name + ": " + error.message); }`;
  const environment = {
    SPECTRAL_BACKEND: "webgpu",
    VK_DRIVER_FILES: "/nonexistent.json",
    LD_LIBRARY_PATH: "",
  };
  const printed = inFreshNode(source, environment);
  if (process.platform === "linux")
    assert.match(printed, /^BackendError: backend "webgpu": .*(doctor|software)/);
});

test("a start prints nothing and leaves no process-wide handlers", () => {
  const source = `import { startBackend } from "spectral-lab/backend/start";
    import * as tf from "@tensorflow/tfjs";
    import { createRequire } from "node:module";
    await startBackend({ backend: "wasm" });
    const again = createRequire(process.cwd() + "/x.js")("@tensorflow/tfjs-node");
    if (again.engine() !== tf.engine()) throw new Error("two engines");
    (await tf.add(1, 2).data());
    const left = ["uncaughtException", "unhandledRejection"].map((event) => process.listenerCount(event));
    if (left.join() !== "0,0") throw new Error("handlers left: " + left);`;
  assert.equal(inFreshNode(source), "");
});

test("a software renderer is never chosen by itself", () => {
  const source = `import { startBackend } from "spectral-lab/backend/start";
    const { name, description } = await startBackend(); console.log(name + " " + description);`;
  assert.doesNotMatch(inFreshNode(source), /llvmpipe|swiftshader|software/i);
});

test("asking again gives the same backend, another name another one beside it", async () => {
  const wasm = await startBackend({ backend: "wasm" });
  assert.equal(await startBackend({ backend: "wasm" }), wasm);
  assert.equal(tf.getBackend(), "wasm");
  assert.equal(fused(), wasm.fused);
  const js = await startBackend({ backend: "js" });
  assert.equal(tf.getBackend(), "cpu");
  assert.equal(chosenBackend(), js);
  assert.equal(await startBackend({ backend: "wasm" }), wasm);
});

test("the doctor has a row for every backend, and advice for every problem", async () => {
  const rows = await examineBackends();
  assert.deepEqual(
    rows.map((row) => row.backend),
    ["tensorflow-gpu", "webgpu", "tensorflow", "wasm", "js"],
  );
  for (const row of rows) {
    assert.equal(row.problem === undefined, row.advice === undefined, `${row.backend}: ${row.problem}`);
    if (!row.present) assert.ok(row.problem);
  }
  await startBackend({ backend: "wasm" });
});

test("a GPU validation error surfaces at the next read, not as zeros", { skip }, async () => {
  const backend = await webgpu();
  const x = tf.tensor1d([1, 2, 3]);
  assert.deepEqual(await read(x), Float32Array.of(1, 2, 3));
  const { gpuDevice } = backend;
  const limit = gpuDevice.limits.maxStorageBufferBindingSize;
  const tooLarge = gpuDevice.createBuffer({ size: limit + 256, usage: GPUBufferUsage.STORAGE });
  const layout = gpuDevice.createBindGroupLayout({
    entries: [{ binding: 0, visibility: GPUShaderStage.COMPUTE, buffer: { type: "storage" } }],
  });
  gpuDevice.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer: tooLarge } }] });
  const y = tf.add(x, 1);
  await assert.rejects(read(y), (error) => {
    assert.ok(error instanceof BackendError, messageOf(error));
    assert.match(error.message, /backend "webgpu": .* reported: .*\n.*resume from the last checkpoint/s);
    return true;
  });
  await assert.rejects(backend.settle(), BackendError);
  backend.dispose();
  assert.equal(chosenBackend()?.name === "webgpu", false);
});

test("a lost device surfaces at the next read", { skip }, async () => {
  const backend = await webgpu();
  const x = tf.add(tf.tensor1d([1, 2, 3]), 1);
  backend.gpuDevice.destroy();
  await assert.rejects(read(x), (error) => {
    assert.ok(error instanceof BackendError, messageOf(error));
    assert.match(error.message, /was lost \(destroyed\)/);
    return true;
  });
  backend.dispose();
});

test("after a failed device, a new start computes again", { skip }, async () => {
  await webgpu();
  assert.deepEqual(await read(tf.add(tf.tensor1d([1, 2, 3]), 1)), Float32Array.of(2, 3, 4));
});
