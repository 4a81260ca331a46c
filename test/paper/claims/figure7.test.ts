import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import { randomStream } from "spectral-lab/core/random";
import type { Claim } from "spectral-lab/paper/claim";
import { transformerAlignsMost } from "spectral-lab/paper/claims/figure7";
import { countVerdicts } from "../count-verdicts.js";

const DECAYS = [0, 0.1, 1];
type Score = (task: string, decay: number, seed: number) => number;

/** Claims of runs whose two contacts end with these scores on average. */
function claimsOf(seeds: number, score: Score, tasks = ["vgg", "lstm", "transformer"]): Claim[] {
  const rows = tasks.flatMap((task) =>
    DECAYS.flatMap((weightDecay) =>
      Array.from({ length: seeds }, (_, seed) => {
        const end = score(task, weightDecay, seed);
        return [
          { task, seed, weightDecay, step: 0, contact: "a", score: 0.9 },
          { task, seed, weightDecay, step: 9, contact: "a", score: end - 0.05 },
          { task, seed, weightDecay, step: 9, contact: "b", score: end + 0.05 },
        ];
      }).flat(),
    ),
  );
  return transformerAlignsMost(
    aq.from(rows),
    tasks.map((task) => ({
      task,
      title: task,
      decays: DECAYS.map((decay) => ({
        where: { task, weightDecay: decay },
        decay,
        seeds: [],
        diverged: [],
      })),
    })),
  );
}

const rising =
  (rises: Readonly<Record<string, number>>): Score =>
  (task, decay, seed) =>
    0.2 +
    (decay === 0.1 ? rises[task] : decay === 1 ? 0.3 * rises[task] : 0) +
    0.001 * seed * (decay > 0 ? 1 : 2);

test("the rise at the decay where it is largest, against the task that comes next", () => {
  const [claim] = claimsOf(3, rising({ vgg: 0.1, lstm: 0.02, transformer: 0.4 }));
  assert.equal(claim.verdict, "agrees");
  assert.ok(Math.abs(claim.numbers.difference - 0.3) < 1e-9);
  assert.ok(Math.abs(claim.numbers.rise - 0.399) < 1e-9);
  assert.match(claim.effect, /transformer by 0\.399 ± 0\.001 \(3 seeds\) \(decay 0\.1\).*less vgg's/);
});

test("false: another rises as much, or more; undecided: one seed, in between", () => {
  assert.equal(claimsOf(3, rising({ vgg: 0.4, lstm: 0, transformer: 0.4 }))[0].verdict, "disagrees");
  assert.equal(claimsOf(3, rising({ vgg: 0.1, lstm: 0.9, transformer: 0.4 }))[0].verdict, "disagrees");
  assert.equal(claimsOf(1, rising({ vgg: 0.1, lstm: 0, transformer: 0.4 }))[0].verdict, "undecided");
  const apart: Score = (task, decay, seed) => (decay > 0 && task === "transformer" ? 0.2 + 0.2 * seed : 0.2);
  assert.equal(claimsOf(3, apart)[0].verdict, "undecided");
});

test("it falls less than the others: no rise", () => {
  assert.equal(claimsOf(3, rising({ vgg: -0.3, lstm: -0.3, transformer: -0.1 }))[0].verdict, "undecided");
});

test("without the Transformer, or without another task, nothing is claimed", () => {
  const score = rising({ vgg: 0.1, lstm: 0, transformer: 0.4 });
  assert.deepEqual(claimsOf(3, score, ["vgg", "lstm"]), []);
  assert.deepEqual(claimsOf(3, score, ["transformer"]), []);
});

test("false positives: where decay does the same in all tasks", () => {
  for (const seeds of [2, 3, 5]) {
    const random = randomStream(seeds, "alignment");
    const counts = countVerdicts(200, () => claimsOf(seeds, (_, decay) => 0.2 + decay * 0.1 + random.normal(0, 0.05))[0]); // prettier-ignore
    assert.ok(counts.agrees <= 10, `${seeds} seeds: ${counts.agrees} of 200`);
  }
});
