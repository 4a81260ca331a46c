import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import * as tf from "@tensorflow/tfjs";
import { read } from "spectral-lab/backend/read";
import { startBackend } from "spectral-lab/backend/start";
import { compileKernel } from "spectral-lab/linalg/wasm-engine";

/** The largest float32 with a finite float32 exponential. */
const LARGEST = 88.72283172607422;

/** -105 to 90 in steps of 1/2048, and 4,000 neighbours in float32 of each point where something begins or ends. */
function grid(): Float32Array {
  const even = Array.from({ length: 195 * 2048 + 1 }, (_, i) => -105 + i / 2048);
  const bits = new DataView(new ArrayBuffer(4));
  const around = [LARGEST, 88.3762626647949, -87.33654, -103.97208, -103.2789, 1e-30, -1e-30, 1, -1].flatMap(
    (centre) => {
      bits.setFloat32(0, centre);
      const middle = bits.getInt32(0);
      return Array.from({ length: 4001 }, (_, i) => {
        bits.setInt32(0, middle + i - 2000);
        return bits.getFloat32(0);
      });
    },
  );
  return Float32Array.from([...even, ...around, 0, -0, 1e30, -1e30, Infinity, -Infinity]);
}

/** WebAssembly, of which the types of Node alone have no classes. */
const { Instance, Memory } = (
  globalThis as unknown as {
    WebAssembly: {
      Memory: new (options: { initial: number }) => { readonly buffer: ArrayBuffer };
      Instance: new (
        module: unknown,
        imports: object,
      ) => { readonly exports: Readonly<Record<string, (...parameters: number[]) => void>> };
    };
  }
).WebAssembly;

/** exp of our kernel on a memory of its own. */
function exponentials(relaxed: boolean, x: Float32Array): Float32Array {
  const memory = new Memory({ initial: 64 + Math.ceil((8 * x.length) / 65536) });
  const { module } = compileKernel(resolve("dist/backend/wasm"), "kernel", relaxed);
  const { exports } = new Instance(module, { env: { memory } });
  const [input, output] = [65536, 65536 + 4 * x.length];
  new Float32Array(memory.buffer, input, x.length).set(x);
  exports.exp(x.length, input, output);
  return new Float32Array(memory.buffer, output, x.length).slice();
}

/** Floats >= 0 between a and b: the bits of such numbers are in their order. */
function steps(a: number, b: number): number {
  const [x, y] = new Int32Array(Float32Array.of(a, b).buffer);
  return Math.abs(x - y);
}

for (const relaxed of [false, true]) {
  test(`exp is at most one float32 from Math.exp, to both ends (${relaxed ? "relaxed" : "plain"} SIMD)`, () => {
    const x = grid();
    const found = exponentials(relaxed, x);
    x.forEach((value, i) => {
      const expected = Math.fround(Math.exp(value));
      assert.ok(steps(found[i], expected) <= 1, `exp(${value}) is ${found[i]}, expected ${expected}`);
    });
    const subnormal = found.filter((y) => y > 0 && y < 2 ** -126).length;
    assert.ok(subnormal > 10_000, `${subnormal} results of gradual underflow`);
    assert.ok(found.filter((y) => y > 2 ** 127 && y < Infinity).length > 500, "the last octave is finite");
  });
}

test("exp's own values: 1 at 0, the last finite one, infinity, zero, NaN; whatever the lane", () => {
  for (const relaxed of [false, true]) {
    for (let before = 0; before < 5; before++) {
      const x = Float32Array.of(...Array(before).fill(NaN), 0, -0, LARGEST, 88.72284, -104, NaN, 1);
      const found = [...exponentials(relaxed, x)].slice(before);
      const expected = [1, 1, Math.fround(Math.exp(LARGEST)), Infinity, 0, NaN, Math.fround(Math.E)];
      assert.deepEqual(found, expected);
    }
  }
});

test("the backend uses it", async () => {
  await startBackend({ backend: "wasm" });
  const found = await read(tf.exp(tf.tensor1d([88.5, -100, -Infinity, NaN])));
  assert.ok(steps(Number(found[0]), Math.fround(Math.exp(88.5))) <= 1);
  assert.ok(steps(Number(found[1]), Math.fround(Math.exp(-100))) <= 1);
  assert.deepEqual([...found].slice(2), [0, NaN]);
});
