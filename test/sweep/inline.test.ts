import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { type PlanResult, runPlan } from "spectral-lab/sweep/inline";
import type { Plan } from "spectral-lab/sweep/plan";
import type { SweepProgress } from "spectral-lab/sweep/schedule";

const set = { standIn: true, trainingExamples: 60, hidden: 4, layers: 2, epochs: 2, batchSize: 20 };

const plan: Plan = {
  name: "tiny",
  runs: [
    { name: "trunk", task: "mnist-mlp", set, seeds: [0, 1], probes: ["metrics"] },
    {
      name: "branch",
      task: "mnist-mlp",
      from: { group: "trunk", at: ["1ep"] },
      orders: [1, 2],
      probes: ["metrics"],
    },
  ],
  studies: [
    {
      kind: "agreement",
      set: { pairs: 3 },
      inputs: [
        { group: "branch", at: "end" },
        { group: "branch", at: "end" },
      ],
      same: ["trunk"],
    },
  ],
};

interface Told {
  readonly said: readonly string[];
  readonly result: PlanResult;
}

function places(t: TestContext): { runs: string; studies: string } {
  const root = mkdtempSync(join(tmpdir(), "spectral-sweep-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return { runs: join(root, "runs"), studies: join(root, "studies") };
}

async function carriedOut(
  asked: Plan,
  folders: { runs: string; studies: string },
  each: (progress: SweepProgress) => void = () => undefined,
): Promise<Told> {
  const said: string[] = [];
  const carrying = runPlan(asked, { backend: "wasm", pollSeconds: 0.05, ...folders });
  let next = await carrying.next();
  for (; !next.done; next = await carrying.next()) {
    if (next.value.what !== "working") said.push(`${next.value.what} ${next.value.member.name}`);
    each(next.value);
  }
  return { said, result: next.value };
}

test("a plan is carried out: trunks, branches, studies; once more, all is reused", async (t) => {
  const folders = places(t);
  const { said, result } = await carriedOut(plan, folders);
  assert.deepEqual(
    said.filter((line) => line.startsWith("finished")),
    [
      "finished trunk/seed=0",
      "finished trunk/seed=1",
      "finished branch/seed=0,order=1",
      "finished branch/seed=0,order=2",
      "finished branch/seed=1,order=1",
      "finished branch/seed=1,order=2",
      "finished agreement: branch/seed=0,order=1@end, branch/seed=0,order=2@end",
      "finished agreement: branch/seed=1,order=1@end, branch/seed=1,order=2@end",
    ],
  );
  const trunk = result.runs.get("trunk/seed=1")!;
  const branch = result.runs.get("branch/seed=1,order=2")!;
  assert.deepEqual(branch.record.origin, { run: trunk.record.id, step: 3 });
  assert.deepEqual([branch.record.seed, branch.record.order, branch.record.step], [1, 2, 6]);
  assert.deepEqual(trunk.weightSteps(), [0, 3, 6]);
  assert.deepEqual(branch.weightSteps(), [6]);
  const study = [...result.studies.values()][1];
  assert.deepEqual(
    study.record.inputs.map(({ run, step }) => [run, step]),
    ["branch/seed=1,order=1", "branch/seed=1,order=2"].map((name) => [result.runs.get(name)!.record.id, 6]),
  );
  const again = await carriedOut(plan, folders);
  assert.ok(
    again.said.every((line) => line.startsWith("reused")),
    again.said.join("\n"),
  );
  assert.equal(again.said.length, 8);
});

test("an edit of a study may name the run of its first input", async (t) => {
  const folders = places(t);
  const [first, second] = plan.studies![0].inputs.map((input) => ({ ...input, group: "trunk" }));
  const inputs = [first, { ...second, edit: "align:{1}@end" }];
  const aligned: Plan = {
    ...plan,
    runs: [plan.runs[0]],
    studies: [{ kind: "distance", inputs, differ: ["seed"] }],
  };
  const once = await carriedOut(aligned, folders);
  assert.deepEqual(
    once.result.results.map(({ ending }) => ending),
    ["finished", "finished", "finished", "finished"],
  );
  const again = await carriedOut(aligned, folders);
  assert.ok(again.result.results.every(({ ending }) => ending === "reused"));
});

test("a member that diverges is recorded with its step and stops only those that need it", async (t) => {
  const folders = places(t);
  const runs: Plan["runs"] = [
    {
      ...plan.runs[0],
      seeds: [0],
      grid: { weightDecay: [0, 1000] },
      set: { ...set, learningRate: 1, epochs: 8 },
    },
    { ...plan.runs[1], orders: [1] },
  ];
  const { said, result } = await carriedOut({ name: "diverging", runs }, folders);
  const endings = result.results.map(({ member, ending }) => `${ending} ${member.name}`);
  assert.deepEqual(endings, [
    "finished trunk/weightDecay=0",
    "failed trunk/weightDecay=1000",
    "finished branch/weightDecay=0",
    "waiting branch/weightDecay=1000",
  ]);
  assert.ok(said.includes("failed trunk/weightDecay=1000"));
  const failed = result.results[1];
  assert.match(failed.why!, /training: step \d+: expected a finite loss/);
  assert.match(result.results[3].why!, /it needs trunk\/weightDecay=1000, which failed/);
  assert.equal(failed.state.record!.status, "failed");
  assert.equal(failed.state.record!.failure, failed.why);
});

test("a trunk that lacks kept weights is named, with the command that makes them", async (t) => {
  const folders = places(t);
  const trunk = { ...plan.runs[0], seeds: [0] };
  await carriedOut({ name: "alone", runs: [trunk] }, folders);
  const { result } = await carriedOut(
    { name: "both", runs: [trunk, { ...plan.runs[1], orders: [1] }] },
    folders,
  );
  const [lacking, waiting] = result.results;
  assert.deepEqual([lacking.ending, waiting.ending], ["failed", "waiting"]);
  const { id } = lacking.state;
  assert.match(
    lacking.why!,
    new RegExp(`mnist-mlp/${id}: this finished run lacks the weights of 1 steps \\(from step 3\\)`),
  );
  assert.match(lacking.why!, /train it again with: spectral train mnist-mlp .*--keep 1ep .*--retrain$/);
});

test("members of two groups that are one run keep what both need, and it is trained once", async (t) => {
  const folders = places(t);
  const one = { ...plan.runs[0], seeds: [0] };
  const runs: Plan["runs"] = [
    one,
    { ...one, name: "other" },
    { ...plan.runs[1], from: { group: "other", at: ["1ep"] }, orders: [1] },
  ];
  const { result } = await carriedOut({ name: "twice", runs }, folders);
  assert.deepEqual(
    result.results.map(({ ending }) => ending),
    ["finished", "reused", "finished"],
  );
  assert.equal(readdirSync(join(folders.runs, "mnist-mlp")).length, 2);
});

test("what another sweep trains is waited for, and never trained twice", async (t) => {
  const folders = places(t);
  const only: Plan = { name: "p", runs: plan.runs };
  const both = await Promise.all([carriedOut(only, folders), carriedOut(only, folders)]);
  const finished = both.flatMap(({ said }) => said).filter((line) => line.startsWith("finished"));
  assert.equal(finished.length, new Set(finished).size);
  assert.equal(finished.length, 6);
  for (const { result } of both)
    assert.ok(result.results.every(({ ending }) => ending === "finished" || ending === "reused"));
  for (const folder of readdirSync(join(folders.runs, "mnist-mlp"))) {
    const record = JSON.parse(readFileSync(join(folders.runs, "mnist-mlp", folder, "run.json"), "utf8")) as {
      stretches: unknown[];
    };
    assert.equal(record.stretches.length, 1);
    assert.ok(!existsSync(join(folders.runs, "mnist-mlp", folder, "lock")));
  }
});
