import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { randomStream } from "spectral-lab/core/random";
import { lastJson, spectral, spectralKilled } from "./spectral.js";

const root = mkdtempSync(join(tmpdir(), "spectral-kill-"));
after(() => rmSync(root, { recursive: true, force: true }));

const KILLS = 20;
const run = [
  "train",
  "modular-addition",
  "--backend",
  "wasm",
  "--set",
  "epochs=500",
  "--set",
  "pruneEvery=50",
];

function files(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    /^(rows\.jsonl|(steps|weights)\/.*\.safetensors)$/.test(name),
  );
  return new Map(names.sort().map((name) => [name, readFileSync(join(folder, name)).toString("base64")]));
}

test(`kill -9 at ${KILLS} random moments of a quick run, resumed each time, ends with the same bytes`, async (t) => {
  const started = performance.now();
  const whole = spectral([...run, "--runs", join(root, "whole")]);
  assert.equal(whole.status, 0, whole.stderr);
  const seconds = (performance.now() - started) / 1000;

  const resumed = [...run, "--runs", join(root, "killed"), "--checkpoint-seconds", "0.1"];
  const random = randomStream(Number(process.env.SPECTRAL_TEST_SEED ?? 0), "kill");
  const start = Math.min(0.2 * seconds, 3); // start-up: killing earlier is a kill of nothing
  for (let kills = 0; kills < KILLS; kills++) {
    // On average half of 1/20 of the run is trained between two kills, so that the last process still has work to do.
    const ended = await spectralKilled(
      resumed,
      1000 * random.uniform(0.5 * start, 1.5 * start + seconds / KILLS),
    );
    assert.equal(ended, null, `the run ended before kill ${kills + 1}: ${ended?.stdout}${ended?.stderr}`);
  }
  const ended = spectral(resumed);
  t.diagnostic(`${KILLS} kills; the uninterrupted run took ${seconds.toFixed(1)} s`);
  assert.equal(ended.status, 0, ended.stderr);

  const [expected, found] = [lastJson(whole.stdout), lastJson(ended.stdout)];
  assert.deepEqual({ ...found, folder: "" }, { ...expected, folder: "" });
  const [a, b] = [files(String(expected.folder)), files(String(found.folder))];
  assert.deepEqual([...b.keys()], [...a.keys()]);
  for (const [name, bytes] of a) assert.equal(b.get(name), bytes, `${name} differs`);
});

test("two processes on one run: the second says who has it", async () => {
  const runs = join(root, "two");
  const first = spectralKilled([...run, "--set", "epochs=100000", "--runs", runs], 15_000);
  const held = (): boolean =>
    existsSync(runs) &&
    readdirSync(runs, { recursive: true, encoding: "utf8" }).some((name) => name.endsWith("rows.jsonl"));
  while (!held()) await setTimeout(100);
  const second = spectral([...run, "--set", "epochs=100000", "--runs", runs]);
  assert.equal(second.status, 1);
  assert.match(second.stderr, /process \d+/);
  assert.equal(await first, null, "the first went on until it was killed");
});
