import assert from "node:assert/strict";
import { test } from "node:test";
import { lookup, singularValueGrowth } from "spectral-lab/analysis/summaries";
import { DataError } from "spectral-lab/core/errors";
import type { Figure } from "spectral-lab/figures/plotly";
import { drawFigure1 } from "spectral-lab/lab/figure1";
import { drawFigure3 } from "spectral-lab/lab/figure3";
import { drawFigure4 } from "spectral-lab/lab/figure4";
import { drawFigure5 } from "spectral-lab/lab/figure5";
import { drawFigure8 } from "spectral-lab/lab/figure8";
import { PAPER_FIGURES, paperFigure, storedRuns } from "spectral-lab/lab/paper-figures";
import { reproduce } from "spectral-lab/lab/reproduce";
import { shownOf } from "spectral-lab/lab/shown";
import { cifarDecay, lstm, mlpLabels, transformer, unet, vgg } from "spectral-lab/tasks/index";
import { temporaryFolder } from "../store/temporary-folder.js";
import { printed } from "./fake-notebook.js";
import { type Example, storeExample } from "./stored-example.js";

const numbered = (count: number, name: (i: number) => string): string[] =>
  Array.from({ length: count }, (_, i) => name(i));
const blocks = (count: number): Example => ({
  matrices: [
    "encoder.weight",
    ...numbered(count, (i) => `transformer_encoder.layers.${i}.linear1.weight`),
    "decoder.weight",
  ],
  contacts: ["encoder.weight -> in_proj", ...numbered(count, (i) => `layer ${i} linear1 -> linear2`)],
});
const speech = (layers: number): Example => ({
  matrices: [
    ...numbered(layers, (i) => `lstm.weight_ih_l${i}`),
    ...numbered(layers, (i) => `lstm.weight_ih_l${i}_reverse`),
  ],
  contacts: numbered(layers, (i) => `weight_ih_l${i} -> weight_hh_l${i}, cell gate`),
});
const convolutions = (plan: readonly number[]): Example => ({
  matrices: [...plan.map((i) => `layers.${i}.conv.weight`), "fc.weight"],
  contacts: plan.map((_, i) => `conv ${i} -> ${i + 1 < plan.length ? `conv ${i + 1}` : "fc"}`),
});
const vgg11 = convolutions([0, 2, 4, 5, 7, 8, 10, 11]);
const vgg16 = convolutions([0, 1, 3, 4, 6, 7, 8, 10, 11, 12, 14, 15, 16]);
const perceptron: Example = {
  matrices: numbered(4, (i) => `layers.${i}.weight`),
  contacts: numbered(3, (i) => `layers.${i} -> layers.${i + 1}`),
};
const notesOf = ({ layout }: Figure): string =>
  (layout.annotations ?? []).map(({ text }) => String(text)).join("\n");

test("the paper's matrix and pair are shown, in a shorter network those at the same relative depth", (t) => {
  const root = temporaryFolder(t);
  const full = shownOf(storeExample(root, { task: vgg }, vgg16));
  assert.equal(full.matrix, "layers.12.conv.weight");
  assert.equal(full.contact, "conv 9 -> conv 10");
  assert.deepEqual(full.notes, { matrix: undefined, contact: undefined });
  const small = shownOf(storeExample(root, { task: cifarDecay }, vgg11));
  assert.equal(small.matrix, "layers.8.conv.weight");
  assert.equal(small.contact, "conv 5 -> conv 6");
  assert.match(
    small.notes.matrix ?? "",
    /layers\.8\.conv\.weight \(one of 8\).*layers\.12\.conv\.weight \(of 13\)/,
  );
  assert.equal(shownOf(storeExample(root, { task: lstm }, speech(3))).matrix, "lstm.weight_ih_l2");
  const language = shownOf(storeExample(root, { task: transformer }, blocks(12)));
  assert.equal(language.matrix, "transformer_encoder.layers.8.linear1.weight");
  assert.equal(language.contact, "layer 8 linear1 -> linear2");
});

test("of a task that the paper does not have, the middle matrix and pair are shown", (t) => {
  const run = storeExample(temporaryFolder(t), { task: { ...vgg, name: "another" } }, perceptron);
  assert.deepEqual(shownOf(run), {
    matrix: "layers.2.weight",
    contact: "layers.1 -> layers.2",
    notes: { matrix: undefined, contact: undefined },
  });
});

test("figures 3 to 5: columns in the paper's order, absent tasks named, what stands for what said", (t) => {
  const root = temporaryFolder(t);
  const runs = [
    { label: "lstm", run: storeExample(root, { task: lstm }, { ...speech(3), fall: -0.05 }) },
    {
      label: "vgg",
      run: storeExample(
        root,
        { task: vgg },
        { ...vgg16, data: { name: "generated textures (stand-in for CIFAR-10)", standIn: true } },
      ),
    },
  ];
  const third = drawFigure3(runs);
  assert.match(third.figure.description, /VGG, generated textures, LSTM$/);
  assert.match(notesOf(third.figure), /Left out: UNet \(no data\)\.\nLeft out: Transformer \(no data\)/);
  assert.match(notesOf(third.figure), /LSTM: lstm\.weight_ih_l2 \(one of 3\) stands for/);
  assert.deepEqual(
    new Set(third.tables.spectra.array("matrix") as string[]),
    new Set(["layers.12.conv.weight", "lstm.weight_ih_l2"]),
  );
  assert.deepEqual(
    third.claims.map(({ verdict, numbers }) => [verdict, numbers.fell, numbers.matrices]),
    [
      ["agrees", 14, 14],
      ["disagrees", 0, 6],
    ],
  );

  const fourth = drawFigure4(runs);
  assert.equal(fourth.claims.length, 4);
  assert.ok(fourth.claims.every(({ verdict }) => verdict === "agrees"));
  assert.ok(fourth.claims.every(({ numbers }) => Math.abs(numbers.topLost - 0.1 / 1.5) < 1e-9));

  const fifth = drawFigure5(runs);
  assert.deepEqual(
    new Set(fifth.tables.alignment.array("contact") as string[]),
    new Set(["conv 9 -> conv 10", "weight_ih_l2 -> weight_hh_l2, cell gate"]),
  );
  assert.deepEqual(
    fifth.claims.map(({ verdict }) => verdict),
    ["agrees", "agrees", "agrees", "agrees"],
  );
});

test("settings are columns of their own; a figure of settings alone names no absent tasks", (t) => {
  const root = temporaryFolder(t);
  const runs = [
    { label: "decay", run: storeExample(root, { task: cifarDecay, setting: "decay" }, vgg11) },
    { label: "unet", run: storeExample(root, { task: unet }, { matrices: ["conv3.weight"], contacts: [] }) },
  ];
  assert.match(drawFigure3(runs).figure.description, /UNet, decay$/);
  const small = storeExample(root, { task: transformer, setting: "small" }, blocks(2));
  const { figure } = drawFigure5([{ label: "small", run: small }]);
  assert.match(figure.description, /Transformer, small$/);
  assert.doesNotMatch(notesOf(figure), /Left out/);
});

test("figure 1 shows the Transformer's matrix and measures how its large singular values grow", (t) => {
  const root = temporaryFolder(t);
  const seeds = [0, 1].map((seed) => ({
    label: "transformer",
    run: storeExample(root, { task: transformer, seed }, { ...blocks(2), size: 20 }),
  }));
  const { figure, tables, claims } = drawFigure1(seeds);
  assert.match(figure.description, /layers\.1\.linear1/);
  assert.match(notesOf(figure), /Mean of 2 seeds/);
  assert.match(notesOf(figure), /layers\.1\.linear1\.weight \(one of 2\) stands for/);
  assert.equal(tables.spectra.numRows(), 2 * 3 * 20);
  assert.equal(claims[0].verdict, "agrees");
});

test("growth: each singular value of one matrix, first and last, of every seed", (t) => {
  const root = temporaryFolder(t);
  const runs = [0, 1].map((seed) => ({
    label: "mlp",
    run: storeExample(root, { task: mlpLabels, seed }, perceptron),
  }));
  const growth = singularValueGrowth(runs, "layers.1.weight");
  assert.equal(growth.numRows(), 2 * 6);
  assert.equal(lookup(growth, { seed: 1, rank: 1 }, "growth"), 4);
  const third = Number(lookup(growth, { seed: 0, rank: 3 }, "growth"));
  assert.ok(Math.abs(third - 4 * Math.exp(-2)) < 1e-6);
  assert.throws(() => singularValueGrowth(runs, "absent"), DataError);
});

test("figure 8 compares true with random labels; with one of them it makes no claims", (t) => {
  const root = temporaryFolder(t);
  const run = (setting: string, example: Partial<Example>) => ({
    label: setting,
    run: storeExample(root, { task: mlpLabels, setting }, { ...perceptron, ...example }),
  });
  const both = [run("random", { fall: 0.1, aligned: 0.2 }), run("true", {})];
  const { figure, claims } = drawFigure8(both);
  assert.match(figure.description, /true labels, random labels$/);
  assert.deepEqual(
    claims.map(({ verdict }) => verdict),
    ["agrees", "undecided", "undecided"],
  );
  const one = drawFigure8(both.slice(0, 1));
  assert.deepEqual(one.claims, []);
  assert.match(notesOf(one.figure), /Left out: true labels \(no data\)/);
});

test("without runs a figure is an error that says so", () => {
  for (const { number, draw } of PAPER_FIGURES) {
    assert.throws(() => draw([]), { name: DataError.name, message: /Figure/ }, `figure ${number}`);
  }
});

test("stored runs: real data first, else the stand-in; the paper's settings of the task", (t) => {
  const runs = temporaryFolder(t);
  const stored = (number: number): [string, boolean][] =>
    storedRuns(paperFigure(number), "quick", { runs }).map(({ label, run }) => [
      label,
      run.record.config.standIn === true,
    ]);
  storeExample(runs, { task: vgg, set: { standIn: true } }, vgg16);
  storeExample(runs, { task: unet }, { matrices: ["conv3.weight"], contacts: [] });
  storeExample(runs, { task: transformer, setting: "small" }, blocks(2));
  assert.deepEqual(stored(3), [
    ["vgg", true],
    ["unet", false],
  ]);
  storeExample(runs, { task: vgg }, vgg16);
  assert.deepEqual(stored(3)[0], ["vgg", false]);
  storeExample(runs, { task: mlpLabels, setting: "random", seed: 1 }, perceptron);
  assert.deepEqual(stored(8), [["random", false]]);
});

test("several tasks are reproduced as their profile configures them, labelled by their names", async (t) => {
  const runs = temporaryFolder(t);
  storeExample(runs, { task: vgg }, vgg16);
  storeExample(runs, { task: lstm }, speech(4));
  let labels: string[] = [];
  const text = await printed(async () => {
    labels = (await reproduce([vgg, lstm], { profile: "quick", runs })).map(({ label }) => label);
  });
  assert.deepEqual(labels, ["vgg", "lstm"]);
  assert.match(text.join("\n"), /\*\*vgg\*\*, seed 0: 100 steps/);
  await assert.rejects(reproduce([vgg], { runs, seeds: [] }), { name: "ConfigError" });
  storeExample(runs, { task: vgg, seed: 2 }, vgg16);
  const seedsOf = async (seeds?: number[]): Promise<number[]> => {
    let found: number[] = [];
    await printed(async () => {
      const labelled = await reproduce([vgg], { profile: "quick", runs, seeds });
      found = labelled.map(({ run }) => run.record.seed);
    });
    return found;
  };
  assert.deepEqual(await seedsOf(), [0, 2], "other seeds are shown where they are stored");
  assert.deepEqual(await seedsOf([2]), [2]);
});
