import assert from "node:assert/strict";
import { test } from "node:test";
import { float32, type NamedArrays, type NdArray } from "spectral-lab/core/array";
import { transformer } from "spectral-lab/models/transformer";
import { unet } from "spectral-lab/models/unet";
import { permuteUnits } from "spectral-lab/nn/units";
import { hiddenMatrices, matrixOf } from "spectral-lab/nn/views";
import {
  applyEdit,
  type Edit,
  type EditContext,
  hashEdit,
  normsReadBy,
  parseEdit,
  printEdit,
  readingFrom,
  weightsReadBy,
} from "spectral-lab/train/edits/edit";
import { magnitudeMasks } from "spectral-lab/train/edits/masks";
import { normOf } from "spectral-lab/train/edits/norms";
import { numbers, toyModel } from "../toy.js";

const edits: [string, Edit][] = [
  ["magnitude:0.05", { mask: "magnitude", keep: 0.05, rankedAt: "end" }],
  ["magnitude:0.05@1760", { mask: "magnitude", keep: 0.05, rankedAt: 1760 }],
  ["random:1", { mask: "random", keep: 1, rankedAt: "end" }],
  [
    "magnitude:0.64@829cc263db1a@end",
    { mask: "magnitude", keep: 0.64, rankedAt: "end", rankedBy: "829cc263db1a" },
  ],
  [
    "random-exact:0.05@vgg/829c@1760",
    { mask: "random-exact", keep: 0.05, rankedAt: 1760, rankedBy: "vgg/829c" },
  ],
  ["random:0.05#3", { mask: "random", keep: 0.05, rankedAt: "end", seed: 3 }],
  ["reinit:0.1@829c@0#0", { mask: "reinit", keep: 0.1, rankedAt: 0, rankedBy: "829c", seed: 0 }],
  ["reinit:1e-7@0", { mask: "reinit", keep: 1e-7, rankedAt: 0 }],
  ["perturb:0.25", { perturb: 0.25, seed: 0 }],
  ["perturb:0#7", { perturb: 0, seed: 7 }],
  ["rescale:829cc263db1a@40", { rescale: { run: "829cc263db1a", step: 40 } }],
  ["rescale:vgg/829cc263db1a@end", { rescale: { run: "vgg/829cc263db1a", step: "end" } }],
  ["norms:829cc263db1a", { norms: { run: "829cc263db1a" } }],
  ["align:829cc263db1a@end", { align: { run: "829cc263db1a", step: "end" } }],
];

test("an edit and its text say the same", () => {
  for (const [text, edit] of edits) {
    assert.equal(printEdit(edit), text);
    assert.deepEqual(parseEdit(text), edit);
  }
  assert.deepEqual(parseEdit("magnitude:0.5@end"), parseEdit("magnitude:0.5"));
  assert.deepEqual(parseEdit("perturb:2#0"), parseEdit("perturb:2"));
});

test("a text that is no edit is an error that names it, what was expected and what was found", () => {
  const cases: [string, RegExp][] = [
    ["magnitude", /edit "magnitude": expected one of magnitude:SHARE\[@\[RUN@\]STEP\], .*align:RUN@STEP/],
    ["magnitud:0.1", /kind "magnitud" does not exist; did you mean "magnitude"/],
    ["toString:1", /kind "toString" does not exist/],
    ["magnitude:2", /edit "magnitude:2": expected a share in \(0, 1\], found "2"/],
    ["magnitude:0", /found "0"/],
    ["magnitude:", /found ""/],
    ["random:0x1", /found "0x1"/],
    ["random:0.1#x", /expected a whole number after "#", found "x"/],
    ["magnitude:0.1#1", /expected a share in \(0, 1\], found "0.1#1"/],
    ["random:0.1@1.5", /expected a step \(a whole number >= 0, or "end"\) after "@", found "1.5"/],
    ["random:0.1@1@x", /expected a step .* found "x"/],
    ["random:0.1@1@2@3", /expected RUN@STEP, found "1@2@3"/],
    ["random:0.1@@2", /expected RUN@STEP, found "@2"/],
    ["perturb:-1", /expected the size of the noise, a number >= 0, found "-1"/],
    ["perturb:1#x", /expected a whole number after "#", found "x"/],
    ["perturb:1#", /found ""/],
    ["rescale:abc", /edit "rescale:abc": expected RUN@STEP, found "abc"/],
    ["rescale:@3", /found "@3"/],
    ["rescale:a@", /found ""/],
    ["norms:", /expected a run after "norms:", found ""/],
    ["norms:829cc263db1a@3", /found "829cc263db1a@3"/],
    ["norms:a b", /found "a b"/],
  ];
  for (const [text, message] of cases) assert.throws(() => parseEdit(text), { name: "ConfigError", message });
});

test("equal edits have equal hashes, others others", () => {
  const hashes = edits.map(([, edit]) => hashEdit(edit));
  assert.equal(new Set(hashes).size, edits.length);
  assert.ok(hashes.every((hash) => /^[0-9a-f]{12}$/.test(hash)));
  assert.equal(hashEdit({ seed: 3, perturb: 1 }), hashEdit({ perturb: 1, seed: 3 }));
});

test("an edit says which other weights it reads", () => {
  assert.deepEqual(weightsReadBy(parseEdit("reinit:0.1@7")), { step: 7 });
  for (const text of ["rescale:abc@7", "magnitude:1@abc@7", "align:abc@7"]) {
    const edit = parseEdit(text);
    assert.deepEqual(weightsReadBy(edit), { run: "abc", step: 7 });
    assert.equal(printEdit(readingFrom(edit, "def")), text.replace("abc", "def"));
  }
  assert.equal(weightsReadBy(parseEdit("perturb:1")), undefined);
  assert.equal(normsReadBy(parseEdit("norms:829cc263db1a")), "829cc263db1a");
  assert.equal(printEdit(readingFrom(parseEdit("norms:vgg/82"), "829cc263db1a")), "norms:829cc263db1a");
  assert.equal(normsReadBy(parseEdit("rescale:abc@7")), undefined);
  assert.equal(weightsReadBy(parseEdit("norms:829cc263db1a")), undefined);
});

const weights = toyModel.init(1);
const other = toyModel.init(2);
const apply = (text: string, more: Partial<EditContext> = {}): ReturnType<typeof applyEdit> =>
  applyEdit(parseEdit(text), { model: toyModel, weights, seed: 4, other, ...more });
const data = (arrays: NamedArrays, name: string): Float32Array => arrays.get(name)!.data as Float32Array;
const hidden = hiddenMatrices(toyModel).map(({ parameter }) => parameter);

/** A model of two hidden matrices, 1 x 4 and 2 x 2, and an output. */
const tiny: EditContext["model"] = {
  name: "tiny",
  matrices: [
    { name: "a", parameter: "a", rows: 1, columns: 4, layout: "flatten" },
    { name: "b", parameter: "b", rows: 2, columns: 2, layout: "flatten" },
    { name: "out", parameter: "out", rows: 1, columns: 2, layout: "flatten" },
  ],
  outputLayer: ["out"],
  init: () => new Map(),
  initBuffers: () => new Map(),
};
const tinyWeights = (a: number[], b: number[]): NamedArrays =>
  new Map([
    ["a", float32([1, 4], Float32Array.from(a))],
    ["b", float32([2, 2], Float32Array.from(b))],
    ["out", float32([1, 2], Float32Array.of(100, 100))],
  ]);
const kept = (a: number[], b: number[], keep: number): number[][] =>
  [...magnitudeMasks(tiny, tinyWeights(a, b), keep).values()].map((mask) => [...(mask.data as Float32Array)]);

test("magnitude masks keep the largest of all hidden matrices together, of equal ones the earlier", () => {
  assert.deepEqual(kept([3, 1, 1, 2], [0, 0, 0, 0], 3 / 8), [
    [1, 1, 0, 1],
    [0, 0, 0, 0],
  ]);
  assert.deepEqual(kept([0.5, -9, 0.1, 2], [-8, 1e-30, 7, -7], 0.5), [
    [0, 1, 0, 0],
    [1, 0, 1, 1],
  ]);
  assert.deepEqual(kept([0, 0, 1, 0], [1, 1, 1, 1], 0.5), [
    [0, 0, 1, 0],
    [1, 1, 1, 0],
  ]);
  assert.deepEqual(kept([0, 0, 0, 0], [0, 0, 0, 0], 0.99), [
    [1, 1, 1, 1],
    [1, 1, 1, 0],
  ]);
  assert.deepEqual(kept([1, 2, 3, 4], [5, 6, 7, 8], 0.1).flat(), [0, 0, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(kept([1, 2, 3, 4], [5, 6, 7, 8], 1).flat(), [1, 1, 1, 1, 1, 1, 1, 1]);
});

test("magnitude masks agree with a sort, whatever the numbers' sizes", () => {
  const length = hidden.reduce((sum, name) => sum + data(weights, name).length, 0);
  const random = numbers(length, "magnitudes").map((x, i) => x ** 3 * 10 ** ((i % 9) - 4));
  let begin = 0;
  const drawn = new Map(weights);
  for (const name of hidden) {
    const { shape, data: old } = weights.get(name)!;
    drawn.set(name, float32(shape, random.slice(begin, (begin += old.length))));
  }
  for (const keep of [0.01, 0.1, 0.333, 0.9]) {
    const found = [...magnitudeMasks(toyModel, drawn, keep).values()].flatMap((mask) => [
      ...(mask.data as Float32Array),
    ]);
    const order = Array.from(random.keys()).sort((i, j) => Math.abs(random[j]) - Math.abs(random[i]));
    const expected = new Set(order.slice(0, Math.floor(keep * length)));
    assert.deepEqual(
      found,
      Array.from(random.keys(), (i) => (expected.has(i) ? 1 : 0)),
    );
  }
});

test("masks have the shapes of parameters, transposed convolutions too, and the views' last layer none", () => {
  const model = unet({ channels: [4, 8, 8, 8], embedding: 8 });
  const initial = model.init(1);
  const masks = magnitudeMasks(model, initial, 0.2);
  const transposed = model.matrices.filter(({ layout }) => layout === "transposed-convolution");
  assert.ok(transposed.length > 1);
  assert.equal(masks.size, model.matrices.length - model.outputLayer.length);
  let least = Infinity;
  let largest = 0;
  for (const [name, mask] of masks) {
    assert.deepEqual(mask.shape, initial.get(name)!.shape);
    data(initial, name).forEach((value, i) => {
      if (mask.data[i] === 1) least = Math.min(least, Math.abs(value));
      else largest = Math.max(largest, Math.abs(value));
    });
  }
  assert.ok(least >= largest, "every kept weight is larger than every other");
});

test("magnitude: kept weights are those of here, by the ranks of there", () => {
  const { weights: edited, masks } = apply("magnitude:0.3");
  assert.deepEqual([...edited.keys()], [...weights.keys()]);
  assert.deepEqual([...masks!.keys()], hidden);
  assert.deepEqual(masks, magnitudeMasks(toyModel, other, 0.3));
  for (const [name, { data: values }] of edited) {
    const mask = masks!.get(name)?.data;
    values.forEach((value, i) =>
      assert.ok(value === (mask ? Number(mask[i]) : 1) * data(weights, name)[i], name),
    );
  }
  assert.throws(() => apply("magnitude:0.3", { other: undefined }), {
    name: "ConfigError",
    message: /expected the weights that magnitudes are ranked by as "other" weights, found none/,
  });
  assert.throws(() => apply("magnitude:0.3", { other: new Map() }), /layers\.0\.weight.*no such parameter/);
});

test("random: each matrix about as dense as under magnitude masks, from the branch's seed", () => {
  const model = { ...tiny, matrices: [{ ...tiny.matrices[0], columns: 40_000 }, ...tiny.matrices.slice(1)] };
  const large: NamedArrays = new Map([
    ["a", float32([1, 40_000], numbers(40_000, "a"))],
    ["b", float32([2, 2], Float32Array.of(5, 5, 5, 5))],
    ["out", float32([1, 2], Float32Array.of(1, 1))],
  ]);
  const masksOf = (seed: number): NamedArrays =>
    applyEdit(parseEdit("random:0.1"), { model, weights: large, seed, other: large }).masks!;
  const [masks, others] = [masksOf(1), masksOf(2)];
  const magnitude = magnitudeMasks(model, large, 0.1);
  assert.deepEqual([...data(masks, "b")], [1, 1, 1, 1], "a matrix that is kept whole stays whole");
  const share = data(masks, "a").reduce((sum, x) => sum + x, 0) / 40_000;
  assert.ok(Math.abs(share - 3996 / 40_000) < 4 * Math.sqrt(0.1 * 0.9 * 2.5e-5), `${share}`);
  const both = data(masks, "a").filter((x, i) => x === 1 && magnitude.get("a")!.data[i] === 1).length;
  assert.ok(Math.abs(both - 399) < 80, `${both} kept by both: as by chance`);
  assert.deepEqual(masksOf(1), masks);
  assert.notDeepEqual(others, masks);
});

test("random, exact: of each matrix as many as magnitude masks keep, from the branch's seed, each weight as often", () => {
  const magnitude = magnitudeMasks(toyModel, other, 0.3);
  const masksOf = (seed: number): NamedArrays => apply("random-exact:0.3", { seed }).masks!;
  const count = (mask: NamedArrays, name: string): number => data(mask, name).reduce((sum, x) => sum + x, 0);
  const kept = new Map(hidden.map((name) => [name, data(magnitude, name).map(() => 0)]));
  const draws = 400;
  for (let seed = 0; seed < draws; seed++) {
    const masks = masksOf(seed);
    for (const name of hidden) {
      assert.equal(count(masks, name), count(magnitude, name), name);
      data(masks, name).forEach((x, i) => (kept.get(name)![i] += x));
    }
  }
  for (const name of hidden) {
    const share = count(magnitude, name) / data(magnitude, name).length;
    const deviation = Math.sqrt(share * (1 - share) * draws);
    for (const times of kept.get(name)!) assert.ok(Math.abs(times - share * draws) < 5 * deviation, `${name}: ${times}`); // prettier-ignore
  }
  assert.deepEqual(masksOf(1), masksOf(1));
  assert.notDeepEqual(masksOf(1), masksOf(2));
  assert.deepEqual(apply("random-exact:0.3#2", { seed: 1 }).masks, masksOf(2));
  assert.deepEqual(apply("random:0.3#2", { seed: 1 }).masks, apply("random:0.3", { seed: 2 }).masks);
  const { weights: edited, masks } = apply("random-exact:0.3");
  for (const name of hidden) assert.deepEqual(data(edited, name), data(weights, name).map((x, i) => x * data(masks!, name)[i])); // prettier-ignore
});

test("masks that rank weights of which some are masked lie within those: rounds of pruning are nested", () => {
  let ranked = weights;
  let before: NamedArrays | undefined;
  let count = hidden.reduce((sum, name) => sum + data(weights, name).length, 0);
  const all = count;
  for (const keep of [0.8, 0.64, 0.5, 0.1, 0.02]) {
    const masks = magnitudeMasks(toyModel, ranked, keep);
    for (const name of hidden) {
      if (before) data(masks, name).forEach((x, i) => assert.ok(x <= data(before!, name)[i], name));
    }
    count = hidden.reduce((sum, name) => sum + data(masks, name).reduce((s, x) => s + x, 0), 0);
    assert.equal(count, Math.floor(keep * all));
    // Training moves what is kept, and leaves the rest at 0.
    const moved = [...ranked].map(([name, { shape, data: old }]): [string, NdArray] => {
      const mask = masks.get(name)?.data as Float32Array | undefined;
      const noise = numbers(old.length, `${keep} ${name}`);
      return [name, float32(shape, noise.map((x, i) => (x + Number(old[i])) * (mask ? mask[i] : 1)))]; // prettier-ignore
    });
    [ranked, before] = [new Map(moved), masks];
  }
});

test("align: units in the order of the other run's, the function's numbers kept; what moves with them does too", () => {
  const order = Int32Array.of(3, 1, 5, 0, 2, 4);
  const shuffled = permuteUnits(toyModel.units!, weights, new Map([["layers.0", order]]));
  const { weights: aligned, alongside } = apply("align:abc@3", { weights: shuffled, other: weights });
  assert.deepEqual(aligned, weights);
  assert.deepEqual(alongside!(shuffled), weights);
  const model = { ...unet({ channels: [4, 8, 8, 8], embedding: 8 }), units: undefined };
  const initial = model.init(1);
  assert.throws(
    () => applyEdit(parseEdit("align:abc@3"), { model, weights: initial, other: initial, seed: 0 }),
    {
      name: "ConfigError",
      message: /unet: expected a model with groups of interchangeable units .*cannot be aligned/,
    },
  );
});

test("reinit: magnitude masks on new weights of the branch's seed; what has no mask stays", () => {
  const { weights: edited, masks } = apply("reinit:0.4");
  assert.deepEqual(masks, magnitudeMasks(toyModel, other, 0.4));
  const fresh = toyModel.init(4);
  for (const [name, { data: values }] of edited) {
    const mask: ArrayLike<number | bigint> | undefined = masks!.get(name)?.data;
    const expected: Float32Array = mask
      ? data(fresh, name).map((value, i) => value * Number(mask[i]))
      : data(weights, name);
    assert.deepEqual(values, expected, name);
  }
});

test("perturb: noise of the given size and the edit's seed, norms kept, last layer and embedding as they were", () => {
  const model = transformer({ vocabulary: 30, layers: 2, width: 12, heads: 3, hidden: 16 });
  const initial = model.init(3);
  const perturbed = (text: string, seed = 0): NamedArrays =>
    applyEdit(parseEdit(text), { model, weights: initial, seed }).weights;
  assert.deepEqual(perturbed("perturb:0"), initial);
  assert.deepEqual(perturbed("perturb:0.5", 1), perturbed("perturb:0.5", 2));
  assert.notDeepEqual(perturbed("perturb:0.5#1"), perturbed("perturb:0.5"));
  for (const eta of [0.1, 2.5]) {
    const edited = perturbed(`perturb:${eta}`);
    for (const [name, { shape, data: values }] of edited) {
      const old = data(initial, name);
      if (shape.length < 2 || ["encoder.weight", "decoder.weight"].includes(name)) {
        assert.deepEqual(values, old, name);
        continue;
      }
      const now = values as Float32Array;
      assert.ok(Math.abs(normOf(now) / normOf(old) - 1) < 1e-6, name);
      const cosine = now.reduce((sum, x, i) => sum + x * old[i], 0) / normOf(old) ** 2;
      const expected = 1 / Math.hypot(1, eta); // noise is about orthogonal to a matrix
      assert.ok(Math.abs(cosine - expected) < 4 / Math.sqrt(now.length), `${name}: ${cosine}, ${expected}`);
    }
  }
});

test("a matrix of zeros stays one", () => {
  const zero = tinyWeights([0, 0, 0, 0], [1, 2, 3, 4]);
  for (const text of ["perturb:1", "rescale:a@1"]) {
    const context = { model: tiny, weights: zero, seed: 0, other: tinyWeights([1, 1, 1, 1], [2, 0, 0, 0]) };
    const edited = applyEdit(parseEdit(text), context).weights;
    assert.deepEqual([...data(edited, "a")], [0, 0, 0, 0]);
    assert.ok(data(edited, "b").every(Number.isFinite));
  }
});

test("rescale: every matrix points where it did and has the other's norm", () => {
  const edited = apply("rescale:abc@3").weights;
  for (const view of toyModel.matrices) {
    const [now, old, wanted] = [edited, weights, other].map((arrays) => matrixOf(view, arrays).data);
    assert.ok(Math.abs(normOf(now) / normOf(wanted) - 1) < 1e-6, view.name);
    const cosine = now.reduce((sum, x, i) => sum + x * old[i], 0) / normOf(now) / normOf(old);
    assert.ok(Math.abs(cosine - 1) < 1e-6);
  }
  assert.deepEqual(edited.get("layers.0.bias"), weights.get("layers.0.bias"));
});

test("an edit out of range is refused however it was made, and changes nothing that it was given", () => {
  const wrong = { mask: "magnitude", keep: 1.5, rankedAt: "end" } as const;
  assert.throws(() => applyEdit(wrong, { model: toyModel, weights, seed: 0, other }), /found "1.5"/);
  const before = structuredClone([weights, other]);
  const norms = {
    run: "a",
    steps: [0],
    norms: new Map(toyModel.matrices.map(({ parameter }) => [parameter, [1]])),
  };
  for (const [text] of edits) apply(text, { norms });
  assert.deepEqual([weights, other], before);
});

test("norms: every matrix points where it did and has the norm of that step, from here on", () => {
  const sizes = toyModel.matrices.map(({ parameter }, i): [string, number[]] => [
    parameter,
    [i + 1, 4 * (i + 1)],
  ]);
  const norms = { run: "a", steps: [0, 10], norms: new Map(sizes) };
  const edited = apply("norms:829cc263db1a", { norms, step: 5 });
  assert.equal(edited.norms, norms);
  assert.equal(edited.masks, undefined);
  for (const [i, { parameter }] of toyModel.matrices.entries()) {
    const [old, now] = [data(weights, parameter), data(edited.weights, parameter)];
    assert.ok(Math.abs(normOf(now) / (2 * (i + 1)) - 1) < 1e-6);
    const factor = normOf(now) / normOf(old);
    now.forEach((value, j) => assert.ok(Math.abs(value - factor * old[j]) < 1e-6));
  }
  assert.deepEqual(data(edited.weights, "layers.0.bias"), data(weights, "layers.0.bias"));
  assert.throws(() => apply("norms:829cc263db1a"), { name: "ConfigError", message: /expected the measured norms of 829cc263db1a, found none/ }); // prettier-ignore
});
