import assert from "node:assert/strict";
import { join } from "node:path";
import { before, test } from "node:test";
import { startBackend } from "spectral-lab/backend/start";
import { checkAnalyses } from "../../tools/golden/analysis/analyses.js";
import { analysisInputs } from "../../tools/golden/analysis/inputs.js";
import { checkModel, checkSchedules } from "../../tools/golden/check.js";
import { agrees, Comparison } from "../../tools/golden/compare.js";
import { draws } from "../../tools/golden/draws.js";
import { type GoldenFile, readGolden } from "../../tools/golden/file.js";

// Made by PyTorch; test/models/make_golden.py and make_golden_resnet.py make them anew.
const read = (name: string): Promise<GoldenFile> =>
  readGolden(join(process.cwd(), "test", "models", "fixtures", name));
const file = await read("golden-7.json");
const residual = await read("golden-resnet-7.json");
const MODELS: readonly (readonly [GoldenFile, readonly string[]])[] = [
  [file, ["modularAddition", "modularAdditionSlingshot", "vgg", "mlp", "unet", "lstm", "transformer"]],
  [residual, ["resnet18", "resnet50"]],
];

before(async () => {
  await startBackend({ backend: "wasm" });
});

for (const [{ seed, models }, names] of MODELS) {
  for (const name of names) {
    test(`${name} agrees with PyTorch`, async () => {
      const golden = models.find((model) => model.name === name)!;
      const differences = await checkModel(golden, seed);
      assert.ok(differences, "this model is not built");
      assert.deepEqual(
        differences.filter((difference) => !agrees(difference)),
        [],
      );
      assert.ok(differences.length >= 8); // loss, gradients, norms, four measures of spectra, agreement, alignment
      if (models === residual.models)
        for (const { limit } of differences) assert.ok(limit <= 1e-3, "no allowance for rounding is needed");
    });
  }
}

test("schedules agree with PyTorch", () => {
  const differences = checkSchedules(file);
  assert.equal(differences.length, 2);
  assert.ok(differences.every(agrees));
});

test("a comparison keeps the largest difference, and takes a missing number for the largest of all", () => {
  const compare = new Comparison();
  compare.values("loss", [1, 2.002], [1, 2]);
  compare.value("loss", "later", 1.0001, 1);
  compare.values("norm", [1], [1, 2]);
  const [loss, norm] = compare.differences();
  assert.equal(loss.at, "[1]");
  assert.ok(Math.abs(loss.difference - 1e-3) < 1e-9 && !agrees(loss));
  assert.equal(norm.difference, Infinity);
  assert.ok(!agrees(norm));
});

test("a difference may be a few times what rounding does to the same number, and to no other", () => {
  const comparisonOf = (...losses: number[]): Comparison => {
    const compare = new Comparison();
    compare.values("loss", losses, [1, 1]);
    return compare;
  };
  const [found] = comparisonOf(1.001, 1).differences([comparisonOf(1, 1.01), comparisonOf(1.0005, 1)]);
  assert.ok(agrees(found));
  const [other] = comparisonOf(1, 1.001).differences([comparisonOf(1.5, 1.001), comparisonOf(NaN, NaN)]);
  assert.ok(!agrees(other));
  assert.equal(other.limit, 1e-4);
});

test("a reference that is 3e-4 off in one number is found out", async () => {
  const golden = file.models.find(({ name }) => name === "mlp")!;
  const wrong = { ...golden, loss: golden.loss.map((loss, i) => (i === 2 ? loss * 1.0003 : loss)) };
  const differences = await checkModel(wrong, file.seed);
  assert.deepEqual(
    differences!.filter((difference) => !agrees(difference)).map(({ quantity, at }) => [quantity, at]),
    [["loss", "[2]"]],
  );
});

test("draws: the same seed gives the same numbers, in range, and each draw others", () => {
  const [a, b] = [draws(7), draws(7)];
  const first = a.uniform(1000, 0.5);
  assert.deepEqual(b.uniform(1000, 0.5), first);
  assert.notDeepEqual(a.uniform(1000, 0.5), first);
  assert.ok(first.every((x) => Math.abs(x) <= 0.5));
  assert.ok(a.integers(1000, 5).every((x) => x >= 0 && x < 5));
});

test("draws of normal numbers, of permutations and inside (0, 1)", () => {
  const normal = draws(3).normal(20_000);
  const moment = (power: number): number =>
    normal.reduce((sum, value) => sum + value ** power, 0) / normal.length;
  [0, 1, 0, 3].forEach((expected, i) => {
    assert.ok(Math.abs(moment(i + 1) - expected) < 0.1, `moment ${i + 1}: ${moment(i + 1)}`);
  });
  const [permutation, inside] = [draws(3).permutation(50), draws(3).inside(50)];
  assert.deepEqual(
    [...permutation].sort((a, b) => a - b),
    [...permutation.keys()],
  );
  assert.ok(permutation.every((index, i) => i === 0 || inside[index] > inside[permutation[i - 1]]));
  const [first, second] = [draws(3), draws(3)];
  first.normal(5); // takes two draws
  second.uniform(5, 1);
  second.uniform(5, 1);
  assert.deepEqual(first.integers(5, 100), second.integers(5, 100));
});

test("of a file of analyses a wrong draw is seen, and what nothing checks is missing", async () => {
  const { A, host } = analysisInputs("transformer", 3);
  assert.ok("tokens" in host && A.get("encoder.weight")!.shape[0] === 101);
  const names = ["A", "near", "far", "rewound", "noise", "ranked"];
  const checks = Object.fromEntries([...names, "tokenSum"].map((name) => [name, 1]));
  const transformer = { invented: {}, hiddenMatrices: [], checks };
  const seen: string[] = [];
  const good = await checkAnalyses(
    { seed: 3, torch: "", numpy: "", scipy: "", alphas: [], transformer, more: {} },
    (name, differences) => {
      seen.push(name, ...differences.filter((found) => !agrees(found)).map(({ quantity }) => quantity));
      return true;
    },
    (name) => seen.push(`missing ${name}`),
  );
  assert.equal(good, false);
  assert.deepEqual(seen, [
    "transformer checks",
    "inputs",
    "hiddenMatrices",
    "missing transformer invented",
    "missing more",
  ]);
});
