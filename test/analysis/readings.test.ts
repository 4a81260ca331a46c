import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { tooLarge } from "spectral-lab/analysis/capacity";
import { readingOf } from "spectral-lab/analysis/readings";
import { packedBy, scaleBeside } from "spectral-lab/analysis/quantised";
import { scaledMatrix, timesPower } from "spectral-lab/analysis/scaled-matrix";

const auto = { choice: "auto", integers: false } as const;
const none = new Set<string>();

/** "stack 4: 6 x 10", "filters: 8 x 27", "vector", ... */
function words(
  name: string,
  shape: readonly number[],
  options: Parameters<typeof readingOf>[2] = auto,
): string {
  const reading = readingOf({ name, dtype: "F32", shape }, none, options);
  if (!("rows" in reading)) return reading.as;
  const stack = reading.stack.length > 0 ? ` ${reading.stack.join(",")}` : "";
  return `${reading.as}${stack}: ${reading.rows} x ${reading.columns}`;
}

describe("how a tensor is read", () => {
  const cases: [name: string, shape: number[], expected: string][] = [
    ["s", [], "scalar"],
    ["bias", [16], "vector"],
    ["w", [6, 10], "matrix: 6 x 10"],
    ["w", [1, 10], "matrix: 1 x 10"],
    ["e", [0, 4], "left out"],
    ["cls_token", [1, 1, 768], "vector"],
    ["layer_scale", [768, 1, 1], "vector"],
    ["pos_embed", [1, 197, 768], "matrix: 197 x 768"],
    ["h.0.attn.bias", [1, 1, 64, 64], "matrix: 64 x 64"],
    ["mask", [1, 1, 8, 8], "matrix: 8 x 8"],
    ["mlp.experts.gate_up_proj", [4, 6, 10], "stack 4: 6 x 10"],
    ["mlp.experts.down_proj", [16, 12, 3], "stack 16: 12 x 3"],
    ["blocks", [2, 4, 64, 128], "stack 2,4: 64 x 128"],
    ["blocks", [2, 4, 6, 10], "stack 2,4: 6 x 10"],
    ["W_Q", [12, 768, 64], "stack 12: 768 x 64"],
    ["features.0.weight", [8, 3, 3, 3], "filters: 8 x 27"],
    ["downsample.0.weight", [16, 8, 1, 1], "filters: 16 x 8"],
    ["patch_embed.proj.weight", [64, 3, 16, 16], "filters: 64 x 768"],
    ["visual.patch_embed.proj.weight", [64, 3, 2, 14, 14], "filters: 64 x 1176"],
    ["conv1.weight", [32, 1, 41, 11], "filters: 32 x 451"],
    ["out.weight", [1, 16, 3, 3], "filters: 1 x 144"],
    ["encoder.conv1.weight", [384, 80, 3], "filters: 384 x 240"],
    ["features.3.weight", [64, 32, 5], "filters: 64 x 160"],
    ["mixer.short.weight", [1536, 1, 4], "filters: 1536 x 4"],
  ];
  for (const [name, shape, expected] of cases)
    it(`${name} [${shape.join(", ")}] is a ${expected}`, () => assert.equal(words(name, shape), expected));

  it("as the caller says, where he says so", () => {
    assert.equal(words("conv.weight", [8, 3, 5, 5], { ...auto, choice: "stack" }), "stack 8,3: 5 x 5");
    assert.equal(words("experts", [4, 6, 10], { ...auto, choice: "flatten" }), "filters: 4 x 60");
  });

  it("one rule for all integers", () => {
    for (const dtype of ["I8", "I16", "I32", "I64", "U8", "U16", "U32", "U64", "BOOL"]) {
      const tensor = { name: "x", dtype, shape: [5, 4] };
      const out = readingOf(tensor, none, auto);
      assert.deepEqual(out, { as: "left out", why: "integers: codes, indices or masks, not weights" });
      assert.equal(readingOf(tensor, none, { ...auto, integers: true }).as, "matrix");
    }
  });

  it("names what types are that it does not read", () => {
    for (const dtype of ["F8_E8M0", "F4", "F6_E2M3", "F6_E3M2", "C64", "F9", "__proto__"])
      assert.equal(readingOf({ name: "x", dtype, shape: [4, 4] }, none, auto).as, "left out", dtype);
  });
});

describe("quantised models", () => {
  const cases: [name: string, beside: string[], by: RegExp][] = [
    ["q.qweight", ["q.qzeros", "q.scales"], /GPTQ or AWQ/],
    ["q.qzeros", ["q.qweight"], /GPTQ or AWQ/],
    ["w.weight", ["w.weight.absmax", "w.weight.quant_map"], /bitsandbytes/],
    ["w.weight", ["w.SCB"], /bitsandbytes/],
    ["e.up_blocks", ["e.up_scales"], /MXFP4/],
    ["e.up_scales", ["e.up_blocks"], /MXFP4/],
    ["w.weight", ["w.scales", "w.biases"], /MLX/],
    ["w.weight_packed", ["w.weight_scale"], /compressed-tensors/],
    ["w.weight", ["w.weight_scale"], /scales beside them/],
  ];
  for (const [name, beside, by] of cases) {
    it(`${name} beside ${beside.join(", ")}`, () => {
      assert.match(packedBy(name, new Set([name, ...beside]))!, by);
      assert.equal(packedBy(name, new Set([name])), undefined);
    });
  }

  it("names the scales that are not applied to eight-bit floats", () => {
    const names = new Set(["b.weight", "b.weight_scale_inv", "c.weight"]);
    assert.equal(scaleBeside("b.weight", names), "b.weight_scale_inv");
    assert.equal(scaleBeside("c.weight", names), undefined);
  });
});

describe("numbers beyond float32", () => {
  const scaled = (values: readonly number[]): unknown => {
    const data = Float64Array.from(values);
    return scaledMatrix((from, count) => data.slice(from, from + count), data.length, false);
  };
  it("are divided by a power of two, exactly", () => {
    for (const power of [-1074, -1000, -200, 0, 200, 1000, 1022]) {
      const values = [1, -1.5, 0.25, 0]
        .map((x) => timesPower(x, power))
        .map((x) => (power < -1070 ? Math.sign(x) * timesPower(1, -1074) : x));
      const { data, exponent } = scaled(values) as { data: Float32Array; exponent: number };
      const back = [...data].map((x) => timesPower(x, exponent));
      assert.deepEqual(back.map(Math.abs), values.map(Math.abs), `2^${power}`);
      assert.equal(exponent === 0, Math.abs(power) < 64, `2^${power}`);
    }
  });

  it("name the first NaN or infinity", () => {
    assert.deepEqual(scaled([1, 2, -Infinity, NaN]), { index: 2, value: -Infinity });
  });

  it("of float32 are brought to ordinary size too", () => {
    const data = Float32Array.of(3e38, -1e38, 1e-45);
    const { data: small, exponent } = scaledMatrix(() => data.slice(), 3, true) as {
      data: Float32Array;
      exponent: number;
    };
    assert.equal(exponent, 127);
    assert.deepEqual(
      [...small.slice(0, 2)].map((x) => timesPower(x, 127)),
      [...data.slice(0, 2)],
    );
  });
});

describe("what is too large", () => {
  const much = 2 ** 45;
  it("is said with its size and what to do", () => {
    assert.equal(tooLarge(151_936, 896, { native: false, memory: much }), undefined);
    assert.match(
      tooLarge(18_000_000, 60, { native: true, memory: much })!,
      /1,080,000,000 numbers, 4\.02 GiB .* save a part of its rows/,
    );
    assert.match(
      tooLarge(30_000, 30_000, { native: false, memory: much })!,
      /WebAssembly has 4 GiB; with OpenBLAS/,
    );
    assert.equal(tooLarge(30_000, 30_000, { native: true, memory: much }), undefined);
    assert.match(
      tooLarge(100_000, 1000, { native: true, memory: 2 ** 30 })!,
      /it takes about 1\.13 GiB of memory, and 1 GiB are free/,
    );
  });
});
