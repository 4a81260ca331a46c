import assert from "node:assert/strict";
import { before, test } from "node:test";
import { startBackend } from "spectral-lab/backend/start";
import { float32, type NamedArrays } from "spectral-lab/core/array";
import { randomStream } from "spectral-lab/core/random";
import { at } from "spectral-lab/core/time";
import { agreementDiagonal } from "spectral-lab/linalg/agreement";
import { alignmentDiagonal } from "spectral-lab/linalg/alignment";
import { svdSync } from "spectral-lab/linalg/engine";
import { effectiveRank } from "spectral-lab/linalg/spectrum";
import type { Matrix } from "spectral-lab/linalg/svd";
import { leftVectors, rightVectors } from "spectral-lab/linalg/vectors";
import type { ImageTensors } from "spectral-lab/models/classification";
import { mlp } from "spectral-lab/models/mlp";
import type { ContactSide, Parameters } from "spectral-lab/nn/model";
import { toTensors } from "spectral-lab/nn/parameters";
import { matrixOf } from "spectral-lab/nn/views";
import { agreementProbe } from "spectral-lab/probes/agreement";
import { alignmentProbe } from "spectral-lab/probes/alignment";
import { metricsProbe } from "spectral-lab/probes/metrics";
import { pruningProbe } from "spectral-lab/probes/pruning";
import { describeSpectrum, spectraProbe } from "spectral-lab/probes/spectra";
import { bytesOfVectors, pairsOf, vectorNames, vectorsProbe } from "spectral-lab/probes/vectors";
import type { Row } from "spectral-lab/store/rows";
import { asTensors, type Examples } from "spectral-lab/train/examples";
import { Evaluator } from "spectral-lab/train/evaluator";
import { mergeRequests, type Measurement, type Probe } from "spectral-lab/train/measure";
import { ReferenceSvds, takeSnapshot } from "spectral-lab/train/snapshot";

before(() => startBackend({ backend: "wasm" }));

const model = mlp({ inputs: 12, hidden: 9, layers: 3, classes: 4 });
const random = randomStream(1, "probe data");
const images = Float32Array.from({ length: 20 * 12 }, () => random.normal());
const labels = Int32Array.from({ length: 20 }, () => random.integer(4));
const examples = asTensors({
  count: 20,
  batch: (indices: ArrayLike<number>) => ({
    images: {
      dtype: "F32" as const,
      shape: [indices.length, 2, 2, 3],
      data: Float32Array.from(Array.from(indices).flatMap((i) => [...images.subarray(12 * i, 12 * i + 12)])),
    },
    labels: {
      dtype: "I32" as const,
      shape: [indices.length],
      data: Int32Array.from(indices, (i) => labels[i]),
    },
  }),
}) as Examples<ImageTensors>;
const engine = { svd: async (matrix: Matrix, options: object) => svdSync(matrix, options) };

/** Measures the network with the weights of `seed` as if it had been initialised with seed 0. */
async function measure(probe: Probe, seed: number, network = model): Promise<Measurement> {
  const parameters: Parameters = toTensors(network.init(seed));
  const snapshot = takeSnapshot(
    {
      step: 3,
      epoch: 1.5,
      model: network,
      parameters,
      buffers: new Map(),
      training: examples,
      evaluations: { train: { examples, batchSize: 8 } },
      reference: new ReferenceSvds(model, () => model.init(0), engine),
      evaluator: new Evaluator(network),
    },
    mergeRequests(probe.needs?.(network as never) ?? []),
    engine,
  );
  try {
    return await probe.measure(snapshot as never);
  } finally {
    snapshot.dispose();
  }
}

const weight = (seed: number, layer: number): Matrix => matrixOf(model.matrices[layer], model.init(seed));
const close = (actual: unknown, expected: number, tolerance = 1e-5): void =>
  assert.ok(Math.abs(Number(actual) - expected) < tolerance, `${actual} is not ${expected}`);

test("metrics are means over examples, whatever the batches", async () => {
  const { rows } = await measure(metricsProbe(at("0")), 0);
  assert.deepEqual(
    rows.map((row) => [row.split, row.variant, row.metric]),
    [
      ["train", "full", "loss"],
      ["train", "full", "error"],
    ],
  );
  close(Number(rows[1].value) * 20, Math.round(Number(rows[1].value) * 20), 1e-9); // a whole number of errors
});

test("spectra are those of each matrix, in order of depth", async () => {
  const { rows, arrays } = await measure(spectraProbe(at("0")), 0);
  assert.deepEqual(
    rows.map((row) => row.depth),
    [0, 1, 2],
  );
  rows.forEach((row, layer) => {
    const { s } = svdSync(weight(0, layer));
    close(row.effectiveRank, effectiveRank(s), 1e-9);
    assert.equal(row.largest, s[0]);
    assert.deepEqual([...arrays!.get(`singular-values/${row.matrix}`)!.data], [...Float32Array.from(s)]);
  });
});

test("a zero matrix has no rank: NaN, not an error", () => {
  const measures = describeSpectrum(new Float64Array(5));
  assert.ok(Number.isNaN(measures.effectiveRank) && Number.isNaN(measures.stableRank));
  assert.equal(measures.frobenius, 0);
});

test("alignment is between left vectors of a layer and right vectors of the next", async () => {
  const { rows, arrays } = await measure(alignmentProbe(at("0")), 0);
  assert.equal(rows.length, 2);
  const [first, second] = [svdSync(weight(0, 0), { left: "all" }), svdSync(weight(0, 1), { right: "all" })];
  const expected = alignmentDiagonal(leftVectors(first), rightVectors(second));
  const found = arrays!.get(`alignment/${rows[0].contact}`)!.data;
  expected.forEach((value, i) => close(found[i], value));
  close(rows[0].score, expected.reduce((a, b) => a + b) / expected.length);
  assert.equal(rows[0].dimension, 9);
  // Nine vectors meet nine, and nine meet the four of the last layer; there are no heads.
  assert.deepEqual(
    rows.map(({ entries, pairs }) => [entries, pairs]),
    [
      [9, 1],
      [4, 1],
    ],
  );
});

test("alignment over heads is their mean, and says over how many", async () => {
  const side = (layer: number, head: number): ContactSide => ({
    matrix: model.matrices[layer].name,
    rows: [3 * head, 3 * head + 3],
    space: "output",
  });
  const pair = (head: number): { from: ContactSide; to: ContactSide } => ({
    from: side(0, head),
    to: side(1, head),
  });
  const heads = [0, 1, 2].map(pair);
  const contactOf = (...pairs: typeof heads): typeof model => ({
    ...model,
    contacts: [{ name: "query -> key", ...pairs[0], heads: pairs }],
  });
  const [all, ...single] = await Promise.all(
    [contactOf(...heads), ...heads.map((own) => contactOf(own))].map((network) =>
      measure(alignmentProbe(at("0")), 0, network),
    ),
  );
  assert.deepEqual([all.rows[0].pairs, all.rows[0].entries, all.rows[0].dimension], [3, 3, 3]);
  assert.deepEqual(
    single.map(({ rows }) => rows[0].pairs),
    [1, 1, 1],
  );
  close(all.rows[0].score, single.reduce((sum, { rows }) => sum + Number(rows[0].score), 0) / 3);
});

test("agreement is 1 with the initialisation itself and that of two matrices otherwise", async () => {
  const same = await measure(agreementProbe(at("0")), 0);
  same.rows.forEach((row) => close(row.score, 1));
  const other = await measure(agreementProbe(at("0")), 7);
  const expected = agreementDiagonal(
    svdSync(weight(7, 1), { left: "all", right: "all" }),
    svdSync(weight(0, 1), { left: "all", right: "all" }),
  );
  const found = other.arrays!.get(`agreement/${model.matrices[1].name}`)!.data;
  expected.forEach((value, i) => close(found[i], value));
});

test("kept vectors are the leading ones, read back as pairs", async () => {
  const { rows, arrays } = await measure(vectorsProbe(at("0"), 5), 3);
  assert.deepEqual(rows, [{ vectors: 5 }]);
  let bytes = 0;
  for (const [layer, { name, rows, columns }] of model.matrices.entries()) {
    const [left, right] = vectorNames(name).map((name) => arrays!.get(name)!);
    const kept = Math.min(5, rows, columns);
    assert.deepEqual([left.shape, right.shape], [[rows, kept], [columns, kept]]); // prettier-ignore
    bytes += left.data.byteLength + right.data.byteLength;
    const exact = svdSync(weight(3, layer), { left: kept, right: kept });
    const pairs = pairsOf(left, right);
    assert.deepEqual([pairs.U, pairs.Vt], [exact.U, exact.Vt]);
    assert.equal(pairsOf(left, right, 2).rightCount, 2);
    agreementDiagonal(pairs, exact).forEach((value) => close(value, 1));
  }
  assert.equal(bytesOfVectors(model, 5), bytes);
  assert.equal(bytesOfVectors(model, 100), 4 * (9 * (9 + 12) + 9 * (9 + 9) + 4 * (9 + 4)));
});

test("of a matrix of low rank, the vectors that rounding made are not kept: NaN; of a zero matrix none are", async () => {
  const [first, zero] = model.matrices;
  const low = {
    ...model,
    init(seed: number): NamedArrays {
      const weights = new Map(model.init(seed));
      const rank1 = Float32Array.from(
        { length: 9 * 12 },
        (_, i) => Math.sin(i % 12) * (1 + Math.floor(i / 12)),
      );
      weights.set(first.parameter, float32([9, 12], rank1));
      return weights.set(zero.parameter, float32([9, 9], new Float32Array(81)));
    },
  };
  const { arrays } = await measure(vectorsProbe(at("0"), 2), 0, low);
  const columns = (name: string): boolean[] =>
    [0, 1].map((i) => Number.isNaN(Number(arrays!.get(name)!.data[i])));
  assert.deepEqual(columns(`left/${first.name}`), [false, true]);
  assert.deepEqual(columns(`right/${zero.name}`), [true, true]);
});

test("pruning evaluates both halves of every matrix but the last", async () => {
  const { rows } = await measure(pruningProbe(at("0")), 0);
  assert.deepEqual(
    rows.map((row) => `${row.variant} ${row.metric}`),
    ["top loss", "top error", "bottom loss", "bottom error"],
  );
  const loss = (list: readonly Row[]): number => Number(list.find((row) => row.metric === "loss")!.value);
  const full = await measure(metricsProbe(at("0")), 0);
  assert.notEqual(loss(rows), loss(full.rows));
});
