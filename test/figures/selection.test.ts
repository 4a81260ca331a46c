import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import { experimentsIn, seedsNote } from "spectral-lab/figures/selection";

const note = (seeds: Record<string, number[]>, bands: boolean): string => {
  const rows = Object.entries(seeds).flatMap(([task, own]) =>
    own.flatMap((seed) => [0, 1].map((step) => ({ task, setting: null, seed, step }))),
  );
  const table = aq.from(rows);
  return seedsNote(table, experimentsIn(table), bands);
};

test("the note on seeds says how many there are, and of which experiment fewer", () => {
  assert.equal(note({ vgg: [4] }, true), "One seed (4).");
  assert.equal(note({ vgg: [0], unet: [1] }, true), "One seed each (0, 1).");
  assert.equal(note({ vgg: [0, 1], unet: [0, 1] }, false), "Mean of 2 seeds.");
  const uneven = { vgg: [0, 1, 2], unet: [0], lstm: [0, 1] };
  assert.equal(note(uneven, true), "Mean of 3 seeds (unet: 1; lstm: 2); bands: one standard deviation.");
});

test("the experiments of a table are its rows' facets without the seed", () => {
  const rows = [
    { task: "vgg", setting: "decay", seed: 0, eta: 0.1, step: 0, value: 1 },
    { task: "vgg", setting: "decay", seed: 1, eta: 0.1, step: 0, value: 1 },
    { task: "lstm", setting: "decay", seed: 0, eta: null, step: 0, value: 1 },
  ];
  assert.deepEqual(experimentsIn(aq.from(rows)), [
    { where: { task: "vgg", setting: "decay", eta: 0.1 }, title: "vgg, decay, eta 0.1" },
    { where: { task: "lstm", setting: "decay", eta: null }, title: "lstm, decay" },
  ]);
});
