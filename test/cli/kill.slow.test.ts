import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { type Random, randomStream } from "spectral-lab/core/random";
import { lastJson, spectral, spectralKilled } from "./spectral.js";

const root = mkdtempSync(join(tmpdir(), "spectral-kill-"));
after(() => rmSync(root, { recursive: true, force: true }));

const KILLS = 20;
const EPOCHS = 500; // one step each
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
  const random = randomStream(Number(process.env.SPECTRAL_TEST_SEED ?? 0), "kill");
  const reached: number[] = [];
  for (let kills = 0; kills < KILLS; kills++) {
    const ended = await spectralKilled(resumed, randomMoment(random, runs, kills));
    assert.equal(ended, null, `the run ended before kill ${kills + 1}: ${ended?.stdout}${ended?.stderr}`);
    reached.push(checkpointed(runs));
  }
  const ended = spectral(resumed);
  t.diagnostic(`killed after the checkpoints of steps ${reached.join(", ")}`);
  assert.equal(ended.status, 0, ended.stderr);

  const [expected, found] = [lastJson(whole.stdout), lastJson(ended.stdout)];
  assert.deepEqual({ ...found, folder: "" }, { ...expected, folder: "" });
  const [a, b] = [files(String(expected.folder)), files(String(found.folder))];
  assert.deepEqual([...b.keys()], [...a.keys()]);
  for (const [name, bytes] of a) assert.equal(b.get(name), bytes, `${name} differs`);
});

test("two processes on one run: the second says who has it", async () => {
  const runs = join(root, "two");
  const first = spectralKilled([...run, "--set", "epochs=100000", "--runs", runs], (signal) =>
    setTimeout(15_000, undefined, { signal }),
  );
  const held = (): boolean =>
    existsSync(runs) &&
    readdirSync(runs, { recursive: true, encoding: "utf8" }).some((name) => name.endsWith("rows.jsonl"));
  while (!held()) await setTimeout(100);
  const second = spectral([...run, "--set", "epochs=100000", "--runs", runs]);
  assert.equal(second.status, 1);
  assert.match(second.stderr, /process \d+/);
  assert.equal(await first, null, "the first went on until it was killed");
});
