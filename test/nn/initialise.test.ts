import assert from "node:assert/strict";
import { test } from "node:test";
import type { NamedArrays } from "spectral-lab/core/array";
import { attentionSpecs } from "spectral-lab/nn/attention";
import { convolutionSpecs, transposedConvolutionSpecs } from "spectral-lab/nn/convolution";
import { initialise, normal, type Spec } from "spectral-lab/nn/initialise";
import { linearSpecs } from "spectral-lab/nn/linear";
import { lstmSpecs } from "spectral-lab/nn/lstm";
import { normSpecs } from "spectral-lab/nn/normalisation";

/** Asserts a uniform distribution in +-bound: inside it, near its ends, centred, of variance bound^2 / 3. */
function assertUniform(arrays: NamedArrays, name: string, bound: number): void {
  const data = arrays.get(name)!.data as Float32Array;
  const extreme = Math.max(...data.map(Math.abs));
  const mean = data.reduce((a, b) => a + b, 0) / data.length;
  const variance = data.reduce((a, b) => a + b * b, 0) / data.length;
  const noise = 5 / Math.sqrt(data.length);
  assert.ok(
    extreme <= bound * (1 + 1e-6) && extreme > bound * (1 - noise),
    `${name}: ${extreme} of ${bound}`,
  );
  assert.ok(Math.abs(mean) < (bound / Math.sqrt(3)) * noise, `${name}: mean ${mean}`);
  assert.ok(Math.abs((variance * 3) / bound ** 2 - 1) < noise, `${name}: variance ${variance}`);
}

test("PyTorch's bounds: fan-in, Xavier, and 1/sqrt(hidden) for the LSTM", () => {
  const arrays = initialise(
    [
      ...linearSpecs("linear", 50, 100),
      ...convolutionSpecs("conv", 8, 16, { bias: true }),
      ...transposedConvolutionSpecs("tconv", 8, 16),
      ...attentionSpecs("attention", 32),
      ...lstmSpecs("lstm", 10, 36, 2),
    ],
    0,
  );
  assertUniform(arrays, "linear.weight", 1 / Math.sqrt(50));
  assertUniform(arrays, "linear.bias", 1 / Math.sqrt(50));
  assertUniform(arrays, "conv.weight", 1 / Math.sqrt(8 * 9));
  assertUniform(arrays, "tconv.weight", 1 / Math.sqrt(16 * 9));
  assertUniform(arrays, "attention.in_proj_weight", Math.sqrt(6 / (4 * 32)));
  assertUniform(arrays, "attention.out_proj.weight", 1 / Math.sqrt(32));
  for (const name of ["weight_ih_l0", "weight_hh_l1_reverse", "bias_ih_l0"]) {
    assertUniform(arrays, `lstm.${name}`, 1 / 6);
  }
  for (const name of ["attention.in_proj_bias", "attention.out_proj.bias"]) {
    assert.ok(arrays.get(name)!.data.every((x) => x === 0));
  }
});

test("normalisation starts at weight 1 and bias 0; normal fills have their deviation", () => {
  const arrays = initialise([...normSpecs("n", 4), { name: "w", shape: [10_000], fill: normal(30) }], 0);
  assert.deepEqual(Array.from(arrays.get("n.weight")!.data as Float32Array), [1, 1, 1, 1]);
  assert.deepEqual(Array.from(arrays.get("n.bias")!.data as Float32Array), [0, 0, 0, 0]);
  const w = arrays.get("w")!.data as Float32Array;
  const deviation = Math.sqrt(w.reduce((a, b) => a + b * b, 0) / w.length);
  assert.ok(Math.abs(deviation / 30 - 1) < 0.04);
});

test("a parameter's first values depend on the seed and its name alone", () => {
  const few = linearSpecs("a", 3, 4);
  const many: Spec[] = [...linearSpecs("b", 5, 5), ...few];
  assert.deepEqual(initialise(few, 7).get("a.weight"), initialise(many, 7).get("a.weight"));
  assert.notDeepEqual(initialise(few, 7).get("a.weight"), initialise(few, 8).get("a.weight"));
  const twins = initialise([...linearSpecs("a", 3, 4), ...linearSpecs("c", 3, 4)], 7);
  assert.notDeepEqual(twins.get("a.weight")!.data, twins.get("c.weight")!.data);
});
