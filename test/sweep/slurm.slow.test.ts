import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import type { Plan } from "spectral-lab/sweep/plan";
import { messageOf } from "spectral-lab/core/errors";
import { type Ended, lastJson, spectral } from "../cli/spectral.js";
import { type Cluster, noSlurm, startCluster } from "./slurm-cluster.js";

const root = mkdtempSync(join(tmpdir(), "spectral-sweep-slurm-"));
let cluster: Cluster | undefined;
after(async () => {
  await cluster?.stop();
  rmSync(root, { recursive: true, force: true });
});

const EPOCHS = 600; // of 5 steps
const set = { standIn: true, trainingExamples: 300, hidden: 8 };
const plan: Plan = {
  name: "slurm",
  runs: [
    { name: "long", task: "mnist-mlp", set: { ...set, epochs: EPOCHS }, probes: ["metrics"] },
    {
      name: "diverging",
      task: "mnist-mlp",
      set: { ...set, epochs: 30, weightDecay: 1000, learningRate: 1 },
      probes: ["metrics"],
    },
    {
      name: "branch",
      task: "mnist-mlp",
      probes: ["metrics"],
      from: { group: "long", at: [`${EPOCHS - 2}ep`] },
      orders: [1, 2],
    },
    { name: "never", task: "mnist-mlp", probes: ["metrics"], from: { group: "diverging", at: ["20ep"] } },
  ],
  studies: [
    {
      kind: "agreement",
      inputs: [
        { group: "branch", at: "end" },
        { group: "branch", at: "end" },
      ],
    },
  ],
};
const file = join(root, "plan.json");

function sweep(folder: string, args: readonly string[]): Ended {
  const place = (name: string): string => join(root, folder, name);
  const folders = ["--runs", place("runs"), "--studies", place("studies"), "--backend", "wasm"];
  return spectral(["sweep", file, ...folders, ...args], {
    ...cluster!.env,
    SPECTRAL_SWEEPS: place("sweeps"),
  });
}

/** The files of measurements and weights of all finished runs, by path. */
function filesOf(folder: string): Map<string, string> {
  const runs = join(root, folder, "runs", "mnist-mlp");
  const finished = readdirSync(runs).filter((id) => recordIn(join(runs, id)).status === "finished");
  const names = finished.flatMap((id) =>
    readdirSync(join(runs, id), { recursive: true, encoding: "utf8" }).map((name) => join(id, name)),
  );
  const measured = names.filter((name) => /(rows\.jsonl|\.safetensors)$/.test(name)).sort();
  return new Map(measured.map((name) => [name, readFileSync(join(runs, name)).toString("base64")]));
}

function recordIn(folder: string): Running["record"] {
  return JSON.parse(readFileSync(join(folder, "run.json"), "utf8")) as Running["record"];
}

interface Running {
  readonly folder: string;
  readonly record: {
    readonly status: string;
    readonly config: { readonly epochs: number };
    readonly origin?: unknown;
  };
}

/** The long run, once it is there. */
function longRun(): Running | undefined {
  const runs = join(root, "slurm", "runs", "mnist-mlp");
  for (const name of existsSync(runs) ? readdirSync(runs) : []) {
    const folder = join(runs, name);
    if (!existsSync(join(folder, "run.json"))) continue;
    const record = recordIn(folder);
    if (record.config.epochs === EPOCHS && record.origin === undefined) return { folder, record };
  }
  return undefined;
}

/** Lines that are measured by now. */
function measured(): number {
  const rows = join(longRun()?.folder ?? root, "rows.jsonl");
  return existsSync(rows) ? readFileSync(rows, "utf8").split("\n").length - 1 : 0;
}

async function until(what: string, done: () => boolean, seconds = 300): Promise<void> {
  for (const end = Date.now() + 1000 * seconds; !done();) {
    if (Date.now() > end) throw new Error(`waited ${seconds} s for ${what}`);
    await setTimeout(50);
  }
}

/** All that members and SLURM printed. */
function logs(): string {
  const place = join(root, "slurm", "sweeps", "slurm", "logs");
  if (!existsSync(place)) return "";
  return readdirSync(place)
    .map((name) => `${name}: ${readFileSync(join(place, name), "utf8")}`)
    .join("\n");
}

/** Waits until SLURM has requeued a task and begun it again. */
async function begunAgain(task: string, restarts: number): Promise<void> {
  await until(`restart ${restarts} of the task`, () => {
    const shown = cluster!.slurm("scontrol", "show", "job", task);
    assert.match(shown, /JobState=(PENDING|CONFIGURING|RUNNING|COMPLETING|COMPLETED)/);
    return shown.includes(`Restarts=${restarts}`) && /JobState=(RUNNING|COMPLETED)/.test(shown);
  });
}

/** What fails on a cluster, with all that members and daemons said. */
async function traced(steps: () => Promise<void>): Promise<void> {
  try {
    await steps();
  } catch (error) {
    throw new Error(`${messageOf(error)}\n${logs()}\n${cluster?.said()}`, { cause: error });
  }
}

test(
  "a plan goes through SLURM: a member that is killed and requeued ends with the same bytes, and who fails stops nobody",
  { skip: noSlurm() ?? false },
  async () => {
    cluster = await startCluster();
    await traced(() => throughSlurm(cluster!));
  },
);

async function throughSlurm({ slurm }: Cluster): Promise<void> {
  mkdirSync(join(root, "slurm"));
  writeFileSync(file, JSON.stringify(plan));
  const submitted = sweep("slurm", ["--engine", "slurm", "--slurm=--time=10"]);
  assert.equal(submitted.status, 0, submitted.stderr);
  assert.equal(lastJson(submitted.stdout).submitted, 6);
  const task = /long: submitted \((\d+_0)\)/.exec(submitted.stdout)![1];

  const again = sweep("slurm", ["--engine", "slurm"]);
  assert.equal(lastJson(again.stdout).submitted, undefined, "what is queued is not submitted again");

  // Asked by SLURM's notice before the time limit: it writes a checkpoint and queues itself.
  await until("training", () => measured() > 20);
  slurm("scancel", "--batch", "--signal=USR1", task);
  await begunAgain(task, 1);
  const before = measured();
  await until("more training", () => measured() > before + 20);
  // Requeued by SLURM (TERM), and stopped, so that it cannot write a checkpoint: it is killed.
  const { pid } = JSON.parse(readFileSync(join(longRun()!.folder, "lock"), "utf8")) as { pid: number };
  process.kill(pid, "SIGSTOP");
  slurm("scontrol", "requeue", task);
  await begunAgain(task, 2);

  await until("the end", () => slurm("squeue", "--noheader") === "", 600);
  const record = longRun()!.record as Running["record"] & { readonly stretches: readonly unknown[] };
  assert.equal(record.status, "finished");
  assert.ok(record.stretches.length >= 3, `${record.stretches.length} stretches`);

  const whole = sweep("alone", ["--json"]);
  const counts = lastJson(whole.stdout);
  assert.deepEqual([counts.finished, counts.failed, counts.waiting], [4, 1, 1], whole.stderr);
  assert.equal(whole.status, 1);
  const [there, here] = [filesOf("slurm"), filesOf("alone")];
  assert.deepEqual([...there.keys()], [...here.keys()]);
  for (const [name, content] of there) assert.ok(content === here.get(name), `${name} differs`);

  const last = sweep("slurm", ["--engine", "slurm"]);
  const { finished, submitted: resumed } = lastJson(last.stdout);
  assert.deepEqual([finished, resumed], [4, 2], "only what failed is submitted again");
  await until("the end", () => slurm("squeue", "--noheader") === "");
}
