import assert from "node:assert/strict";
import { test } from "node:test";
import { seedsNote } from "spectral-lab/figures/selection";
import type { Origin } from "spectral-lab/figures/tables";

const rows = (seeds: Record<string, number[]>): Origin[] =>
  Object.entries(seeds).flatMap(([label, own]) =>
    own.flatMap((seed) => [0, 1].map((step) => ({ label, seed, step }) as unknown as Origin)),
  );

test("the note on seeds says how many there are, and of which label fewer", () => {
  assert.equal(seedsNote(rows({ vgg: [4] }), true), "One seed (4).");
  assert.equal(seedsNote(rows({ vgg: [0], unet: [1] }), true), "One seed each (0, 1).");
  assert.equal(seedsNote(rows({ vgg: [0, 1], unet: [0, 1] }), false), "Mean of 2 seeds.");
  const uneven = rows({ vgg: [0, 1, 2], unet: [0], lstm: [0, 1] });
  assert.equal(seedsNote(uneven, true), "Mean of 3 seeds (unet: 1, lstm: 2); bands: one standard deviation.");
});
