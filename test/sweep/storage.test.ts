import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { startBackend } from "spectral-lab/backend/start";
import { dryRun } from "spectral-lab/sweep/dry-run";
import { expand } from "spectral-lab/sweep/expand";
import { runPlan } from "spectral-lab/sweep/inline";
import type { Plan } from "spectral-lab/sweep/plan";
import { resolverOf } from "spectral-lab/sweep/resolve";
import { sumOf } from "spectral-lab/sweep/storage";
import { bytesText, dryRunSummary, timeText } from "spectral-lab/sweep/text";

function temporary(t: TestContext): { runs: string; studies: string } {
  const root = mkdtempSync(join(tmpdir(), "spectral-storage-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return { runs: join(root, "runs"), studies: join(root, "studies") };
}

/** The bytes of all files in a folder. */
function bytesIn(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

const set = { standIn: true, trainingExamples: 60, batchSize: 20, epochs: 2 };
const plan: Plan = {
  name: "kept",
  runs: [
    { name: "sgd", task: "mnist-mlp", set: { ...set, hidden: 32 }, vectors: 4 },
    { name: "branch", task: "mnist-mlp", from: { group: "sgd", at: ["1ep"] }, orders: [1] },
    {
      name: "adamw",
      task: "modular-addition",
      set: { epochs: 3, modulus: 7, width: 16, hidden: 32, measureEvery: 1, pruneEvery: 2 },
      keep: ["1it", "2it"],
    },
  ],
};

test("the bytes that a dry run says are kept are those that finished runs keep, within 5 per cent", async (t) => {
  const folders = temporary(t);
  await startBackend({ backend: "wasm" });
  const before = await dryRun(await resolverOf(expand(plan), { ...folders, outline: true }));
  assert.deepEqual(
    before.map(({ standing, steps }) => [standing, steps]),
    [
      ["missing", 6],
      ["missing", 3],
      ["missing", 3],
    ],
  );
  const carrying = runPlan(plan, { backend: "wasm", ...folders });
  let next = await carrying.next();
  while (!next.done) next = await carrying.next();
  for (const { member, kept } of before) {
    const { folder } = next.value.runs.get(member.name)!;
    const ratio = sumOf([kept!]).total / bytesIn(folder);
    assert.ok(Math.abs(ratio - 1) < 0.05, `${member.name}: ${ratio} of what is kept`);
  }
  const after = await dryRun(await resolverOf(expand(plan), { ...folders, outline: true }));
  assert.deepEqual(
    after.map(({ standing, steps, seconds }) => [standing, steps, seconds]),
    Array.from({ length: 3 }, () => ["finished", 0, 0]),
  );
  const fewer: Plan = { ...plan, runs: [{ ...plan.runs[0], seeds: [5] }] };
  const [like] = await dryRun(await resolverOf(expand(fewer), { ...folders, outline: true }));
  assert.equal(like.standing, "missing");
  assert.deepEqual([like.speed?.run, like.speed?.differs], [next.value.runs.get("sgd")!.record.id, []]);
  assert.equal(like.seconds, 6 * like.speed!.secondsPerStep);
});

/** A tiny MNIST: 80 images, where the public set has 60,000. */
function tinyMnist(root: string): string {
  const idx = (shape: readonly number[], data: Buffer): Buffer => {
    const header = Buffer.alloc(4 + 4 * shape.length);
    header.writeUInt32BE(0x0800 + shape.length);
    shape.forEach((size, i) => header.writeUInt32BE(size, 4 + 4 * i));
    return Buffer.concat([header, data]);
  };
  mkdirSync(join(root, "mnist"), { recursive: true });
  for (const [split, count] of [
    ["train", 80],
    ["t10k", 10],
  ] as const) {
    const pixels = Buffer.from(Array.from({ length: count * 784 }, (_, i) => (i * i) % 251));
    const labels = Buffer.from(Array.from({ length: count }, (_, i) => i % 10));
    writeFileSync(join(root, "mnist", `${split}-images-idx3-ubyte`), idx([count, 28, 28], pixels));
    writeFileSync(join(root, "mnist", `${split}-labels-idx1-ubyte`), idx([count], labels));
  }
  return root;
}

test("branches, edits and studies that were made on fewer examples than the public set has are found", async (t) => {
  const folders = temporary(t);
  const { SPECTRAL_DATA } = process.env;
  t.after(() => {
    if (SPECTRAL_DATA === undefined) delete process.env.SPECTRAL_DATA;
    else process.env.SPECTRAL_DATA = SPECTRAL_DATA;
  });
  process.env.SPECTRAL_DATA = tinyMnist(join(folders.runs, "..", "data"));
  await startBackend({ backend: "wasm" });
  const small = { hidden: 4, layers: 2, epochs: 2, batchSize: 20 };
  const branching: Plan = {
    name: "branching",
    runs: [
      { name: "trunk", task: "mnist-mlp", set: small, seeds: [0, 1], probes: ["spectra"] },
      {
        name: "branch",
        task: "mnist-mlp",
        from: { group: "trunk", at: ["1ep"] },
        edits: [null, "magnitude:0.5", "norms:{trunk}"],
        orders: [1],
      },
    ],
    studies: [
      {
        kind: "agreement",
        set: { pairs: 3 },
        inputs: [
          { group: "trunk", at: "end" },
          { group: "branch", at: "50%", edit: "magnitude:0.5" },
        ],
        same: ["seed"],
      },
    ],
  };
  const carrying = runPlan(branching, { backend: "wasm", ...folders });
  let next = await carrying.next();
  while (!next.done) next = await carrying.next();
  const { results } = next.value;
  assert.deepEqual([...new Set(results.map(({ ending, why }) => why ?? ending))], ["finished"]);
  const planned = await dryRun(await resolverOf(expand(branching), { ...folders, outline: true }));
  const { members } = dryRunSummary(planned, "quick");
  assert.deepEqual(members, { finished: results.length });
});

test("members that are one run count once", async (t) => {
  await startBackend({ backend: "wasm" });
  const twice: Plan = { name: "twice", runs: [plan.runs[0], { ...plan.runs[0], name: "again" }] };
  const planned = await dryRun(await resolverOf(expand(twice), { ...temporary(t), outline: true }));
  const { members, bytes } = dryRunSummary(planned, "quick");
  assert.deepEqual(members, { missing: 1, same: 1 });
  assert.equal(bytes.total, sumOf([planned[0].kept!]).total);
});

test("the sizes of public sets are known without reading them", async (t) => {
  await startBackend({ backend: "wasm" });
  const tasks = ["mnist-mlp", "cifar-decay", "vgg", "unet", "lstm", "transformer", "mlp-labels"];
  const paper: Plan = { name: "paper", profile: "paper", runs: tasks.map((task) => ({ name: task, task })) };
  const folders = temporary(t);
  const resolver = await resolverOf(expand(paper), {
    ...folders,
    outline: true,
    data: { root: folders.runs },
  });
  const planned = await dryRun(resolver);
  assert.deepEqual(
    planned.map(({ standing }) => standing),
    tasks.map(() => "missing"),
  );
  const steps = new Map(planned.map(({ member, steps: count }) => [member.name, count]));
  assert.equal(steps.get("vgg"), 164 * Math.ceil(45_000 / 128));
  assert.equal(steps.get("lstm"), 50 * Math.ceil(28_539 / 32));
  const vgg = planned[2].kept!;
  assert.ok(Math.abs(vgg.weights / (4 * 14_728_266) - 1) < 0.01, `${vgg.weights} bytes of VGG-16's weights`);
  const { speed } = planned[2]; // by the committed results
  assert.equal(speed?.scaledFrom, "lab");
  assert.ok(speed.secondsPerStep > 0 && speed.secondsPerStep < 10);
});

test("bytes and times as words", () => {
  assert.deepEqual([0, 999, 1000, 48_600, 5e10].map(bytesText), [
    "0 B",
    "999 B",
    "1.00 kB",
    "48.6 kB",
    "50.0 GB",
  ]);
  assert.deepEqual([4, 99, 600, 7200, 360_000].map(timeText), ["4 s", "99 s", "10 min", "2.0 h", "100 h"]);
});
