import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { type Random, randomStream } from "spectral-lab/core/random";
import { times } from "../support/long.js";
import { Tally } from "../support/tally.js";
import { type Ended, lastJson, spectral, spectralKilled } from "./spectral.js";

const root = mkdtempSync(join(tmpdir(), "spectral-kill-"));
const tally = new Tally();
after(() => {
  rmSync(root, { recursive: true, force: true });
  console.log(String(tally));
});

const KILLS = times(20);
const EPOCHS = times(500); // one step each
const seed = Number(process.env.SPECTRAL_TEST_SEED ?? 0);
const run = [
  "train",
  "modular-addition",
  "--backend",
  "wasm",
  "--set",
  `epochs=${EPOCHS}`,
  "--set",
  "pruneEvery=50",
];

function files(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    /^(rows\.jsonl|(steps|weights)\/.*\.safetensors)$/.test(name),
  );
  return new Map(names.sort().map((name) => [name, readFileSync(join(folder, name)).toString("base64")]));
}

/** The newest step of a run that a checkpoint holds; 0 if there is none. */
function checkpointed(runs: string): number {
  if (!existsSync(runs)) return 0;
  const names = readdirSync(runs, { recursive: true, encoding: "utf8" });
  const steps = names.map((name) => /checkpoints\/(\d+)\.safetensors$/.exec(name)?.[1]);
  return Math.max(0, ...steps.map((step) => Number(step ?? 0)));
}

/** Whether a killed run's record can be read, and no checkpoint is missing that was there before. */
function isWhole(runs: string, reached: readonly number[]): boolean {
  const names = existsSync(runs) ? readdirSync(runs, { recursive: true, encoding: "utf8" }) : [];
  const record = names.find((name) => name.endsWith("run.json"));
  if (record !== undefined) JSON.parse(readFileSync(join(runs, record), "utf8"));
  return checkpointed(runs) >= Math.max(0, ...reached);
}

/**
 * A moment to kill at. One in four lies in the start, where the process reads the checkpoint; the others lie in the
 * training, after a step that is random but leaves the processes that come after it work to do, however fast they are.
 */
function randomMoment(random: Random, runs: string, kills: number): (ended: AbortSignal) => Promise<void> {
  const from = checkpointed(runs);
  const goal = from + random.uniform(0, (EPOCHS - 50 - from) / (KILLS - kills));
  const inStart = random.uniform(0, 1) < 0.25;
  const jitter = random.uniform(0, inStart ? 1000 : 100);
  return async (signal) => {
    while (!inStart && checkpointed(runs) <= goal) await setTimeout(5, undefined, { signal });
    await setTimeout(jitter, undefined, { signal });
  };
}

test(`kill -9 at ${KILLS} random moments of a quick run, resumed each time, ends with the same bytes`, async (t) => {
  const whole = spectral([...run, "--runs", join(root, "whole")]);
  assert.equal(whole.status, 0, whole.stderr);

  const runs = join(root, "killed");
  const resumed = [...run, "--runs", runs, "--checkpoint-seconds", "0.1"];
  const random = randomStream(seed, "kill");
  const reached: number[] = [];
  for (let kills = 0; kills < KILLS; kills++) {
    const ended = await spectralKilled(resumed, randomMoment(random, runs, kills));
    assert.equal(ended, null, `the run ended before kill ${kills + 1}: ${ended?.stdout}${ended?.stderr}`);
    reached.push(checkpointed(runs));
    tally.note("kill -9 of training", isWhole(runs, reached));
  }
  const ended = spectral(resumed);
  t.diagnostic(`killed after the checkpoints of steps ${reached.join(", ")}`);
  assert.equal(ended.status, 0, ended.stderr);

  assertSame(whole, ended);
});

/** Two runs ended with the same result and the same bytes. */
function assertSame(whole: Ended, other: Ended): void {
  const [expected, found] = [lastJson(whole.stdout), lastJson(other.stdout)];
  assert.deepEqual({ ...found, folder: "" }, { ...expected, folder: "" });
  const [a, b] = [files(String(expected.folder)), files(String(found.folder))];
  assert.deepEqual([...b.keys()], [...a.keys()]);
  for (const [name, bytes] of a) assert.equal(b.get(name), bytes, `${name} differs`);
}

const PAIRS = times(8);

test(`of two processes on one run one or both are killed, ${PAIRS} times: it ends with the same bytes`, async (t) => {
  const sizes = [
    "modulus=7",
    "width=8",
    "hidden=16",
    `epochs=${times(2000)}`,
    "measureEvery=20",
    "pruneEvery=500",
  ];
  const small = [
    "train",
    "modular-addition",
    "--backend",
    "wasm",
    ...sizes.flatMap((text) => ["--set", text]),
    "--vectors",
    "4",
  ];
  const whole = spectral([...small, "--runs", join(root, "pair-whole")]);
  assert.equal(whole.status, 0, whole.stderr);

  const runs = join(root, "pair");
  const args = [...small, "--runs", runs, "--checkpoint-seconds", "0.05"];
  const random = randomStream(seed, "pairs");
  const reached: number[] = [];
  const said: string[] = [];
  for (let pair = 0; pair < PAIRS; pair++) {
    // The first is killed at work or before, the second while it asks for the run or has it.
    const [delay, early, late] = [1500, 300, 900].map((most) => random.uniform(0, most));
    const inStart = random.uniform(0, 1) < 0.25;
    const last = pair === PAIRS - 1; // both to the end: one may finish while the other asks
    const both = [
      spectralKilled(args, last ? never : momentAtWork(runs, early, inStart)),
      setTimeout(delay).then(() => spectralKilled(args, last ? never : momentAtWork(runs, late, inStart))),
    ];
    for (const ended of await Promise.all(both)) {
      const held =
        ended?.status === 1 && /^spectral train: run .* is in use by process \d+/m.test(ended.stderr);
      assert.ok(ended === null || ended.status === 0 || held, `${ended?.status}: ${ended?.stderr}`);
      const what = ended === null ? "killed" : held ? "refused" : "finished";
      said.push(what);
      tally.note(`one of two processes: ${what}`, isWhole(runs, reached) || isFinished(runs));
    }
    reached.push(checkpointed(runs));
    if (isFinished(runs)) break;
  }
  t.diagnostic(`${said.join(", ")}; checkpoints of steps ${reached.join(", ")}`);
  const ended = spectral(args);
  assert.equal(ended.status, 0, ended.stderr);
  assertSame(whole, ended);
});

const never = (): Promise<void> => new Promise(() => undefined);

/** Some milliseconds after one of the processes has come further, or, one time in four, after the start. */
function momentAtWork(
  runs: string,
  milliseconds: number,
  inStart: boolean,
): (ended: AbortSignal) => Promise<void> {
  const from = checkpointed(runs);
  return async (signal) => {
    while (!inStart && checkpointed(runs) <= from) await setTimeout(10, undefined, { signal });
    await setTimeout(milliseconds, undefined, { signal });
  };
}

/** Whether the run below a folder says that it is finished: it has no checkpoints any more. */
function isFinished(runs: string): boolean {
  const names = existsSync(runs) ? readdirSync(runs, { recursive: true, encoding: "utf8" }) : [];
  const record = names.find((name) => name.endsWith("run.json"));
  return record !== undefined && /"status": "finished"/.test(readFileSync(join(runs, record), "utf8"));
}

test("two processes on one run: the second says who has it", async () => {
  const runs = join(root, "two");
  let kill: () => void = () => undefined;
  const first = spectralKilled(
    [...run, "--set", "epochs=100000", "--runs", runs],
    () => new Promise<void>((done) => (kill = done)),
  );
  const held = (): boolean =>
    existsSync(runs) &&
    readdirSync(runs, { recursive: true, encoding: "utf8" }).some((name) => name.endsWith("rows.jsonl"));
  while (!held()) await setTimeout(100);
  const second = spectral([...run, "--set", "epochs=100000", "--runs", runs]);
  assert.equal(second.status, 1);
  assert.match(second.stderr, /process \d+/);
  kill();
  assert.equal(await first, null, "the first went on until it was killed");
});

test("nothing was lost", () => assert.equal(tally.lost, 0, String(tally)));
