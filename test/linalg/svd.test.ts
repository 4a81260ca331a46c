import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { SpectrumError } from "spectral-lab/core/errors";
import { randomStream } from "spectral-lab/core/random";
import { describeSvdEngines, openEngine, svdSync } from "spectral-lab/linalg/engine";
import type { Matrix, SvdEngine, SvdOptions, Vectors } from "spectral-lab/linalg/svd";
import { compileKernel, wasmEngine } from "spectral-lab/linalg/wasm-engine";
import {
  defectsOf,
  distance,
  filled,
  jacobiSingularValues,
  simulatedWeights,
  withSpectrum,
} from "./matrices.js";

const SIGMA = 1e-7; // of the largest singular value
const ORTHONORMAL = 1e-6;
const RESIDUAL = 1e-6; // of the largest singular value

/** WebAssembly with and without relaxed SIMD, and LAPACK where a library is installed. */
function engines(): readonly (readonly [string, SvdEngine])[] {
  const directory = resolve("dist/linalg");
  const found: [string, SvdEngine][] = [
    ["plain", wasmEngine(compileKernel(directory, "svd", false))],
    ["relaxed", wasmEngine(compileKernel(directory))],
  ];
  if (describeSvdEngines()[0].usable) found.push(["lapack", openEngine({ engine: "lapack" })]);
  return found;
}

const ENGINES = engines();

function check(
  matrix: Matrix,
  options: SvdOptions,
  engine: SvdEngine,
  reference?: Float64Array,
  place = "",
): void {
  const svd = svdSync(matrix, options, engine);
  const name = `${place} ${matrix.rows} x ${matrix.columns}, ${options.left}/${options.right}, ${engine.description}`;
  const scale = svd.s[0] || 1;
  assert.equal(svd.s.length, Math.min(matrix.rows, matrix.columns), name);
  for (let i = 1; i < svd.s.length; i++) assert.ok(svd.s[i] <= svd.s[i - 1], `${name}: s must fall`);
  if (reference) {
    const error = distance(svd.s, reference) / (reference[0] || 1);
    assert.ok(error <= SIGMA, `${name}: singular values are ${error} off`);
  }
  assert.equal(svd.U?.length ?? 0, matrix.rows * svd.leftCount, name);
  assert.equal(svd.Vt?.length ?? 0, matrix.columns * svd.rightCount, name);
  const { left, right, residual } = defectsOf(matrix, svd);
  assert.ok(left <= ORTHONORMAL, `${name}: U is ${left} from orthonormal`);
  assert.ok(right <= ORTHONORMAL, `${name}: V is ${right} from orthonormal`);
  assert.ok(residual <= RESIDUAL, `${name}: residual ${residual} of ${scale}`);
}

const SIDES: readonly SvdOptions[] = [
  {},
  { left: "all", right: "all" },
  { left: 5, right: 5 },
  { left: 3 },
  { right: 4 },
  { left: "all" },
  { right: "all" },
  { left: 2, right: "all" },
  { left: "all", right: 2 },
];

for (const [engineName, engine] of ENGINES) {
  test(`simulated weights, every choice of sides (${engineName})`, () => {
    for (const kind of ["init", "trained", "decayed"] as const) {
      for (const [rows, columns] of [
        [48, 48],
        [20, 70],
        [70, 20],
      ]) {
        const matrix = simulatedWeights(rows, columns, kind);
        const reference = jacobiSingularValues(matrix);
        for (const options of SIDES) check(matrix, options, engine, reference, kind);
      }
    }
  });

  test(`matrices at the edges (${engineName})`, () => {
    const random = randomStream(1, "edges");
    const gaussian = (rows: number, columns: number, scale = 1) =>
      filled(rows, columns, () => scale * random.normal());
    const hadamard = (i: number, j: number) => {
      let bits = 0;
      for (let both = i & j; both; both >>= 1) bits += both & 1;
      return bits % 2 ? -1 : 1;
    };
    const u = gaussian(60, 1).data;
    const v = gaussian(40, 1).data;
    const cases: Record<string, Matrix> = {
      "1 x 1": filled(1, 1, () => -3),
      "one row": gaussian(1, 33),
      "one column": gaussian(33, 1),
      "2 x 2": gaussian(2, 2),
      zero: filled(30, 40, () => 0),
      "zero, tall": filled(40, 7, () => 0),
      identity: filled(50, 50, (i) => (i % 51 === 0 ? 1 : 0)),
      ones: filled(20, 60, () => 1),
      "rank 1": filled(60, 40, (i) => u[Math.floor(i / 40)] * v[i % 40]),
      "zero columns": filled(60, 45, (i) => (i % 45 < 18 ? random.normal() : 0)),
      "equal rows": filled(45, 60, (i) => u[Math.floor(i / 60) % 15] + v[i % 40]),
      hadamard: filled(64, 64, (i) => hadamard(i >> 6, i & 63)),
      "graded diagonal": filled(70, 70, (i) => (i % 71 === 0 ? 10 ** (-(i / 71) / 8) : 0)),
      subnormal: gaussian(30, 30, 1e-41),
      "smallest numbers": filled(9, 12, (i) => (i % 3 === 0 ? 1.4e-45 : 0)),
      tiny: gaussian(40, 30, 1e-25),
      huge: gaussian(40, 30, 1e37),
      "largest numbers": filled(12, 9, (i) => (i % 2 ? 3.4e38 : -3.4e38)),
      "huge and tiny": filled(20, 20, (i) => random.normal() * (i < 200 ? 1e37 : 1e-37)),
      "one of two blocks": withSpectrum(130, 100, new Float64Array(50).fill(1), random),
      "four equal values": withSpectrum(
        90,
        90,
        Float64Array.from({ length: 90 }, (_, i) => 2 ** -(i >> 2)),
        random,
      ),
    };
    for (const [place, matrix] of Object.entries(cases)) {
      const reference = jacobiSingularValues(matrix);
      for (const options of SIDES) check(matrix, options, engine, reference, place);
    }
  });

  test(`sizes around every block and panel (${engineName})`, () => {
    const random = randomStream(2, "sizes");
    for (const n of [3, 4, 5, 15, 16, 17, 31, 32, 33, 63, 64, 65, 66, 67, 97, 129]) {
      const matrix = filled(n + 3, n, () => random.normal());
      const transposed = filled(n, n + 3, () => random.normal());
      for (const options of [{ left: "all", right: "all" } as const, { left: 7, right: 7 }]) {
        check(matrix, options, engine);
        check(transposed, options, engine);
      }
    }
    check(
      filled(1030, 5, () => random.normal()),
      { left: "all", right: "all" },
      engine,
    );
    check(
      filled(5, 1030, () => random.normal()),
      { left: "all", right: "all" },
      engine,
    );
  });

  test(`large enough for products in float32: orthonormal to 4e-7 (${engineName})`, () => {
    const random = randomStream(5, "float32");
    const flat = (rows: number, columns: number, rank: number) =>
      withSpectrum(rows, columns, new Float64Array(rank).fill(1e20), random);
    const cases: Record<string, Matrix> = {
      trained: simulatedWeights(190, 190, "trained"),
      decayed: simulatedWeights(190, 190, "decayed"),
      "decayed, tall": simulatedWeights(300, 150, "decayed"),
      "decayed, wide": simulatedWeights(150, 300, "decayed"),
      "rank 2": flat(293, 149, 2),
      "two thirds of the rank": flat(160, 160, 107),
      "zero rows": filled(200, 140, (i) => (i < 20_000 ? random.normal() : 0)),
    };
    for (const [place, matrix] of Object.entries(cases)) {
      const svd = svdSync(matrix, { left: "all", right: "all" }, engine);
      const { left, right, residual } = defectsOf(matrix, svd);
      assert.ok(Math.max(left, right) <= 4e-7, `${place}: ${left} and ${right} from orthonormal`);
      assert.ok(residual <= 2e-7, `${place}: residual ${residual}`);
      const squares = matrix.data.reduce((sum, x) => sum + x * x, 0);
      assert.ok(Math.abs(svd.s.reduce((sum, x) => sum + x * x, 0) / squares - 1) < 1e-12, place);
    }
  });

  test(`2,000 random matrices of random rank, decay, scale and sides (${engineName})`, () => {
    const random = randomStream(3, "fuzz");
    const count = (most: number): Vectors =>
      (["none", "all", random.integer(most + 1)] as const)[random.integer(3)];
    for (let trial = 0; trial < 2000; trial++) {
      const most = trial % 20 === 0 ? 120 : 24;
      const [rows, columns] = [1 + random.integer(most), 1 + random.integer(most)];
      const rank = 1 + random.integer(Math.min(rows, columns));
      const decay = random.uniform(0, 25) / rank;
      const scale = 10 ** random.uniform(-30, 30);
      const s = Float64Array.from({ length: rank }, (_, i) => scale * Math.exp(-decay * i));
      const matrix = withSpectrum(rows, columns, s, random);
      const reference = most === 24 ? jacobiSingularValues(matrix) : undefined;
      const limit = Math.min(rows, columns);
      check(matrix, { left: count(limit), right: count(limit) }, engine, reference, `trial ${trial}`);
    }
  });

  test(`NaN and infinity are errors that name the matrix and the place (${engineName})`, () => {
    for (const bad of [NaN, Infinity, -Infinity]) {
      for (const [rows, columns] of [
        [7, 4],
        [4, 7],
        [1, 28],
      ]) {
        const matrix = filled(rows, columns, (i) => (i === 17 ? bad : 1));
        const place = `svd: "conv3.weight" holds ${bad} at index 17 `;
        assert.throws(
          () => svdSync(matrix, { name: "conv3.weight", left: 1 }, engine),
          (error) => error instanceof SpectrumError && error.message.startsWith(place),
        );
      }
    }
    check(
      filled(4, 4, (i) => i),
      { left: "all", right: "all" },
      engine,
    ); // and the engine goes on
  });
}

test("requests that make no sense are errors", () => {
  const data = new Float32Array(6);
  const throws = (matrix: Matrix, options: SvdOptions, message: RegExp) =>
    assert.throws(
      () => svdSync(matrix, options),
      (e) => e instanceof SpectrumError && message.test(e.message),
    );
  throws({ data, rows: 0, columns: 6 }, {}, /at least one row and one column, found 0 x 6/);
  throws(
    { data, rows: 2, columns: 4 },
    { name: "w" },
    /"w" must be a Float32Array of 2 x 4 = 8 numbers, found 6/,
  );
  throws({ data: [1] as unknown as Float32Array, rows: 1, columns: 1 }, {}, /found \[object Array\]/);
  throws(
    { data, rows: 2, columns: 3 },
    { left: -1 },
    /left must be "none", "all" or an integer >= 0, found -1/,
  );
  throws({ data, rows: 2, columns: 3 }, { right: 1.5 }, /right must be/);
});

test("more vectors than there are: all of them", () => {
  const svd = svdSync(
    filled(3, 5, (i) => i),
    { left: 100, right: 4 },
  );
  assert.deepEqual([svd.leftCount, svd.rightCount, svd.s.length], [3, 3, 3]);
});

test("the input is not changed, and results are the same again", () => {
  const matrix = simulatedWeights(40, 30, "trained");
  const before = matrix.data.slice();
  const engine = ENGINES[1][1];
  const first = svdSync(matrix, { left: 10, right: 10 }, engine);
  svdSync(simulatedWeights(90, 80, "decayed"), { left: "all", right: "all" }, engine);
  assert.deepEqual(svdSync(matrix, { left: 10, right: 10 }, engine), first);
  assert.deepEqual(matrix.data, before);
});

test("scaling a matrix scales s and keeps the vectors", () => {
  const matrix = simulatedWeights(50, 30, "trained");
  const scaled = { ...matrix, data: matrix.data.map((x) => x * 2 ** 80) };
  const [a, b] = [matrix, scaled].map((m) => svdSync(m, { left: 8, right: 8 }));
  assert.deepEqual(
    b.s,
    a.s.map((x) => x * 2 ** 80),
  );
  assert.deepEqual(b.U, a.U);
});

test("without LAPACK, or with a library that is none, WebAssembly is used and the reason is told", () => {
  for (const [library, reason] of [
    ["none", /switched off/],
    ["/no/such/library.so", /no\/such\/library\.so: /],
    ...(process.platform === "linux" ? ([["libm.so.6", /libm\.so\.6: it has no dsyrk/]] as const) : []),
  ] as const) {
    assert.match(openEngine({ library }).description, /^WebAssembly/);
    const [lapack, wasm] = describeSvdEngines({ library });
    assert.equal(lapack.usable, false);
    assert.match(lapack.description, reason);
    assert.equal(wasm.usable, true);
    assert.throws(() => openEngine({ engine: "lapack", library }), reason);
  }
});

const golden = resolve("test/models/fixtures/golden-7.json");

test("spectra of 64 x 27 and smaller weights after training, from PyTorch", () => {
  // Weights themselves are not in the file; a matrix with its spectrum is as good for the values.
  const random = randomStream(4, "golden");
  const { models } = JSON.parse(readFileSync(golden, "utf8")) as {
    models: { spectra: Record<string, { s: number[] }> }[];
  };
  let compared = 0;
  for (const { spectra } of models) {
    for (const [name, { s }] of Object.entries(spectra)) {
      if (s.length > 64) continue;
      const matrix = withSpectrum(s.length + 9, s.length, s, random);
      for (const [, engine] of ENGINES) {
        const error = distance(svdSync(matrix, { name }, engine).s, s) / s[0];
        assert.ok(error < 2e-7, `${name}: ${error}`); // the matrix was rounded to float32
      }
      compared++;
    }
  }
  assert.ok(compared > 20);
});
