import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { mnistMlp } from "spectral-lab/tasks/index";
import { storedNetwork } from "../analysis/stored-network.js";
import { lastJson, type Signalled, spectral, spectralUntil } from "./spectral.js";

const root = fs.mkdtempSync(join(tmpdir(), "spectral-moved-"));
after(() => fs.rmSync(root, { recursive: true, force: true }));

const sizes = ["modulus=7", "width=8", "hidden=16", "epochs=1000", "measureEvery=5", "pruneEvery=100"];
const tiny = ["train", "modular-addition", "--backend", "wasm", ...sizes.flatMap((text) => ["--set", text])];

/** The folder of the one run or study below a folder of them; undefined until its record is there. */
function made(below: string, file: string): string | undefined {
  if (!fs.existsSync(below)) return undefined;
  const found = fs
    .readdirSync(below, { recursive: true, encoding: "utf8" })
    .find((name) => name.endsWith(file));
  return found && join(below, found, "..");
}

/** Trains, and changes something once there is a checkpoint, and some milliseconds later. */
function trainUntil(runs: string, wait: number, change: () => void): Promise<Signalled> {
  return spectralUntil(
    [...tiny, "--runs", runs, "--checkpoint-seconds", "0.05"],
    async (signal) => {
      while (!hasCheckpoint(runs)) await setTimeout(5, undefined, { signal });
      await setTimeout(wait, undefined, { signal });
    },
    change,
  );
}

function hasCheckpoint(runs: string): boolean {
  const run = made(runs, "run.json");
  const place = join(run ?? "none", "checkpoints");
  return fs.existsSync(place) && fs.readdirSync(place).some((name) => name.endsWith(".safetensors"));
}

// The second where it is moved between the look at the lock and the write.
const gone =
  /is no longer locked by this process: its folder was moved away, deleted or|cannot (write|append to) .*ENOENT/;

test("a run folder that is moved under training is one error, nothing is made in its place, and moved back it goes on", async () => {
  for (const [i, wait] of [0, 53].entries()) {
    const runs = join(root, `moved-${i}`);
    const old = `${runs}-old`;
    const ended = await trainUntil(runs, wait, () => fs.renameSync(runs, old));
    assert.equal(ended.status, 1, ended.stdout);
    assert.match(ended.stderr, gone);
    assert.equal(ended.stderr.trim().split("\n").length, 1);
    assert.ok(!fs.existsSync(runs));
    if (i > 0) continue;
    fs.renameSync(old, runs);
    const whole = spectral([...tiny, "--runs", runs, "--json"]);
    assert.equal(whole.status, 0, whole.stderr);
    const elsewhere = spectral([...tiny, "--runs", join(root, "whole"), "--json"]);
    const rows = (json: Record<string, unknown>): string =>
      fs.readFileSync(join(String(json.folder), "rows.jsonl"), "utf8");
    assert.equal(rows(lastJson(whole.stdout)), rows(lastJson(elsewhere.stdout)));
  }
});

test("a run folder alone that is moved, or deleted, likewise", async () => {
  const runs = join(root, "alone");
  const moved = await trainUntil(runs, 20, () =>
    fs.renameSync(made(runs, "run.json")!, join(root, "alone-old")),
  );
  assert.equal(moved.status, 1);
  assert.match(moved.stderr, gone);
  assert.deepEqual(fs.readdirSync(join(runs, "modular-addition")), []);
  const deleted = await trainUntil(runs, 20, () => fs.rmSync(runs, { recursive: true, maxRetries: 10 }));
  assert.equal(deleted.status, 1, deleted.stdout);
  assert.match(deleted.stderr, /^spectral train: .*\n$/);
  assert.ok(!hasCheckpoint(runs));
});

test("where another run was opened in its place, training stops and leaves that one alone", async () => {
  const runs = join(root, "replaced");
  const other = join(root, "other");
  const identity = [...tiny, "--runs", other, "--set", "epochs=5", "--json"];
  const { folder } = lastJson(spectral(identity).stdout);
  fs.writeFileSync(
    join(String(folder), "lock"),
    JSON.stringify({ pid: 7, machine: "far", started: "", since: "2020-01-01", token: "t" }),
  );
  const before = contentOf(String(folder));
  const ended = await trainUntil(runs, 20, () => {
    const run = made(runs, "run.json")!;
    fs.renameSync(run, `${runs}-old`);
    fs.renameSync(String(folder), run);
  });
  assert.equal(ended.status, 1);
  assert.match(
    ended.stderr,
    /is no longer locked by this process: process 7 on far holds it since 2020-01-01\n$/,
  );
  assert.deepEqual(contentOf(made(runs, "run.json")!), before);
});

test("a copy in the place of a run folder is noticed: it may lack what was written meanwhile", async () => {
  const runs = join(root, "copied");
  const ended = await trainUntil(runs, 20, () => {
    fs.cpSync(runs, `${runs}-copy`, { recursive: true });
    fs.renameSync(runs, `${runs}-old`);
    fs.renameSync(`${runs}-copy`, runs);
  });
  assert.equal(ended.status, 1);
  assert.match(ended.stderr, /its folder was moved away|a copy of its folder lies in its place/);
});

test("rows that are deleted under training are noticed, not begun anew", async () => {
  const runs = join(root, "rows");
  const ended = await trainUntil(runs, 20, () => fs.rmSync(join(made(runs, "run.json")!, "rows.jsonl")));
  assert.equal(ended.status, 1);
  assert.match(
    ended.stderr,
    /rows\.jsonl: expected \d+ bytes, as this process left them, found no such file: something else changed them\n$/,
  );
  assert.ok(!fs.existsSync(join(made(runs, "run.json")!, "rows.jsonl")));
});

test("a study folder that is moved while it is computed is one error", async () => {
  const [runs, studies] = [join(root, "study-runs"), join(root, "studies")];
  const { run } = await storedNetwork(runs, mnistMlp, { standIn: true, trainingExamples: 10, hidden: 600 });
  const args = [
    "study",
    "agreement",
    `${run.folder}@0`,
    `${run.folder}@end`,
    "--runs",
    runs,
    "--studies",
    studies,
  ];
  const ended = await spectralUntil(
    args,
    async (signal) => {
      while (made(studies, "rows.jsonl") === undefined) await setTimeout(2, undefined, { signal });
    },
    () => fs.renameSync(studies, `${studies}-old`),
  );
  assert.equal(ended.status, 1, ended.stdout);
  assert.match(ended.stderr, gone);
  assert.ok(!fs.existsSync(studies));
});

function contentOf(folder: string): string[] {
  const names = fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return names.map((name) => {
    const path = join(folder, name);
    return `${name} ${fs.statSync(path).isFile() ? fs.readFileSync(path).toString("base64") : ""}`;
  });
}
