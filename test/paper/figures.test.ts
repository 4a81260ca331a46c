import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { DataError } from "spectral-lab/core/errors";
import { plotFigure1 } from "spectral-lab/paper/figure1";
import { drawDynamics } from "spectral-lab/paper/dynamics";
import { plotFigure3 } from "spectral-lab/paper/figure3";
import { plotFigure4 } from "spectral-lab/paper/figure4";
import { plotFigure5 } from "spectral-lab/paper/figure5";
import { plotFigure6 } from "spectral-lab/paper/figure6";
import { plotFigure7 } from "spectral-lab/paper/figure7";
import { plotFigure9 } from "spectral-lab/paper/figure9";
import { plotFigure10 } from "spectral-lab/paper/figure10";
import { drawFigure11 } from "spectral-lab/paper/figure11";
import { drawFigure12 } from "spectral-lab/paper/figure12";
import { drawFigure13 } from "spectral-lab/paper/figure13";
import { plotFigure14 } from "spectral-lab/paper/figure14";
import type { Figure } from "spectral-lab/figures/plotly";
import { stabilityExample, ticketsExample } from "./agreement-example.js";
import { connected, invention, perturbed } from "./connectivity-example.js";
import { decayedExample } from "./decayed-example.js";
import { synthetic, tablesOf, together } from "./synthetic.js";

const grokking = [
  "encoder.weight",
  "transformer_encoder.layers.0.self_attn.in_proj_weight",
  "decoder.weight",
];
const shape = { size: 6, matrices: grokking, epochs: 400, moments: 5, seeds: [0, 1] };
const settings = together(
  synthetic({ ...shape, task: "decay 0", collapse: 0.05, generalisesAt: 3 }),
  synthetic({ ...shape, task: "decay 1" }),
);
const layers = (count: number): string[] => Array.from({ length: count }, (_, i) => `layers.${i}.weight`);
const tasks = together(
  synthetic({
    task: "vgg",
    size: 8,
    matrices: layers(3),
    epochs: 20,
    moments: 5,
    seeds: [0, 1],
    pruned: true,
  }),
  synthetic({
    task: "lstm",
    size: 5,
    matrices: layers(12),
    epochs: 10,
    moments: 4,
    seeds: [0, 1],
    pruned: true,
  }),
);
const labels = together(
  synthetic({ task: "true labels", size: 6, matrices: layers(4), epochs: 30, moments: 5 }),
  synthetic({
    task: "random labels",
    size: 6,
    matrices: layers(4),
    epochs: 30,
    moments: 5,
    generalisesAt: 3,
  }),
);
const decayed = decayedExample();
const decays = { tasks: decayed.tasks, notes: ["One line of notes."] };
const [, inProjection] = grokking;
const options = { matrix: inProjection, contact: `${grokking[0]} -> ${inProjection}` };

const branched = [invention("vgg", connected(2)), invention("lstm", connected(3, [0, 2]))];
const both = {
  runs: branched.flatMap(({ runs }) => runs),
  studies: branched.flatMap(({ studies }) => studies),
};
const noisy = invention("vgg", perturbed());

const figures: Record<string, () => Figure> = {
  figure1: () => {
    const experiment = { where: { task: "decay 1", setting: null }, title: "decay 1" };
    return plotFigure1(tablesOf(settings), { experiment, matrix: inProjection });
  },
  figure2: () => drawDynamics("Figure 2", tablesOf(settings), options),
  figure3: () => plotFigure3(tablesOf(tasks)),
  figure4: () => plotFigure4(tablesOf(tasks)),
  figure5: () => plotFigure5(tablesOf(tasks)),
  figure6: () => plotFigure6(tablesOf(decayed.rows), decays),
  figure7: () => plotFigure7(tablesOf(decayed.rows), decays),
  figure9: () => plotFigure9(stabilityExample()),
  figure10: () => plotFigure10(ticketsExample()),
  figure11: () => drawFigure11(both.runs, both.studies).figure,
  figure12: () => drawFigure12(both.runs, both.studies).figure,
  figure13: () => drawFigure13(noisy.runs, noisy.studies).figure,
  figure14: () => plotFigure14(tablesOf(decayed.rows), decays),
  figure8: () => drawDynamics("Figure 8", tablesOf(labels), { separate: true }),
};

/** The figures as JSON; `UPDATE_SNAPSHOTS=1` writes them anew: look at the difference before committing it. */
for (const [name, draw] of Object.entries(figures)) {
  test(`${name} is its snapshot`, () => {
    const path = `test/paper/snapshots/${name}.json`;
    const text = `${JSON.stringify(draw(), null, 1)}\n`;
    if (process.env.UPDATE_SNAPSHOTS) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
    assert.deepEqual(JSON.parse(text), JSON.parse(readFileSync(path, "utf8")));
  });
}

test("an experiment without data for a panel is left out and named, never drawn empty", () => {
  const spectra = settings.spectra.filter((row) => row.task !== "decay 0");
  const figure = drawDynamics("Figure 2", tablesOf({ ...settings, spectra }), options);
  const notes = (figure.layout.annotations ?? []).map((annotation) => annotation.text);
  assert.ok(notes.includes("Left out: decay 0 (no data for singular values)."));
  assert.equal(Object.keys(figure.layout).filter((key) => key.startsWith("xaxis")).length, 4);
  const whole = drawDynamics("Figure 2", tablesOf(settings), options);
  assert.equal(Object.keys(whole.layout).filter((key) => key.startsWith("xaxis")).length, 8);
});

test("a mask without studies is left out of figure 10 and named; without any, one clear error", () => {
  const tables = ticketsExample();
  const one = plotFigure10({
    ...tables,
    matrices: tables.matrices.filter((row: { edit: string }) => row.edit === "magnitude:0.05"),
  });
  const notes = (one.layout.annotations ?? []).map((annotation) => annotation.text);
  assert.ok(notes.includes("Left out: random 0.05 (no data for agreement when masked)."));
  assert.throws(() => plotFigure10({ ...tables, kept: tables.kept.slice(0, 0) }), {
    name: "DataError",
    message: /^Figure 10: .*magnitude 0\.05 \(no data for score when masked\)/,
  });
});

test("two tasks with one setting are two experiments", () => {
  const one = synthetic({ ...shape, task: "first", collapse: 0.05 });
  const other = synthetic({ ...shape, task: "second", collapse: 0.6 });
  const both = plotFigure3(tablesOf(together(one, other)));
  const heatmaps = (figure: Figure): unknown[] =>
    figure.data.filter(({ type }) => type === "heatmap").map((trace) => (trace as { z: unknown }).z);
  assert.deepEqual(
    heatmaps(both),
    [one, other].flatMap((rows) => heatmaps(plotFigure3(tablesOf(rows)))),
  );
});

test("no data at all, or a missing column, is a clear error", () => {
  const none = { ...tablesOf(settings), spectra: tablesOf(settings).spectra.slice(0, 0) };
  assert.throws(() => drawDynamics("Figure 2", none, options), (error: unknown) => {
    assert.ok(error instanceof DataError);
    assert.match(error.message, /^Figure 2: .*decay 0 \(no data for singular values\)/);
    return true;
  }); // prettier-ignore
  const tables = tablesOf(tasks);
  const ranks = tables.ranks.select("task", "setting", "seed", "step", "epoch", "matrix", "effectiveRank");
  assert.throws(() => plotFigure3({ ...tables, ranks }), {
    name: "DataError",
    message: /expected a column "depth", found task, setting, seed, step/,
  });
  assert.throws(() => plotFigure1({ spectra: tables.spectra.slice(0, 0) }), DataError);
});
