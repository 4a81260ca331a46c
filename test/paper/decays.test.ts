import assert from "node:assert/strict";
import { test } from "node:test";
import { faceted, type FacetedRun } from "spectral-lab/analysis/tables";
import {
  decayArmsPlan,
  drawDecayArms,
  drawFigure14,
  drawFigure6,
  drawFigure7,
  figure6,
} from "spectral-lab/paper/index";
import { decayedRuns } from "spectral-lab/paper/decays";
import { storedPlan } from "spectral-lab/paper/stored-plan";
import { expand } from "spectral-lab/sweep/index";
import { PROFILES } from "spectral-lab/tasks/task";
import { lstm, transformer, unet, vgg } from "spectral-lab/tasks/index";
import type { Figure } from "spectral-lab/figures/plotly";
import { temporaryFolder } from "../store/temporary-folder.js";
import { type Example, storeExample } from "./stored-example.js";

const convolutions: Example = {
  matrices: ["layers.0.conv.weight", "layers.1.conv.weight", "fc.weight"],
  contacts: ["conv 0 -> conv 1", "conv 1 -> fc"],
};
const speech: Example = {
  matrices: ["lstm.weight_ih_l0", "lstm.weight_ih_l1"],
  contacts: ["weight_ih_l0 -> weight_hh_l0, cell gate", "weight_ih_l1 -> weight_hh_l1, cell gate"],
};
const textsOf = ({ layout }: Figure): string[] =>
  (layout.annotations ?? []).map(({ text }) => String(text).replaceAll(/<[^>]*>/g, ""));

/** Runs of a VGG with decays 0 and 0.1 in two seeds, more decay with a larger fall, and of an LSTM that diverged with 10. */
function stored(root: string): FacetedRun[] {
  const run = (task: typeof vgg, weightDecay: number, seed: number, example: Example): FacetedRun =>
    faceted(storeExample(root, { task, seed, set: { weightDecay } }, example));
  return [
    run(lstm, 10, 0, { ...speech, diverged: 71 }),
    run(lstm, 0, 0, speech),
    ...[0, 1].flatMap((seed) => [
      run(vgg, 0.1, seed, { ...convolutions, fall: 0.6 + 0.01 * seed }),
      run(vgg, 0, seed, { ...convolutions, fall: 0.1 + 0.01 * seed }),
    ]),
  ];
}

test("runs are sorted by task and decay; what diverged is counted with its step", (t) => {
  const { tasks, runs, notes } = decayedRuns("Figure 6", stored(temporaryFolder(t)));
  assert.deepEqual(
    tasks.map(({ task, decays }) => [
      task,
      decays.map(({ decay, seeds, diverged }) => [decay, seeds, diverged]),
    ]),
    [
      ["vgg", [[0, [0, 1], []], [0.1, [0, 1], []]]],
      ["lstm", [[0, [0], []], [10, [], [{ seed: 0, step: 71 }]]]],
    ], // prettier-ignore
  );
  assert.equal(runs.length, 5);
  assert.deepEqual(runs[0].facets, { task: "lstm", setting: null, seed: 0, weightDecay: 0 });
  assert.deepEqual(notes.slice(-4), [
    "Mean of 2 seeds (LSTM, decay 0: 1).",
    "Diverged: LSTM, decay 10, seed 0 at step 71.",
    "Left out: UNet (no finished run).",
    "Left out: Transformer (no finished run).",
  ]);
});

test("a decay twice, or nothing that is finished, is an error", (t) => {
  const root = temporaryFolder(t);
  const runs = stored(root);
  const again = storeExample(root, { task: vgg, set: { weightDecay: 0, channels: 8 } }, convolutions);
  assert.throws(() => decayedRuns("Figure 6", [...runs, faceted(again)]), {
    name: "DataError",
    message: /Figure 6: expected one run of vgg with weightDecay 0 and seed 0, found several/,
  });
  assert.throws(
    () => decayedRuns("Figure 6", runs.slice(0, 1)),
    /Figure 6: expected at least one finished run/,
  );
});

test("figures 6, 7 and 14: a column per decay, a panel that says where every seed diverged, a claim of each task", (t) => {
  const runs = stored(temporaryFolder(t));
  const [sixth, seventh, last] = [drawFigure6(runs), drawFigure7(runs), drawFigure14(runs)];
  for (const [{ figure }, panels] of [[sixth, 8], [seventh, 8], [last, 4]] as const) {
    const texts = textsOf(figure);
    assert.equal(texts.filter((text) => text === "diverged at step 71").length, panels / 4);
    assert.equal(texts.filter((text) => /\([a-h]\) (no decay|decay 0.1|decay 10)$/.test(text)).length, panels);
  } // prettier-ignore
  assert.match(sixth.figure.description, /VGG with weight decay 0, 0\.1; LSTM with weight decay 0, 10$/);
  assert.deepEqual(
    sixth.claims.map(({ statement, verdict }) => [/\((\w+)\)$/.exec(statement)?.[1], verdict]),
    [["vgg", "undecided"], ["vgg", "disagrees"], ["lstm", "undecided"], ["lstm", "undecided"]],
  ); // prettier-ignore
  assert.ok(Math.abs(sixth.claims[0].numbers.fall - 0.5) < 1e-9);
  assert.deepEqual([seventh.claims.length, last.claims.length], [0, 2]);
});

test("the arms of one seed are found by what they were held at, and nothing else is drawn", (t) => {
  const root = temporaryFolder(t);
  const arm = (weightDecay: number, seed: number, more: Partial<Example>): FacetedRun =>
    faceted(storeExample(root, { task: vgg, seed, set: { weightDecay } }, { ...convolutions, ...more }));
  const runs = [0, 1, 2].flatMap((seed) => {
    const [free, decay] = [arm(0, seed, { fall: 0.1 }), arm(0.1, seed, { fall: 0.5 })];
    const [first, second] = [free.run.record.id, decay.run.record.id];
    const undone = arm(0.1, seed, { fall: 0.4, held: { trunk: second, norms: first } });
    const only = arm(0, seed, { fall: 0.2, held: { trunk: first, norms: second } });
    return [only, decay, undone, free];
  });
  const { figure, claims, tables } = drawDecayArms(runs);
  assert.deepEqual(
    claims.map(({ numbers, verdict }) => [Number(numbers.effect.toFixed(9)), verdict]),
    [[-0.3, "agrees"], [-0.1, "agrees"]], // prettier-ignore
  );
  assert.ok(textsOf(figure).includes("VGG: decay 0.1, 3 seeds."));
  assert.deepEqual(tables.measures.columnNames(), [
    "task",
    "arm",
    "seed",
    "step",
    "epoch",
    "metric",
    "value",
  ]);
  const partly = drawDecayArms(runs.filter(({ run }) => run !== runs[0].run && run !== runs[5].run));
  assert.ok(textsOf(partly.figure).includes("VGG: decay 0.1, 1 seed."));
  assert.equal(textsOf(partly.figure).filter((text) => text.startsWith("Left out: ")).length, 3);
  assert.throws(() => drawDecayArms([runs[1], runs[3]]), {
    name: "DataError",
    message: /decay arms: expected runs without and with decay .* found 2 runs, no branch at another's norms/,
  });
});

test("plans of every profile: the four tasks, the paper's decays, arms that name each other's runs", () => {
  for (const profile of PROFILES) {
    const members = expand(figure6.plan!(profile));
    assert.deepEqual(
      new Set(members.map((member) => member.what === "run" && member.task)),
      new Set(["vgg", "unet", "lstm", "transformer"]),
    );
    const decays = members.flatMap(({ facets }) => (facets.task === "vgg" ? [facets.weightDecay] : []));
    assert.deepEqual(new Set(decays), new Set(profile === "quick" ? [0, 0.01, 0.1] : [0, 1e-3, 1e-2, 0.1]));
    for (const task of [vgg, unet, lstm, transformer]) {
      const arms = expand(decayArmsPlan(profile, [task]));
      const held = arms.flatMap((arm) => (arm.what === "run" && arm.from ? [arm] : []));
      assert.equal(held.length, profile === "quick" ? 2 : 6);
      for (const { facets, from, needs } of held) {
        const other = arms.find(({ name }) => `norms:{${name}}` === from!.edit)!;
        assert.equal(other.facets.seed, facets.seed);
        assert.notEqual(other.facets.weightDecay, facets.weightDecay);
        assert.ok(needs.includes(other.name));
      }
    }
  }
});

test("a member of a plan that diverged is neither finished nor missing", (t) => {
  const root = temporaryFolder(t);
  stored(root);
  const plan = {
    name: "decays",
    runs: [{ name: "lstm", task: "lstm", grid: { weightDecay: [0, 1, 10] } }],
  };
  const { runs, diverged, missing } = storedPlan(plan, { runs: root, results: false });
  const decaysOf = (found: readonly { facets: FacetedRun["facets"] }[]): unknown[] =>
    found.map(({ facets }) => facets.weightDecay);
  assert.deepEqual([decaysOf(runs), decaysOf(diverged), decaysOf(missing)], [[0], [10], [1]]);
});
