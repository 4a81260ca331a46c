import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { agreement } from "spectral-lab/analysis/index";
import { storedPlan } from "spectral-lab/paper/stored-plan";
import { runAtStep } from "spectral-lab/store/run-at-step";
import type { RunReader } from "spectral-lab/store/stored-run";
import type { Plan } from "spectral-lab/sweep/plan";
import { modularAddition } from "spectral-lab/tasks/index";
import { runTask, type RunRequest } from "spectral-lab/tasks/run";
import { parseEdit } from "spectral-lab/train/edits/edit";
import { complete } from "../analysis/toy-study.js";
import { temporaryFolder } from "../store/temporary-folder.js";

const set = { modulus: 7, width: 8, hidden: 16, epochs: 4, batchSize: 8, measureEvery: 4, pruneEvery: 4 };
const plan: Plan = {
  name: "tiny",
  runs: [
    { name: "trunk", task: "modular-addition", set, seeds: [0, 1] },
    {
      name: "branch",
      task: "modular-addition",
      from: { group: "trunk", at: ["2ep"] },
      orders: [3, 4],
      edits: [null, "perturb:0.5#{order}"],
    },
  ],
  studies: [
    {
      kind: "agreement",
      set: { pairs: 5 },
      inputs: [
        { group: "branch", at: "end" },
        { group: "branch", at: "end" },
      ],
      same: ["trunk", "split"],
      differ: ["order", "edit"],
    },
  ],
};

async function finish(request: Partial<RunRequest>): Promise<RunReader> {
  const training = runTask({ task: modularAddition, backend: "wasm", probes: ["metrics"], ...request });
  let next = await training.next();
  while (!next.done) next = await training.next();
  return next.value.run;
}

test("what of a plan is stored comes with the facets of its members; a branch is that of its trunk", async (t) => {
  const root = temporaryFolder(t);
  const folders = { runs: join(root, "runs"), studies: join(root, "studies") };
  const { runs } = folders;
  assert.equal(storedPlan(plan, folders).missing.length, 2 + 8 + 6);
  const trunk = await finish({ runs, set, keep: ["2ep"] });
  const start = { run: trunk, step: 6 };
  const edit = parseEdit("perturb:0.5#4");
  const [a, b] = [
    await finish({ runs, start, order: 3 }),
    await finish({ runs, start: { ...start, edit }, order: 4 }),
  ];
  await finish({ runs, start, order: 5 }); // of no member
  const inputs = [a, b].map(({ folder }) => runAtStep(`${folder}@end`));
  const study = await complete({ kind: agreement, inputs, set: { pairs: 5 } }, { studies: folders.studies });
  const stored = storedPlan(plan, folders);
  const shared = { ...set, task: "modular-addition", seed: 0 };
  assert.deepEqual(
    stored.runs.map(({ facets, run }) => ({ ...facets, id: run.record.id })),
    [
      { ...shared, setting: null, group: "trunk", id: trunk.record.id },
      { ...shared, setting: null, group: "branch", split: "2ep", order: 3, id: a.record.id },
      {
        ...shared,
        setting: null,
        group: "branch",
        split: "2ep",
        order: 4,
        edit: "perturb:0.5#4",
        id: b.record.id,
      },
    ],
  );
  assert.equal(stored.studies.length, 1);
  const { facets, study: found } = stored.studies[0];
  assert.equal(found.record.id, study.record.id);
  const { order1, order2, edit1, edit2, split, trunk: from, seed, pairs } = facets;
  assert.deepEqual(
    { order1, order2, edit1, edit2, split, from, seed, pairs },
    {
      order1: 3,
      order2: 4,
      edit1: null,
      edit2: "perturb:0.5#4",
      split: "2ep",
      from: "trunk/seed=0",
      seed: 0,
      pairs: 5,
    },
  );
  assert.equal(stored.missing.length, 1 + 6 + 5);
});

test("at the initialisation there is no optimiser's memory to leave behind: such a branch is found too", async (t) => {
  const runs = join(temporaryFolder(t), "runs");
  const trunk = await finish({ runs, set, keep: ["0", "2ep"] });
  for (const step of [0, 6]) await finish({ runs, start: { run: trunk, step, memory: false }, order: 3 });
  const fresh: Plan = {
    name: "fresh",
    runs: [
      plan.runs[0],
      {
        name: "branch",
        task: "modular-addition",
        from: { group: "trunk", at: ["0", "2ep"], memory: false },
        orders: [3],
      },
    ],
  };
  const { runs: found } = storedPlan(fresh, { runs });
  assert.deepEqual(
    found.map(({ run: { record } }) => record.origin?.memory),
    [undefined, undefined, false],
  );
});
