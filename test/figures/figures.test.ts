import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import * as aq from "arquero";
import { DataError } from "spectral-lab/core/errors";
import { figure1 } from "spectral-lab/figures/figure1";
import { figure2 } from "spectral-lab/figures/figure2";
import { figure3 } from "spectral-lab/figures/figure3";
import { figure4 } from "spectral-lab/figures/figure4";
import { figure5 } from "spectral-lab/figures/figure5";
import { figure8 } from "spectral-lab/figures/figure8";
import type { Figure } from "spectral-lab/figures/plotly";
import { synthetic, together } from "./synthetic.js";

const grokking = [
  "encoder.weight",
  "transformer_encoder.layers.0.self_attn.in_proj_weight",
  "decoder.weight",
];
const shape = { size: 6, matrices: grokking, epochs: 400, moments: 5, seeds: [0, 1] };
const settings = together(
  synthetic({ ...shape, label: "decay 0", collapse: 0.05, generalisesAt: 3 }),
  synthetic({ ...shape, label: "decay 1" }),
);
const layers = (count: number): string[] => Array.from({ length: count }, (_, i) => `layers.${i}.weight`);
const tasks = together(
  synthetic({
    label: "vgg",
    size: 8,
    matrices: layers(3),
    epochs: 20,
    moments: 5,
    seeds: [0, 1],
    pruned: true,
  }),
  synthetic({
    label: "lstm",
    size: 5,
    matrices: layers(12),
    epochs: 10,
    moments: 4,
    seeds: [0, 1],
    pruned: true,
  }),
);
const labels = together(
  synthetic({ label: "true labels", size: 6, matrices: layers(4), epochs: 30, moments: 5 }),
  synthetic({
    label: "random labels",
    size: 6,
    matrices: layers(4),
    epochs: 30,
    moments: 5,
    generalisesAt: 3,
  }),
);
const [, inProjection] = grokking;
const options = { matrix: inProjection, contact: `${grokking[0]} -> ${inProjection}` };

const figures: Record<string, () => Figure> = {
  figure1: () => figure1(settings, { label: "decay 1", matrix: inProjection }),
  figure2: () => figure2(settings, options),
  figure3: () => figure3(tasks),
  figure4: () => figure4(tasks),
  figure5: () => figure5(tasks),
  figure8: () => figure8(labels),
};

/** The figures as JSON; `UPDATE_SNAPSHOTS=1` writes them anew: look at the difference before committing it. */
for (const [name, draw] of Object.entries(figures)) {
  test(`${name} is its snapshot`, () => {
    const path = `test/figures/snapshots/${name}.json`;
    const text = `${JSON.stringify(draw(), null, 1)}\n`;
    if (process.env.UPDATE_SNAPSHOTS) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
    assert.deepEqual(JSON.parse(text), JSON.parse(readFileSync(path, "utf8")));
  });
}

test("rows, columns and arquero tables draw the same figure", () => {
  const expected = figure3(tasks);
  const columns = <Row extends object>(rows: readonly Row[]): { [Name in keyof Row]-?: Row[Name][] } => {
    const names = Object.keys(rows[0]) as (keyof Row)[];
    return Object.fromEntries(names.map((name) => [name, rows.map((row) => row[name])])) as never;
  };
  assert.deepEqual(figure3({ spectra: columns(tasks.spectra), ranks: columns(tasks.ranks) }), expected);
  assert.deepEqual(figure3({ spectra: aq.from(tasks.spectra), ranks: aq.from(tasks.ranks) }), expected);
});

test("an experiment without data for a panel is left out and named, never drawn empty", () => {
  const spectra = settings.spectra.filter((row) => row.label !== "decay 0");
  const figure = figure2({ ...settings, spectra }, options);
  const notes = (figure.layout.annotations ?? []).map((annotation) => annotation.text);
  assert.ok(notes.includes("Left out: decay 0 (no data for singular values)."));
  assert.equal(Object.keys(figure.layout).filter((key) => key.startsWith("xaxis")).length, 4);
  const whole = figure2(settings, options);
  assert.equal(Object.keys(whole.layout).filter((key) => key.startsWith("xaxis")).length, 8);
});

test("no data at all, or a missing column, is a clear error", () => {
  assert.throws(() => figure2({ ...settings, spectra: [] }, options), (error: unknown) => {
    assert.ok(error instanceof DataError);
    assert.match(error.message, /^Figure 2: .*decay 0 \(no data for singular values\)/);
    return true;
  }); // prettier-ignore
  const ranks = tasks.ranks.map(({ depth: _, ...row }) => row) as unknown as typeof tasks.ranks;
  assert.throws(() => figure3({ ...tasks, ranks }), /expected columns .*depth.*; found label, seed/);
  assert.throws(() => figure1({ spectra: [] }), DataError);
});
