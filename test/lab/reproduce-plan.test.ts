import assert from "node:assert/strict";
import { test } from "node:test";
import { reproducePlan, shownProfile } from "spectral-lab/lab/reproduce-plan";
import { figure2 } from "spectral-lab/paper/figure2";
import type { Plan } from "spectral-lab/sweep/plan";
import { vgg } from "spectral-lab/tasks/index";
import type { ProfileName } from "spectral-lab/tasks/task";
import { storeExample } from "../paper/stored-example.js";
import { temporaryFolder } from "../store/temporary-folder.js";
import { printed } from "./fake-notebook.js";

const example = { matrices: ["fc.weight"], contacts: [] };
const planOf = (profile: ProfileName): Plan => ({
  name: "seeds",
  profile,
  runs: [{ name: "vgg", task: "vgg", seeds: profile === "paper" ? [5, 6, 7] : [5, 6] }],
});

/** Calls an action with variables of the environment in the place of those that a page is opened with. */
function within<T>(variables: Record<string, string>, action: () => T): T {
  const before = { ...process.env };
  delete process.env.SPECTRAL_PROFILE;
  delete process.env.SPECTRAL_RETRAIN;
  try {
    Object.assign(process.env, variables);
    return action();
  } finally {
    process.env = before;
  }
}

test("a page shows the largest profile that is stored whole, unless another is named or it is to be trained", async (t) => {
  const runs = temporaryFolder(t);
  const shown = (variables: Record<string, string> = {}): ProfileName =>
    within(variables, () => shownProfile(planOf, { runs }));
  assert.equal(shown(), "quick", "nothing is stored");
  for (const profile of ["lab", "paper"] as const)
    for (const seed of [5, 6]) {
      if (profile === "lab" && seed === 6) assert.equal(shown(), "quick", "one of two is stored");
      storeExample(runs, { task: vgg, profile, seed }, example);
    }
  assert.equal(shown(), "lab", "of paper two of three are stored");
  assert.equal(shown({ SPECTRAL_PROFILE: "paper" }), "paper");
  assert.equal(shown({ SPECTRAL_RETRAIN: "1" }), "quick");
  assert.equal(shown({ SPECTRAL_RETRAIN: "0" }), "lab");
  const text = await printed(async () => {
    const parts = await reproducePlan(planOf("lab"), { runs });
    assert.equal(parts.runs.length, 2);
  });
  assert.match(text.join("\n"), /Runs on this page, in the profile \*\*lab\*\*/);
});

test("a figure without a plan, and a profile that is none, are refused by name", () => {
  assert.throws(() => within({}, () => shownProfile(figure2)), {
    name: "ConfigError",
    message: "figure 2: expected a figure with a plan, found one without",
  });
  assert.throws(() => within({ SPECTRAL_PROFILE: "labb" }, () => shownProfile(planOf)), /"labb".*lab/);
});
