import assert from "node:assert/strict";
import { test } from "node:test";
import { faceted, type FacetedRun } from "spectral-lab/analysis/tables";
import { drawUniversality, PLANS, universalityPlan } from "spectral-lab/paper/index";
import { storedPlan } from "spectral-lab/paper/stored-plan";
import { expand } from "spectral-lab/sweep/index";
import { cifarDecay, mnistMlp, resnet, vgg } from "spectral-lab/tasks/index";
import { PROFILES, type Task } from "spectral-lab/tasks/task";
import { temporaryFolder } from "../store/temporary-folder.js";
import { storeExample } from "./stored-example.js";

test("the plan has the paper's networks and two others, in every profile; what is stored of it is found", (t) => {
  for (const profile of PROFILES) {
    const members = expand(universalityPlan(profile));
    const tasks = [...new Set(members.map((member) => (member.what === "run" ? member.task : "")))];
    assert.deepEqual(tasks, ["vgg", "unet", "lstm", "transformer", "mlp-labels", "mnist-mlp", "resnet"]);
    assert.equal(members.length, profile === "quick" ? 11 : 21);
  }
  assert.equal(PLANS.universality, universalityPlan);
  const runs = temporaryFolder(t);
  const example = { matrices: ["fc.weight"], contacts: [] };
  storeExample(runs, { task: resnet, profile: "lab" }, example); // as its profile has it
  storeExample(runs, { task: mnistMlp, profile: "lab", setting: "no-decay", seed: 1 }, example);
  const stored = storedPlan(universalityPlan("lab"), { runs, results: false });
  assert.deepEqual(
    stored.runs.map(({ facets: { task, seed } }) => [task, seed]),
    [["mnist-mlp", 1], ["resnet", 0]], // prettier-ignore
  );
});

test("networks side by side: courses relative to the first moment, claims, and their numbers", (t) => {
  const root = temporaryFolder(t);
  const run = (task: Task, seed: number, fall: number): FacetedRun =>
    faceted(storeExample(root, { task, seed }, { matrices: ["a", "b", "c"], contacts: [], fall, size: 20 }));
  const given = [run(resnet, 0, 0), run(resnet, 1, 0), run(cifarDecay, 0, 0.3), run(vgg, 0, 0.3), run(vgg, 1, 0.3)]; // prettier-ignore
  const { figure, tables, claims } = drawUniversality(given);
  assert.deepEqual(
    claims.map(({ statement }) => statement.match(/\((.*)\)/)?.[1]),
    ["task vgg", "task vgg", "task resnet", "task resnet"].map((text) => text.replace("task ", "")),
  );
  const rows = tables.networks.objects() as Record<string, unknown>[];
  assert.deepEqual(
    rows.map(({ task, inThePaper, seeds, matrices, rankFell }) => [
      task,
      inThePaper,
      seeds,
      matrices,
      rankFell,
    ]),
    [["vgg", true, 2, 3, 3], ["resnet", false, 2, 3, 0]], // prettier-ignore
  );
  assert.ok(Math.abs(Number(rows[0].meanFall) - 0.3) < 1e-9 && Number(rows[1].meanFall) === 0);
  const course = tables.course.orderby("task", "seed", "step").objects() as Record<string, number | string>[];
  assert.deepEqual(
    course.slice(-3).map(({ task, share }) => [task, share]),
    [["vgg", 0], ["vgg", 50], ["vgg", 100]], // prettier-ignore
  );
  assert.deepEqual(
    course.slice(-3).map(({ rankChange }) => Math.round(100 * Number(rankChange)) / 100),
    [0, -0.15, -0.3],
  );
  assert.ok(course.every(({ topGrowth }) => topGrowth === 1));
  const named = new Set(figure.data.flatMap(({ name }) => name ?? []));
  assert.ok(named.has("VGG") && named.has("ResNet"));
  assert.throws(() => drawUniversality([given[2]]), {
    name: "DataError",
    message: /expected at least one run/,
  });
});
