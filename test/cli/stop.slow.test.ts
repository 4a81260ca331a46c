import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { times } from "../support/long.js";
import { lastJson, spectral, spectralUntil } from "./spectral.js";

const root = mkdtempSync(join(tmpdir(), "spectral-stop-"));
after(() => rmSync(root, { recursive: true, force: true }));

const settings = (...list: readonly string[]): string[] => list.flatMap((text) => ["--set", text]);
const tasks = [
  ["mnist-mlp", ...settings("trainingExamples=600", "epochs=3", "standIn=true")],
  [
    "modular-addition",
    ...settings("modulus=7", "width=8", "hidden=16", "epochs=800", "measureEvery=5", "pruneEvery=50"),
  ],
];
const command = (task: number, runs: string): string[] => [
  "train",
  ...tasks[task],
  "--backend",
  "wasm",
  "--runs",
  join(root, runs),
];
const statuses = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
const MOMENTS = times(16);

function statusIn(runs: string): string | undefined {
  const names = readdirSync(join(root, runs), { recursive: true, encoding: "utf8" });
  const record = names.find((name) => name.endsWith("run.json"));
  return record && (JSON.parse(readFileSync(join(root, runs, record), "utf8")) as { status: string }).status;
}

test(`a signal at ${MOMENTS} moments: one line of JSON and its exit status, and the same command goes on`, async (t) => {
  const seen = new Map<string, number>();
  for (let i = 0; i < MOMENTS; i++) {
    const signal = (["SIGINT", "SIGTERM", "SIGHUP"] as const)[i % 3];
    const args = command(i % 2, `signal-${i % 2}`);
    const wait = 50 + (3000 * i) / MOMENTS;
    const ended = await spectralUntil(
      args,
      (over) => setTimeout(wait, undefined, { signal: over }),
      (child) => child.kill(signal),
    );
    const place = `${signal} after ${wait} ms: ${ended.stdout}${ended.stderr}`;
    assert.equal(ended.stderr, "", place);
    if (ended.signal === signal && ended.stdout === "") {
      seen.set("before the program began", (seen.get("before the program began") ?? 0) + 1); // Node itself starts
      continue;
    }
    const { status } = lastJson(ended.stdout);
    assert.equal(ended.status, status === "finished" ? 0 : statuses[signal], place);
    assert.match(String(status), /^(interrupted|finished)$/);
    seen.set(String(status), (seen.get(String(status)) ?? 0) + 1);
  }
  t.diagnostic([...seen].map(([what, count]) => `${what}: ${count}`).join(", "));
  assert.ok((seen.get("interrupted") ?? 0) > 0);
  for (const task of [0, 1]) assert.equal(spectral(command(task, `signal-${task}`)).status, 0);
});

test("a signal while the measurements of the end are decomposed and written", async () => {
  const args = [...command(0, "end"), "--json", "--set", "epochs=1"];
  const runs = join(root, "end");
  const ended = await spectralUntil(
    args,
    async (over) => {
      const kept = (): boolean => {
        try {
          return readdirSync(runs, { recursive: true, encoding: "utf8" }).some((name) =>
            /weights\/[1-9]/.test(name),
          );
        } catch {
          return false; // not made yet
        }
      };
      while (!kept()) await setTimeout(2, undefined, { signal: over });
    },
    (child) => child.kill("SIGINT"),
  );
  const { status } = lastJson(ended.stdout);
  assert.equal(ended.status, status === "finished" ? 0 : 130);
  assert.equal(spectral(args).status, 0);
});

test("a run whose output is read no more stops with a checkpoint, and the same command goes on", async () => {
  const args = command(1, "head");
  const ended = await spectralUntil(
    [...args, "--set", "epochs=100000"],
    () => Promise.resolve(),
    (child) => child.stdout!.once("data", () => child.stdout!.destroy()),
  );
  assert.equal(ended.status, 141, ended.stderr);
  assert.equal(
    ended.stderr,
    "spectral train: standard output: nobody reads it any more (EPIPE); stopped: the same command goes on\n",
  );
  assert.equal(statusIn("head"), "interrupted");
  const names = readdirSync(join(root, "head"), { recursive: true, encoding: "utf8" });
  assert.ok(names.some((name) => /checkpoints\/\d+\.safetensors$/.test(name)));
  assert.ok(!names.some((name) => name.endsWith("/lock")));
});

test(
  "a run whose output goes to a full disk likewise, with exit status 1",
  { skip: process.platform !== "linux" },
  () => {
    const args = [...command(1, "full"), "--set", "epochs=100000"];
    const file = openSync("/dev/full", "w");
    const ended = spawnSync(process.execPath, ["dist/cli/main.js", ...args], {
      stdio: ["ignore", file, "pipe"],
      encoding: "utf8",
    });
    closeSync(file);
    assert.equal(ended.status, 1);
    assert.match(
      ended.stderr,
      /^spectral train: standard output: the disk is full \(ENOSPC\); stopped: .*\n$/,
    );
    assert.equal(statusIn("full"), "interrupted");
  },
);
