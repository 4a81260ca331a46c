import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { randomStream } from "spectral-lab/core/random";
import type { Plan } from "spectral-lab/sweep/plan";
import { lastJson, spectral, spectralKilled, spectralUntil } from "../cli/spectral.js";

const root = mkdtempSync(join(tmpdir(), "spectral-sweep-kill-"));
after(() => rmSync(root, { recursive: true, force: true }));

const set = { standIn: true, trainingExamples: 300, hidden: 8 };
const plan: Plan = {
  name: "killed",
  runs: [
    {
      name: "trunk",
      task: "mnist-mlp",
      set: { ...set, epochs: 60 },
      seeds: [0, 1],
      probes: ["metrics"],
      transient: true,
    },
    {
      name: "branch",
      task: "mnist-mlp",
      from: { group: "trunk", at: ["30ep"] },
      orders: [3],
      probes: ["metrics"],
      transient: true,
    },
  ],
  studies: [
    {
      kind: "agreement",
      inputs: [
        { group: "branch", at: "end" },
        { group: "trunk", at: "end" },
      ],
      same: ["seed"],
    },
  ],
};
const MEMBERS = 6;
const file = join(root, "plan.json");
writeFileSync(file, JSON.stringify(plan));
process.env.SPECTRAL_BACKEND = "wasm";

function args(folder: string, ...more: string[]): string[] {
  process.env.SPECTRAL_SWEEPS = join(root, folder, "sweeps");
  const place = (name: string): string => join(root, folder, name);
  return [
    "sweep",
    file,
    "--jobs",
    "2",
    "--runs",
    place("runs"),
    "--studies",
    place("studies"),
    "--json",
    ...more,
  ];
}

/** Files of measurements and weights of all runs and studies; seconds and times are left out. */
function filesOf(folder: string): Map<string, string> {
  const names = ["runs", "studies"].flatMap((place) =>
    readdirSync(join(root, folder, place), { recursive: true, encoding: "utf8" }).map((name) =>
      join(place, name),
    ),
  );
  const kept = names.filter((name) =>
    /(rows\.jsonl|(steps|weights|moments|parts)\/.*\.safetensors)$/.test(name),
  );
  return new Map(
    kept.sort().map((name) => [name, readFileSync(join(root, folder, name)).toString("base64")]),
  );
}

/** When each finished run or study was finished, by folder. */
function finishedIn(folder: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const place of ["runs", "studies"].map((name) => join(root, folder, name))) {
    for (const name of existsSync(place) ? readdirSync(place, { recursive: true, encoding: "utf8" }) : []) {
      if (!/(run|study)\.json$/.test(name)) continue;
      const record = JSON.parse(readFileSync(join(place, name), "utf8")) as {
        status: string;
        finished?: string;
      };
      if (record.status === "finished") found.set(name, record.finished!);
    }
  }
  return found;
}

test("a sweep that is killed at any moment goes on, and repeats no finished member", async () => {
  const random = randomStream(Number(process.env.SPECTRAL_TEST_SEED ?? 0), "sweep/kill");
  let kills = 0;
  for (let ended = false; !ended && kills < 40;) {
    const before = finishedIn("killed");
    const moment = 1000 + 5000 * random.uniform();
    const done = await spectralKilled(args("killed"), (signal) => setTimeout(moment, undefined, { signal }));
    const now = finishedIn("killed");
    for (const [name, time] of before) assert.equal(now.get(name), time, `${name} was made again`);
    ended = done !== null;
    if (ended) assert.equal(done!.status, 0, done!.stderr);
    else kills++;
  }
  assert.equal(finishedIn("killed").size, MEMBERS);
  assert.ok(kills > 0);
  const whole = spectral(args("whole"));
  assert.equal(whole.status, 0, whole.stderr);
  const [there, here] = [filesOf("killed"), filesOf("whole")];
  assert.deepEqual([...there.keys()], [...here.keys()]);
  for (const [name, content] of there) assert.ok(content === here.get(name), `${name} differs`);
  const weights = [...there.keys()].filter((name) => /(weights|moments)\//.test(name));
  assert.equal(weights.length, 2, `of trunks the last weights are left, found ${weights.join(", ")}`);
});

test("two processes on one folder finish every member once, and let go of the same weights", async () => {
  const both = await Promise.all(
    [0, 1].map(() =>
      spectralUntil(
        args("both"),
        () => setTimeout(100),
        () => undefined,
      ),
    ),
  );
  for (const { status, stdout, stderr } of both) {
    assert.equal(status, 0, stderr);
    const { failed, waiting } = lastJson(stdout);
    assert.deepEqual([failed, waiting], [undefined, undefined]);
  }
  assert.equal(finishedIn("both").size, MEMBERS);
  const [there, here] = [filesOf("both"), filesOf("whole")];
  assert.deepEqual([...there.keys()], [...here.keys()]);
  for (const [name, content] of there) assert.ok(content === here.get(name), `${name} differs`);
});

test("asked to end, it ends once its members have written checkpoints, and the same command goes on", async () => {
  const trains = async (signal: AbortSignal): Promise<void> => {
    const rows = (): boolean =>
      existsSync(join(root, "stopped", "runs")) &&
      readdirSync(join(root, "stopped", "runs"), { recursive: true, encoding: "utf8" }).some((name) => {
        return name.endsWith("rows.jsonl") && readFileSync(join(root, "stopped", "runs", name)).length > 2000;
      });
    while (!rows()) await setTimeout(20, undefined, { signal });
  };
  const { status, stdout } = await spectralUntil(args("stopped"), trains, (child) => child.kill("SIGTERM"));
  assert.equal(status, 143);
  const { stopped, finished } = lastJson(stdout);
  assert.equal(Number(stopped) + Number(finished ?? 0), MEMBERS);
  const names = readdirSync(join(root, "stopped", "runs"), { recursive: true, encoding: "utf8" });
  assert.ok(names.some((name) => /checkpoints\/\d+\.safetensors$/.test(name)));
  assert.ok(!names.some((name) => name.endsWith("lock")), "nobody is left behind");
  assert.equal(spectral(args("stopped")).status, 0);
  const again = lastJson(spectral(args("stopped")).stdout);
  assert.deepEqual([again.reused, again.finished], [MEMBERS, undefined]);
});
