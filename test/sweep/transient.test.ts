import assert from "node:assert/strict";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { startBackend } from "spectral-lab/backend/start";
import { randomStream } from "spectral-lab/core/random";
import { storedPlan } from "spectral-lab/paper/stored-plan";
import { verifyRun } from "spectral-lab/store/stored-run";
import { dryRun } from "spectral-lab/sweep/dry-run";
import { expand, type RunMember } from "spectral-lab/sweep/expand";
import { type PlanResult, runPlan } from "spectral-lab/sweep/inline";
import type { Plan, RunGroup, StudyGroup } from "spectral-lab/sweep/plan";
import { resolverOf } from "spectral-lab/sweep/resolve";
import type { SweepProgress } from "spectral-lab/sweep/schedule";
import { submit } from "spectral-lab/sweep/slurm";
import { begunPlans, sweepFolder, writePlan } from "spectral-lab/sweep/sweep-folder";
import { dryRunSummary } from "spectral-lab/sweep/text";
import { sharingOf } from "spectral-lab/sweep/transient";

const set = { standIn: true, trainingExamples: 60, hidden: 4, layers: 2, epochs: 2, batchSize: 20 };
const trunk: RunGroup = {
  name: "trunk",
  task: "mnist-mlp",
  set,
  seeds: [0, 1],
  probes: ["metrics"],
  transient: true,
};
const branch: RunGroup = {
  name: "branch",
  task: "mnist-mlp",
  from: { group: "trunk", at: ["1ep"] },
  orders: [3, 4],
  probes: ["metrics"],
  transient: true,
};
const ends = [
  { group: "branch", at: "end" },
  { group: "branch", at: "end" },
];
const within: StudyGroup = { kind: "agreement", set: { pairs: 3 }, inputs: ends, same: ["trunk"] };
const plan: Plan = { name: "tiny", runs: [trunk, branch], studies: [within] };

interface Folders {
  readonly runs: string;
  readonly studies: string;
}

function places(t: TestContext): Folders {
  const root = mkdtempSync(join(tmpdir(), "spectral-transient-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return { runs: join(root, "runs"), studies: join(root, "studies") };
}

/** @param until ends it there, as a kill would, after what was said */
async function carriedOut(
  asked: Plan,
  folders: Folders & { others?: readonly Plan[] },
  until: (progress: SweepProgress) => boolean = () => false,
): Promise<{ said: string[]; result: PlanResult | undefined }> {
  const said: string[] = [];
  const carrying = runPlan(asked, { backend: "wasm", pollSeconds: 0.05, ...folders });
  let next = await carrying.next();
  for (; !next.done; next = await carrying.next()) {
    const { what, member, why } = next.value;
    if (what !== "working") said.push(`${what} ${member.name}${why === undefined ? "" : `: ${why}`}`);
    if (until(next.value)) {
      await carrying.return(undefined as never);
      return { said, result: undefined };
    }
  }
  return { said, result: next.value };
}

const count = (said: readonly string[], what: string): number =>
  said.filter((line) => line.startsWith(`${what} `)).length;

/** Steps whose weights and memory lie in each run's folder, by seed and order: the files, whatever a record says. */
function heldIn({ runs }: Folders): Map<string, string> {
  const root = join(runs, "mnist-mlp");
  const names = (folder: string, place: string): string => {
    const all = readdirSync(join(root, folder), { recursive: true, encoding: "utf8" });
    const steps = all.flatMap((name) => new RegExp(`^${place}/(\\d+)\\.safetensors$`).exec(name)?.[1] ?? []);
    return steps
      .map(Number)
      .sort((a, b) => a - b)
      .join();
  };
  return new Map(
    readdirSync(root).map((folder) => {
      const record = JSON.parse(readFileSync(join(root, folder, "run.json"), "utf8")) as Record<
        string,
        unknown
      >;
      const name = `${String(record.seed)}/${String(record.order ?? "trunk")}`;
      return [name, `${names(folder, "weights")}|${names(folder, "moments")}`] as const;
    }),
  );
}

const LET_GO = new Map([
  ["0/trunk", "6|"],
  ["0/3", "|"],
  ["0/4", "|"],
  ["1/trunk", "6|"],
  ["1/3", "|"],
  ["1/4", "|"],
]);
const sorted = (map: Map<string, string>): [string, string][] => [...map].sort();

test("weights go once all that is made from them is finished; runs stay finished, are found, and are not trained again", async (t) => {
  const folders = places(t);
  const { said, result } = await carriedOut(plan, folders);
  assert.deepEqual([count(said, "finished"), count(said, "released")], [8, 6]);
  const study = said.findIndex((line) => line.startsWith("finished agreement: branch/seed=0"));
  assert.ok(study < said.findIndex((line) => line === "finished branch/seed=1,order=3"), said.join("\n"));
  assert.deepEqual(sorted(heldIn(folders)), sorted(LET_GO));
  for (const run of result!.runs.values()) verifyRun(run, true);
  const stored = storedPlan(plan, { ...folders, results: false });
  assert.deepEqual([stored.runs.length, stored.studies.length, stored.missing.length], [6, 2, 0]);
  const times = [...result!.runs.values()].map(({ record }) => record.finished);
  const again = await carriedOut(plan, folders);
  assert.equal(again.said.length, 8);
  assert.equal(count(again.said, "reused"), 8);
  assert.deepEqual(
    [...again.result!.runs.values()].map(({ record }) => record.finished),
    times,
  );
});

test("killed at any moment, the same plan goes on: nothing is repeated, and in the end no weights are left", async (t) => {
  const random = randomStream(Number(process.env.SPECTRAL_TEST_SEED ?? 0), "sweep/transient");
  const folders = places(t);
  const finished: string[] = [];
  for (let round = 0; ; round++) {
    let left = 1 + Math.floor(3 * random.uniform());
    const { said, result } = await carriedOut(plan, folders, ({ what }) => {
      return (what === "finished" || what === "released") && --left === 0;
    });
    finished.push(...said.filter((line) => line.startsWith("finished ")));
    if (result) break;
    assert.ok(round < 20);
  }
  assert.deepEqual([finished.length, new Set(finished).size], [8, 8]);
  assert.deepEqual(sorted(heldIn(folders)), sorted(LET_GO));
});

test("killed between the last study and the removal, or in the middle of it, it only removes", async (t) => {
  const folders = places(t);
  const isLast = ({ what, done, total }: SweepProgress): boolean => what === "finished" && done === total;
  await carriedOut(plan, folders, isLast);
  const before = heldIn(folders);
  assert.deepEqual(
    ["1/trunk", "1/3", "1/4"].map((name) => before.get(name)),
    ["0,3,6|3", "6|", "6|"],
  );
  const folder = (name: string): string => {
    const root = join(folders.runs, "mnist-mlp");
    const all = readdirSync(root);
    return join(
      root,
      all.find((one) => readFileSync(join(root, one, "run.json"), "utf8").includes(name))!,
    );
  };
  const weights = join(folder('"order": 4'), "weights", "6.safetensors");
  const spare = join(folders.runs, "spare");
  copyFileSync(weights, spare);
  const again = await carriedOut(plan, folders);
  assert.deepEqual([count(again.said, "reused"), count(again.said, "finished")], [8, 0]);
  assert.deepEqual(sorted(heldIn(folders)), sorted(LET_GO));
  copyFileSync(spare, weights); // as if it had been killed before the file went
  const third = await carriedOut(plan, folders);
  assert.deepEqual([count(third.said, "reused"), count(third.said, "released")], [8, 1]);
  assert.deepEqual(sorted(heldIn(folders)), sorted(LET_GO));
});

test("with SLURM the same command, asked again, lets go", async (t) => {
  const folders = places(t);
  await carriedOut(plan, folders, ({ what, done, total }) => what === "finished" && done === total);
  const commands = join(folders.runs, "..", "bin");
  mkdirSync(commands);
  writeFileSync(join(commands, "squeue"), "#!/bin/sh\n", { mode: 0o755 }); // nothing is queued
  const { PATH } = process.env;
  t.after(() => (process.env.PATH = PATH));
  process.env.PATH = `${commands}:${PATH}`;
  const found = await submit(await resolverOf(expand(plan), folders), join(folders.runs, "..", "tiny"));
  assert.ok(found.every(({ what }) => what === "finished"));
  assert.deepEqual(sorted(heldIn(folders)), sorted(LET_GO));
});

test("two sweeps on one folder finish every member once, and let go of all", async (t) => {
  const folders = places(t);
  const both = await Promise.all([carriedOut(plan, folders), carriedOut(plan, folders)]);
  const finished = both.flatMap(({ said }) => said).filter((line) => line.startsWith("finished"));
  assert.ok(both.every(({ result }) => result!.results.every(({ ending }) => ending !== "failed")));
  for (const { result } of both)
    for (const { record } of result!.runs.values()) assert.equal(record.stretches.length, 1);
  assert.ok(finished.length >= 8);
  assert.deepEqual(sorted(heldIn(folders)), sorted(LET_GO));
});

test("a study that is asked for later names the run, what needs it and the command; what still has its weights is enough", async (t) => {
  const folders = places(t);
  await carriedOut(plan, folders);
  const ofTrunks: StudyGroup = {
    kind: "distance",
    inputs: ends.map(({ at }) => ({ group: "trunk", at })),
    differ: ["seed"],
  };
  const [first, second] = ofTrunks.inputs;
  const aligned = { ...ofTrunks, inputs: [first, { ...second, edit: "align:{1}@end" }] };
  const more = await carriedOut({ ...plan, studies: [within, ofTrunks, aligned] }, folders);
  assert.deepEqual([count(more.said, "reused"), count(more.said, "finished")], [8, 3], more.said.join("\n"));
  const ofBranches: StudyGroup = { kind: "distance", inputs: ends, same: ["trunk"] };
  const { result } = await carriedOut({ ...plan, studies: [within, ofBranches] }, folders);
  const [lacking] = result!.results.filter(({ ending }) => ending === "failed");
  assert.match(lacking.why!, /let go of the weights of step 0, 3, which branch\/seed=0,order=3 needs/);
  assert.match(lacking.why!, /train it again with: spectral train mnist-mlp .*--keep 1ep .*--retrain$/);
  assert.equal(heldIn(folders).size, 6);
});

test("studies of other plans that read the same weights come first; branches of other plans are waited for", async (t) => {
  const folders = places(t);
  const same: Plan = {
    name: "distances",
    runs: [
      { ...trunk, name: "root" },
      { ...branch, name: "leaf", from: { group: "root", at: ["50%"] } }, // the same step
    ],
    studies: [{ kind: "distance", inputs: ends.map(({ at }) => ({ group: "leaf", at })), same: ["trunk"] }],
  };
  const perturbed: Plan = {
    name: "perturbed",
    runs: [
      { ...trunk, seeds: [1] },
      { ...branch, orders: [5], edits: ["perturb:0.5"] },
    ],
  };
  const first = await carriedOut(plan, { ...folders, others: [same, perturbed] });
  assert.equal(count(first.said, "finished"), 6 + 2 + 2);
  assert.ok(first.said.includes("finished distance: branch/seed=0,order=3@end, branch/seed=0,order=4@end"));
  assert.deepEqual(
    sorted(heldIn(folders)),
    sorted(new Map([...LET_GO, ["1/trunk", "0,3,6|3"]])),
    "the trunk that the other plan branches from keeps its weights",
  );
  const second = await carriedOut(same, { ...folders, others: [plan, perturbed] });
  assert.deepEqual([count(second.said, "finished"), second.result!.studies.size], [0, 4]);
  const third = await carriedOut(perturbed, { ...folders, others: [plan, same] });
  assert.deepEqual([count(third.said, "reused"), count(third.said, "finished")], [1, 1]);
  assert.deepEqual(sorted(heldIn(folders)), sorted(new Map([...LET_GO, ["1/5", "|"]])));
});

test("a run that any plan keeps is not let go of", async (t) => {
  const folders = places(t);
  const keeping: Plan = { name: "keeping", runs: [{ ...trunk, transient: false }] };
  await carriedOut(plan, { ...folders, others: [keeping] });
  const held = heldIn(folders);
  assert.deepEqual([held.get("0/trunk"), held.get("1/trunk"), held.get("0/3")], ["0,3,6|3", "0,3,6|3", "|"]);
});

test("what diverged is waited for no longer", async (t) => {
  const folders = places(t);
  const runs = [
    { ...trunk, seeds: [0], set: { ...set, learningRate: 1, epochs: 8 } },
    { ...branch, orders: [3], grid: { weightDecay: [0, 1000] } },
  ];
  const studies = [{ ...within, same: [], differ: ["weightDecay"] }];
  const { result } = await carriedOut({ name: "diverging", runs, studies }, folders);
  const endings = result!.results.map(({ ending }) => ending);
  assert.deepEqual(endings.toSorted(), ["failed", "finished", "finished", "waiting"]);
  assert.equal(heldIn(folders).get("0/trunk"), "24|");
});

/** The bytes of all files in a folder. */
function bytesIn(folder: string): number {
  const all = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return all.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

test("a dry run says what is kept in the end, and what is held at most", async (t) => {
  const folders = places(t);
  await startBackend({ backend: "wasm" });
  const wide = { ...trunk, set: { ...set, hidden: 32 } };
  const asked = { ...plan, runs: [wide, branch] };
  const outline = async (): ReturnType<typeof dryRun> =>
    dryRun(await resolverOf(expand(asked), { ...folders, outline: true }));
  const before = await outline();
  let most = 0;
  await carriedOut(asked, folders, ({ what }) => {
    if (what === "finished") most = Math.max(most, bytesIn(folders.runs));
    return false;
  });
  const { bytes, peak } = dryRunSummary(before, "quick");
  const checkpoints = before.find(({ member }) => member.name === "branch/seed=0,order=3")!.checkpoints!;
  assert.ok(peak - checkpoints <= 1.05 * most && peak >= 0.95 * most, `${peak} of ${most}`);
  const ratio = bytes.total / bytesIn(folders.runs);
  assert.ok(Math.abs(ratio - 1) < 0.05, `${ratio} of what is kept`);
  assert.ok(bytes.total < 0.75 * peak);
  const after = await outline();
  assert.ok(after.every(({ standing }) => standing === "finished"));
  assert.ok(Math.abs(dryRunSummary(after, "quick").bytes.total / bytes.total - 1) < 1e-9);
});

test("any plan's members come each once, behind all that they need, and few branches are held at once", () => {
  const random = randomStream(3, "sweep/order");
  const pick = (most: number): number => 1 + Math.floor(most * random.uniform());
  for (let i = 0; i < 20; i++) {
    const seeds = Array.from({ length: pick(3) }, (_, seed) => seed);
    const orders = Array.from({ length: 1 + pick(2) }, (_, order) => order);
    const at = ["0", "1ep", "2ep", "3ep"].slice(0, pick(4));
    const across: StudyGroup = {
      kind: "agreement",
      inputs: ends,
      same: ["split", "order"],
      differ: ["trunk"],
    };
    const pairs: StudyGroup = { kind: "barrier", inputs: ends, same: ["trunk", "split"], differ: ["order"] };
    const members = expand({
      name: "random",
      runs: [
        { ...trunk, seeds },
        { ...branch, from: { group: "trunk", at }, orders },
      ],
      studies: [pairs, across],
    });
    const { members: ordered, readers } = sharingOf(
      members,
      [],
      (name) => name,
      () => 1,
    );
    assert.deepEqual(new Set(ordered), new Set(members));
    assert.equal(ordered.length, members.length);
    const seen = new Set<string>();
    const live = new Set<string>();
    let most = 0;
    for (const { name, needs, ...member } of ordered) {
      assert.ok(needs.every((need) => seen.has(need)));
      seen.add(name);
      if (member.what === "run" && (member as RunMember).from) live.add(name);
      most = Math.max(most, live.size);
      for (const one of live) if (readers.get(one)!.every((reader) => seen.has(reader))) live.delete(one);
    }
    assert.equal(live.size, 0);
    assert.ok(most <= seeds.length * orders.length, `${most} branches of ${at.length} splits at once`);
  }
});

test("sweeps that were begun are known by their plans; one that cannot be read is left out and named", (t) => {
  const { runs: root } = places(t);
  assert.deepEqual(begunPlans(root), []);
  writePlan(sweepFolder(plan, root), plan);
  mkdirSync(join(root, "damaged"));
  writeFileSync(join(root, "damaged", "plan.json"), "{");
  mkdirSync(join(root, "logs-only"));
  const leftOut: string[] = [];
  assert.deepEqual(
    begunPlans(root, (message) => leftOut.push(message)),
    [plan],
  );
  assert.equal(leftOut.length, 1);
  assert.match(leftOut[0], /damaged.plan\.json: expected JSON/);
});
