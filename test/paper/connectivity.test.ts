import assert from "node:assert/strict";
import { test } from "node:test";
import type { Figure } from "spectral-lab/figures/plotly";
import { alignedTable, dataPartsTable, drawComponents } from "spectral-lab/paper/beyond-connectivity";
import { connectivityPlan } from "spectral-lab/paper/connectivity-plan";
import { drawFigure11 } from "spectral-lab/paper/figure11";
import { drawFigure12 } from "spectral-lab/paper/figure12";
import { drawFigure13 } from "spectral-lab/paper/figure13";
import { drawPrediction } from "spectral-lab/paper/prediction";
import { expand, type Member, type RunMember, type StudyMember } from "spectral-lab/sweep/expand";
import { PROFILES } from "spectral-lab/tasks/task";
import { connected, type Invented, invention, perturbed } from "./connectivity-example.js";

const notesOf = ({ layout }: Figure): string =>
  (layout.annotations ?? []).map(({ text }) => String(text)).join("\n");
const { runs, studies } = invention("vgg", [...connected(), ...perturbed()]);

test("figures 11 and 12 tell branches of one trunk from those of two, and name what is absent", () => {
  const within = drawFigure11(runs, studies);
  const across = drawFigure12(runs, studies);
  assert.equal(within.tables.pairs.numRows(), 2 * 3 * 3 + 2, "with the unperturbed pairs of figure 13");
  assert.equal(across.tables.pairs.numRows(), 3 * 3);
  assert.deepEqual([...new Set(within.tables.pairs.array("place"))], [0, 1, 2]);
  assert.match(notesOf(within.figure), /over 6 to 8 pairs, of 2 trunks; barriers of the training loss\./);
  assert.match(notesOf(across.figure), /over 3 pairs, of 2 trunks/);
  assert.match(notesOf(within.figure), /Left out: UNet \(no data\)/);
  assert.match(notesOf(within.figure), /layers\.1\.conv\.weight \(one of 2\) stands for/);
  assert.deepEqual(within.tables.scores.numRows(), 20 * 3);
  assert.deepEqual(
    [...within.claims, ...across.claims].map(({ figure }) => figure),
    [11, 11, 12, 12],
  );
  const axis = within.figure.layout.xaxis as { ticktext: string[] };
  assert.deepEqual(axis.ticktext, ["0<br>0", "1<br>10", "4<br>40"]);
});

test("figure 13 has both readings, with the unperturbed pairs of their split as size 0 of each", () => {
  const { tables, figure, claims } = drawFigure13(runs, studies);
  const pairs = tables.pairs.objects() as { noise: string; eta: number; step: number }[];
  for (const noise of ["own", "shared"]) {
    const own = pairs.filter((pair) => pair.noise === noise);
    assert.deepEqual([...new Set(own.map(({ eta }) => eta))].sort(), [0, 0.25, 1, 2.5], noise);
    assert.equal(own.filter(({ eta }) => eta === 0).length, 2 * 4, "those of both trunks from epoch 4");
    assert.ok(own.every(({ step }) => step === 40));
  }
  const lines = figure.data.filter(({ type, name }) => type === "scatter" && name !== undefined);
  assert.deepEqual([...new Set(lines.map(({ name }) => name))], ["own noise", "shared noise"]);
  assert.equal(claims.length, 3);
  const own = perturbed().filter(({ ends }) => ends.every(({ edit = "#" }) => edit.includes("#")));
  const alone = invention("vgg", own);
  const one = drawFigure13(alone.runs, alone.studies);
  assert.equal(Object.keys(one.figure.layout).filter((key) => key.startsWith("xaxis")).length, 3);
  assert.equal(one.claims.length, 1);
});

test("pairs that the paper has not are in none of its figures", () => {
  const ends = [
    { seed: 0, order: 3, split: 4 },
    { seed: 0, order: 4, split: 4 },
  ] as const;
  const extra: Invented[] = [
    { ends, barrier: 9, agreement: 0.5, set: { components: "top" } },
    { ends, barrier: 9, agreement: 0.5, set: { split: "validation" } },
    { ends: [{ ...ends[0], part: 1 }, ends[1]], barrier: 9, agreement: 0.5 },
    { ends: [{ seed: 0 }, { seed: 1 }], barrier: 9, agreement: 0.1 },
    { ends: [{ seed: 0 }, { seed: 1 }], barrier: 9, agreement: 0.1, aligned: true },
  ];
  const more = invention("vgg", [...connected(), ...extra]);
  for (const draw of [drawFigure11, drawFigure12]) {
    const barriers = draw(more.runs, more.studies).tables.pairs.array("barrier") as number[];
    assert.ok(barriers.every((barrier) => barrier < 5));
  }
});

test("a pair that diverged leaves a gap, and is counted", () => {
  const pairs = connected().map((pair, i) => (i === 0 ? { ...pair, barrier: NaN } : pair));
  const broken = invention("vgg", pairs);
  const { figure } = drawFigure11(broken.runs, broken.studies);
  assert.match(notesOf(figure), /1 of 18 pairs diverged: a gap\./);
  const line = figure.data.find(({ name }) => name === "barrier") as { y: (number | null)[] };
  assert.equal(line.y.includes(null), true);
});

test("runs that diverged are named under the figure, and drawn nowhere", () => {
  const lost = runs.map(({ run, facets }, i) => {
    const record = { ...run.record, id: `lost${i}`, status: "failed", diverged: 7 * i } as const;
    return { facets: { ...facets, group: "branch" }, run: { ...run, record } };
  });
  for (const draw of [drawFigure11, drawFigure12, drawFigure13]) {
    const plain = draw(runs, studies);
    const { figure, tables } = draw([...runs, ...lost.slice(0, 2)], studies);
    assert.equal(tables.pairs.numRows(), plain.tables.pairs.numRows());
    assert.match(
      notesOf(figure),
      /Diverged, and not drawn: vgg,.*seed \d at step 0; vgg,.*seed \d at step 7\./,
    );
    assert.doesNotMatch(notesOf(plain.figure), /Diverged/);
  }
});

test("what predicts the barrier: a panel each, titled by correlation and interval", () => {
  const { figure, tables } = drawPrediction(runs.slice(), studies);
  assert.match(notesOf(figure), /agreement score: rank correlation \u22120\.\d\d \[\u2212/);
  assert.match(notesOf(figure), /29 pairs; circles/, "perturbed ones have no distance: left out");
  assert.deepEqual(tables.predictions.array("predictor").slice(0, 4), [
    "agreement",
    "distance",
    "loss",
    "step",
  ]);
  assert.equal(Object.keys(figure.layout).filter((key) => key.startsWith("xaxis")).length, 4);
  assert.throws(() => drawPrediction(runs, []), /predictBarrier: expected pairs/);
});

test("components beside the whole; aligned runs once; equal data beside other", () => {
  const branch = (order: number, part = 0): Invented["ends"][0] => ({ seed: 0, order, split: 4, part });
  const ends = [branch(3), branch(4)] as const;
  const whole = [{ seed: 0 }, { seed: 1 }] as const;
  const pair = { barrier: 1, agreement: 0.5 };
  const more = invention("vgg", [
    { ...pair, ends },
    { ...pair, ends, barrier: 0.5, set: { components: "top" } },
    { ...pair, ends, barrier: 0.25, set: { components: "bottom" } },
    { ...pair, ends: [branch(3), branch(3, 1)], barrier: 2 },
    { ...pair, ends: whole, barrier: 4 },
    { ...pair, ends: whole, barrier: 3, aligned: true },
    { ...pair, ends: [whole[1], whole[0]], barrier: 3, aligned: true },
  ]);
  const { figure, tables } = drawComponents(more.runs, more.studies);
  assert.equal(tables.pairs.numRows(), 3);
  const lines = figure.data
    .filter(({ name }) => name)
    .map((trace) => [trace.name, (trace as { y: number[] }).y]);
  assert.deepEqual(lines, [["all components", [1]], ["leading half only", [0.5]], ["trailing half only", [0.25]]]); // prettier-ignore
  const aligned = alignedTable(more.runs, more.studies);
  assert.deepEqual([aligned.array("pairs"), aligned.array("barrier")], [[1, 1], [4, 3]]); // prettier-ignore
  const parts = dataPartsTable(more.runs, more.studies);
  assert.deepEqual(parts.array("data"), ["other", "same"]);
  assert.deepEqual((parts.array("barrier") as number[]).map((value) => value.toFixed(9)), ["2.000000000", "1.000000000"]); // prettier-ignore
  assert.throws(
    () => drawComponents(runs, studies),
    /expected barriers of branches with some components, found 0/,
  );
});

const membersOf = <What extends Member["what"]>(
  members: readonly Member[],
  what: What,
): Extract<Member, { what: What }>[] =>
  members.filter((member): member is Extract<Member, { what: What }> => member.what === what);

test("plans: every branch keeps nothing but its end, every trunk its splits, pairs are those of the paper", () => {
  const members = expand(connectivityPlan("figure11", "paper"));
  const all: RunMember[] = membersOf(members, "run");
  const vgg = all.filter(({ task }) => task === "vgg");
  const trunks = vgg.filter(({ from }) => !from);
  const branches = vgg.filter(({ from }) => from);
  assert.deepEqual([trunks.length, branches.length], [3, 3 * 10 * 3]);
  assert.ok(trunks.every(({ keep }) => ["0", "70it", "280it", "5ep"].every((at) => keep.includes(at))));
  assert.ok(branches.every(({ keep, probes }) => keep.length === 0 && `${probes}` === "metrics"));
  const barriers = membersOf(members, "study").filter(
    ({ kind, facets }) => kind === "barrier" && facets.task === "vgg",
  );
  const shared = (study: StudyMember): boolean => study.facets.trunk !== undefined;
  assert.equal(barriers.filter(shared).length, 90, "nine pairs of each of ten splits");
  assert.equal(barriers.filter((study) => !shared(study)).length, 90);
  assert.ok(barriers.every(({ facets }) => facets.split !== undefined));
});

test("plans: noise of their own differs between branches, shared noise does not", () => {
  const members = membersOf(expand(connectivityPlan("figure13", "lab")), "run");
  const edits = (group: string): unknown[] =>
    members
      .filter(({ facets }) => facets.group === group && facets.seed === 0)
      .map(({ facets }) => facets.edit);
  assert.deepEqual(edits("vgg-own-0.25"), ["perturb:0.25#3", "perturb:0.25#4"]);
  assert.deepEqual(edits("vgg-shared-0.25"), ["perturb:0.25", "perturb:0.25"]);
  assert.deepEqual(edits("vgg-unperturbed"), [null, null]);
});

test("plans: in every profile all are plans, and the whole one has the runs of each figure", () => {
  for (const profile of PROFILES) {
    const names = (plan: "figure11" | "figure12" | "figure13" | "connectivity"): Set<string> =>
      new Set(expand(connectivityPlan(plan, profile)).map(({ name }) => name));
    const whole = names("connectivity");
    for (const figure of ["figure11", "figure12", "figure13"] as const)
      for (const name of names(figure)) assert.ok(whole.has(name), `${profile}: ${name}`);
  }
  const studies = membersOf(expand(connectivityPlan("connectivity", "quick")), "study");
  const aligned = studies.filter(({ inputs }) => inputs[1]?.edit?.startsWith("align:"));
  assert.equal(aligned.length, 3 * 2);
  for (const { inputs } of aligned) assert.equal(inputs[1].edit, `align:{${inputs[0].member}}@end`);
});
