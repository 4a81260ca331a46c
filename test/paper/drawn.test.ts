import assert from "node:assert/strict";
import { test } from "node:test";
import { faceted, type FacetedRun } from "spectral-lab/analysis/tables";
import { DataError } from "spectral-lab/core/errors";
import type { Figure } from "spectral-lab/figures/plotly";
import { resnet as residualNetwork } from "spectral-lab/models/resnet";
import { dynamicsOf } from "spectral-lab/paper/dynamics";
import {
  drawFigure1,
  drawFigure2,
  drawFigure3,
  drawFigure4,
  drawFigure5,
  drawFigure8,
  PAPER_FIGURES,
} from "spectral-lab/paper/index";
import { shownOf } from "spectral-lab/paper/shown";
import {
  cifarDecay,
  lstm,
  mlpLabels,
  modularAddition,
  resnet,
  transformer,
  unet,
  vgg,
} from "spectral-lab/tasks/index";
import type { RunRequest } from "spectral-lab/tasks/run";
import { temporaryFolder } from "../store/temporary-folder.js";
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
/** An invented run of a request, with its facets. */
const stored = (root: string, request: Omit<RunRequest, "runs">, example: Example): FacetedRun =>
  faceted(storeExample(root, request, example), { setting: request.setting ?? null });
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

test("of residual networks of every depth the same matrix and pair are shown, of no shortcut", (t) => {
  for (const depth of [18, 50] as const) {
    const model = residualNetwork({ depth, width: 1 / 16 });
    const names = (list: readonly { name: string }[]): string[] => list.map(({ name }) => name);
    const example = { matrices: names(model.matrices), contacts: names(model.contacts) };
    assert.deepEqual(shownOf(storeExample(temporaryFolder(t), { task: resnet }, example)), {
      matrix: "layer3.0.conv1.weight",
      contact: "layer3.0.conv1 -> layer3.0.conv2",
      notes: { matrix: undefined, contact: undefined },
    });
  }
});

test("figures 3 to 5: columns in the paper's order, absent tasks named, what stands for what said", (t) => {
  const root = temporaryFolder(t);
  const runs = [
    stored(root, { task: lstm }, { ...speech(3), fall: -0.05 }),
    stored(
      root,
      { task: vgg },
      { ...vgg16, data: { name: "generated textures (stand-in for CIFAR-10)", standIn: true } },
    ),
  ];
  const third = drawFigure3(runs);
  assert.match(third.figure.description, /VGG, generated textures, LSTM, pairs$/);
  assert.match(notesOf(third.figure), /Left out: UNet \(no data\)\.\nLeft out: Transformer \(no data\)/);
  assert.match(
    notesOf(third.figure),
    /lstm was trained on pairs, 90 pairs\.\nvgg was trained on generated textures/,
  );
  assert.match(notesOf(third.figure), /LSTM, pairs: lstm\.weight_ih_l2 \(one of 3\) stands for/);
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
  assert.match(notesOf(fourth.figure), /lstm was trained on pairs, 90 pairs\.\nvgg was trained on generated/);
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
    stored(root, { task: cifarDecay, setting: "decay" }, vgg11),
    stored(root, { task: unet }, { matrices: ["conv3.weight"], contacts: [] }),
  ];
  assert.match(drawFigure3(runs).figure.description, /UNet, pairs, cifar-decay, decay, pairs$/);
  const small = stored(root, { task: transformer, setting: "small" }, blocks(2));
  const { figure } = drawFigure5([small]);
  assert.match(figure.description, /Transformer, small, pairs$/);
  assert.doesNotMatch(notesOf(figure), /Left out/);
});

test("two tasks in settings of one name stay apart", (t) => {
  const root = temporaryFolder(t);
  const example = { ...perceptron, size: 4 };
  const grokking = stored(root, { task: modularAddition, setting: "decay" }, { ...example, fall: 0.5 });
  const photos = stored(root, { task: cifarDecay, setting: "decay" }, { ...example, fall: -0.05 });
  const fell = drawFigure3([grokking, photos]).claims.map(({ numbers }) => numbers.meanFall);
  assert.ok(Math.abs(fell[0] - 0.5) < 1e-9 && Math.abs(fell[1] + 0.05) < 1e-9, String(fell));
  const { figure } = dynamicsOf([grokking, photos], { title: "Both", ...shownOf(grokking.run) });
  assert.match(figure.description, /modular-addition, cifar-decay$/);
});

test("figure 1 shows the Transformer's matrix and measures how its large singular values grow", (t) => {
  const root = temporaryFolder(t);
  const data = { name: "WikiText-103", standIn: false };
  const seeds = [0, 1].map((seed) =>
    stored(root, { task: transformer, seed }, { ...blocks(2), size: 20, data }),
  );
  const { figure, tables, claims } = drawFigure1(seeds);
  assert.match(figure.description, /layers\.1\.linear1/);
  assert.match(notesOf(figure), /Mean of 2 seeds/);
  assert.match(notesOf(figure), /Trained on WikiText-103, 90 pairs\./);
  assert.match(notesOf(figure), /layers\.1\.linear1\.weight \(one of 2\) stands for/);
  assert.equal(tables.spectra.numRows(), 2 * 3 * 20);
  assert.equal(claims[0].verdict, "agrees");
});

test("figure 2 has a row per setting of modular addition, titled by what differs, and checks the one with decay", (t) => {
  const root = temporaryFolder(t);
  const runs = ["no-decay", "decay"].map((setting) =>
    stored(root, { task: modularAddition, setting }, perceptron),
  );
  const { figure, claims } = drawFigure2(runs);
  assert.match(figure.description, /p = 53, 50 %, no decay, p = 53, 50 %, decay 2$/);
  assert.match(notesOf(figure), /Trained on .*, 90 pairs\./);
  assert.ok(claims.length > 0 && claims.every((claim) => claim.figure === 2));
  assert.deepEqual(drawFigure2(runs.slice(0, 1)).claims, []);
});

test("figure 8 compares true with random labels; with one of them it makes no claims", (t) => {
  const root = temporaryFolder(t);
  const run = (setting: string, example: Partial<Example>): FacetedRun =>
    stored(root, { task: mlpLabels, setting }, { ...perceptron, ...example });
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
    assert.throws(() => draw([], []), { name: DataError.name, message: /Figure/ }, `figure ${number}`);
  }
});
