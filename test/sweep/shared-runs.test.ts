import assert from "node:assert/strict";
import { test } from "node:test";
import { amongPlans, PLANS } from "spectral-lab/paper/index";
import { expand } from "spectral-lab/sweep/expand";
import type { Plan } from "spectral-lab/sweep/plan";
import { keepingForOthers } from "spectral-lab/sweep/shared-runs";
import { taskNamed } from "spectral-lab/tasks/index";
import { configOf, trainingFields } from "spectral-lab/tasks/task";

const trunk = { name: "trunk", task: "mnist-mlp", set: { hidden: 8 }, seeds: [0, 1] };
const plan: Plan = { name: "a", runs: [{ ...trunk, keep: ["end"] }] };

test("trunks keep what other plans read of the same runs, and nothing of others", () => {
  const branching: Plan = {
    name: "b",
    runs: [
      { ...trunk, name: "other-name", seeds: [1] },
      { name: "branch", task: "mnist-mlp", from: { group: "other-name", at: ["1ep"] } },
    ],
  };
  const watching: Plan = {
    name: "c",
    runs: [{ ...trunk, name: "t" }],
    studies: [{ kind: "stability", set: { pairs: 7 }, inputs: [{ group: "t", at: "end" }] }],
  };
  const another: Plan = { name: "d", runs: [{ ...trunk, set: { hidden: 9 }, keep: ["2ep"], vectors: 50 }] };
  const [kept] = keepingForOthers(plan, [branching, watching, another]).runs;
  assert.deepEqual(kept, { ...trunk, keep: ["end", "1ep"], vectors: 7 });
  assert.deepEqual(keepingForOthers(plan, [another]), plan);
  // The same run, with a default that is written out and another measuring field.
  const spoken: Plan = {
    name: "e",
    runs: [{ ...trunk, name: "s", set: { hidden: 8, weightDecay: 0, standIn: true }, keep: ["3ep"] }],
  };
  assert.deepEqual(keepingForOthers(plan, [spoken]).runs[0].keep, ["end", "3ep"]);
});

test("plans of the paper that share a trunk ask of it what all of them need, whichever is carried out first", () => {
  for (const profile of ["quick", "lab", "paper"] as const) {
    const plans = Object.values(PLANS).map((planOf) => amongPlans(planOf(profile)));
    const asked = new Map<string, string>();
    for (const member of plans.flatMap(expand)) {
      if (member.what === "study" || member.from) continue;
      const { task: name, setting, set, seed = 0, keep, vectors } = member;
      const task = taskNamed(name);
      const run = JSON.stringify([
        name,
        trainingFields(task, configOf(task, { profile, setting, set })),
        seed,
      ]);
      const all = JSON.stringify([[...keep].sort(), vectors ?? 0]);
      assert.equal(asked.get(run) ?? all, all, `${profile}: ${member.name}`);
      asked.set(run, all);
    }
    assert.ok(asked.size > 3);
  }
});
