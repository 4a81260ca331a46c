import assert from "node:assert/strict";
import { test } from "node:test";
import { every, paperMoments } from "spectral-lab/core/time";
import { ONLY_MEASURE, PAPER_TASKS } from "spectral-lab/paper/details";
import {
  allDetails,
  builtValues,
  changedFrom,
  type DetailRow,
  detailsTable,
  experimentalDetails,
  momentsText,
  standings,
  valueText,
} from "spectral-lab/paper/experimental-details";
import { PAPER_FIGURES } from "spectral-lab/paper/index";
import { mnistMlp, modularAddition, TASKS, transformer, vgg } from "spectral-lab/tasks/index";
import type { Task } from "spectral-lab/tasks/task";
import { adamw } from "spectral-lab/optim/adamw";

const named = (rows: readonly DetailRow[], field: string): DetailRow =>
  rows.find(({ detail }) => detail.field === field)!;

test("whatever in a paper profile is not the paper's is declared, with its value and a reason", async () => {
  const rows = await allDetails();
  const unexplained = rows.filter(({ standing }) => standing === "unexplained");
  assert.deepEqual(detailsTable(unexplained), []);
  for (const { detail, standing, setting } of rows) {
    const { differs } = detail;
    if (differs) assert.ok(differs.here !== undefined && differs.why !== "", detail.label);
    if (differs && !setting) assert.equal(standing, "explained", `${detail.label}: no difference any more`);
  }
  assert.ok(standings(rows).equal > 100 && standings(rows).explained >= 6);
});

test("every field of a configuration is in the table, but for those that only say when and where", async () => {
  for (const task of TASKS) {
    const shown = (await experimentalDetails(task)).map(({ detail }) => detail.field);
    const lacking = Object.keys(task.defaults).filter((field) => !shown.includes(field));
    assert.deepEqual(
      lacking.filter((field) => !ONLY_MEASURE.includes(field)),
      [],
      task.name,
    );
    for (const field of lacking) assert.ok(task.measuring.includes(field), `${task.name}: ${field} trains`);
    assert.equal(new Set(shown).size, shown.length, `${task.name}: a field twice`);
  }
});

test("the experiments of the paper are those of its figures, each setting of the paper profile named or our own", () => {
  const drawn = new Set(PAPER_FIGURES.flatMap(({ tasks }) => tasks.map(({ name }) => name)));
  assert.deepEqual([...drawn].sort(), PAPER_TASKS.map(({ task }) => task).sort());
  for (const { task: name, setting, settings = {}, details } of PAPER_TASKS) {
    const known = Object.keys(TASKS.find((task) => task.name === name)!.profiles.paper.settings);
    const own = known.filter((one) => one !== setting && !(one in settings));
    assert.deepEqual(own, name === "transformer" ? ["small", "small-no-decay"] : [], name);
    for (const { inSettings = {} } of details)
      for (const one of Object.keys(inSettings)) assert.ok(one in settings, `${name}: ${one}`);
  }
});

test("a changed default, schedule or optimiser is a difference without a reason", async () => {
  const standingOf = async (task: Task, field: string): Promise<string> =>
    named(await experimentalDetails(task), field).standing;
  const withDefaults = (task: Task, changes: object): Task => ({
    ...task,
    defaults: { ...task.defaults, ...changes } as Task["defaults"],
  });
  assert.equal(await standingOf(vgg, "batchSize"), "equal");
  assert.equal(await standingOf(withDefaults(vgg, { batchSize: 64 }), "batchSize"), "unexplained");
  const milestones = withDefaults(vgg, { milestones: "80,123,160" }); // neither the paper's nor the declared one
  assert.equal(await standingOf(milestones, "milestones"), "unexplained");
  assert.equal(await standingOf(milestones, "rates:81ep,82ep,123ep,160ep"), "unexplained");
  const other: Task = {
    ...vgg,
    build: (...given) => ({ ...vgg.build(...given), optimiser: adamw({ learningRate: 0.1 }) }),
  };
  assert.equal(await standingOf(other, "optimiser"), "unexplained");
  assert.equal(await standingOf(other, "weightDecay"), "unexplained"); // the optimiser's own, not the field
});

test("what is built is described: networks, optimisers, schedules and moments", async () => {
  const text = await builtValues(transformer, "paper", "no-decay", ["rates:0it,100it,200it,30ep"]);
  assert.equal(text.weightDecay, 0);
  assert.equal(text.beta2, 0.95);
  assert.equal(text.clipNorm, 1);
  assert.equal(text.matrices, 12 * 4 + 2);
  assert.equal(text["rates:0it,100it,200it,30ep"], "0, 0.5, 1, –"); // thirty epochs are beyond its ten
  assert.equal(text.steps, undefined); // tokens are counted when the text is read
  const { steps, stepsPerEpoch, training, parameters } = await builtValues(vgg, "paper", null);
  assert.deepEqual([steps, stepsPerEpoch, training, parameters], [57_728, 352, 45_000, 14_728_266]);
  assert.equal(momentsText(paperMoments), "start, 5 within epoch 1, every epoch");
  assert.deepEqual([every("50it"), every("1000ep")].map(momentsText), ["every 50it", "every 1,000 epochs"]);
});

test("another setting leaves what it changes", async () => {
  const base = await experimentalDetails(modularAddition);
  const changed = changedFrom(base, await experimentalDetails(modularAddition, "no-decay"));
  assert.deepEqual(
    changed.map(({ detail, paper }) => [detail.field, paper]),
    [["weightDecay", 0]],
  );
  assert.deepEqual(changedFrom(base, base), []);
});

test("a table marks what is not the paper's, and says why", () => {
  const row = (changes: Partial<DetailRow>): DetailRow => ({
    ...{ task: "toy", setting: null, from: "section 0", paper: 128, standing: "equal" },
    detail: { field: "batchSize", label: "batch", words: { "0": "full" } },
    here: { paper: 128, lab: undefined, quick: 0 },
    ...changes,
  });
  const shown = {
    "hyper-parameter": "batch",
    paper: "128",
    "paper profile": "128",
    lab: "–",
    quick: "≠ full",
  };
  assert.deepEqual(detailsTable([row({})]), [{ ...shown, remark: "" }]);
  const detail = { field: "batchSize", label: "batch", differs: { here: 64, why: "memory" }, from: "code" };
  const here = { paper: 64, lab: 64, quick: 64 };
  const [explained] = detailsTable([row({ detail, here, standing: "explained" })]);
  assert.deepEqual([explained["paper profile"], explained.remark], ["≠ 64", "differs: memory; from code"]);
  const [alone] = detailsTable([row({ here, standing: "unexplained" })]);
  assert.match(alone.remark, /no reason/);
  const [unstated] = detailsTable([row({ paper: undefined, here, standing: "not stated" })]);
  assert.deepEqual([unstated.paper, unstated.lab], ["not stated", "64"]);
  const rates = { detail: { field: "rates:1ep,9ep", label: "rates" }, paper: "1, 0.1" };
  const [short] = detailsTable([row({ ...rates, here: { paper: "1, 0.1", lab: "1, –", quick: "0.5, –" } })]);
  assert.deepEqual([short.lab, short.quick], ["1, –", "≠ 0.5, –"]); // what lies within the run is compared
  const two = detailsTable([row({}), row({ setting: "decay" })]);
  assert.deepEqual(two.map(({ setting, task }) => [setting, task]), [["", undefined], ["decay", undefined]]); // prettier-ignore
});

test("a task that the paper does not have is compared with nothing", async () => {
  const rows = await experimentalDetails(mnistMlp);
  assert.equal(standings(rows)["not stated"], rows.length);
  assert.ok(detailsTable(rows).every(({ paper }) => paper === "not in the paper"));
});

test("values are read as people write them", () => {
  assert.deepEqual(
    [40_000, 0.1, 3e-4, 1e-8, 0, true, "82,123,160", "every 1,000 epochs"].map((value) => valueText(value)),
    ["40,000", "0.1", "3e-4", "1e-8", "0", "yes", "82, 123, 160", "every 1,000 epochs"],
  );
});
