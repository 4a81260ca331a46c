import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { mnistMlp, modularAddition } from "spectral-lab/tasks/index";
import { storedNetwork } from "../analysis/stored-network.js";
import { lastJson, spectral } from "./spectral.js";

const root = mkdtempSync(join(tmpdir(), "spectral-study-"));
after(() => rmSync(root, { recursive: true, force: true }));
const [runs, studies] = [join(root, "runs"), join(root, "studies")];
const folders = ["--runs", runs, "--studies", studies];

const { run, model } = await storedNetwork(runs, modularAddition, { modulus: 7, width: 8, hidden: 16 });
const { id } = run.record;

test("study agreement prints the scores and, last, where they lie; again it opens them", () => {
  const args = [
    "study",
    "agreement",
    `${id.slice(0, 6)}@0`,
    `modular-addition/${id}@end`,
    "--set",
    "pairs=5",
  ];
  const found = spectral([...args, ...folders]);
  assert.equal(found.status, 0, found.stderr);
  const lines = found.stdout.trim().split("\n");
  assert.match(lines[1], /^matrix +depth +rows +columns +score$/);
  assert.deepEqual(
    lines.slice(2, -1).map((line) => line.split(/ +/).slice(0, 2)),
    model.matrices.map(({ name }, depth) => [name, String(depth)]),
  );
  const { folder, study, ...rest } = lastJson(found.stdout);
  assert.equal(folder, join(studies, "agreement", String(study)));
  assert.deepEqual(rest, {
    kind: "agreement",
    status: "finished",
    inputs: [`modular-addition/${id}@0`, `modular-addition/${id}@10`],
    pairs: 5,
    full: false,
  });
  const record = readFileSync(join(String(folder), "study.json"), "utf8");
  const { code, finished } = JSON.parse(record) as {
    code: { version: string; commit?: string };
    finished: string;
  };
  assert.ok(code.version !== "unknown" && finished.length > 0);
  if (existsSync(".git")) assert.match(code.commit!, /^[0-9a-f]{40}$/);

  const again = spectral([...args, ...folders, "--json"]);
  assert.deepEqual([again.status, lastJson(again.stdout)], [0, lastJson(found.stdout)]);
  assert.equal(again.stdout.trim().split("\n").length, 1);
  assert.equal(readFileSync(join(String(folder), "study.json"), "utf8"), record);
});

test("study barrier evaluates along the line, on the backend that is asked for", () => {
  const args = ["study", "barrier", `${id}@0`, `${id}@end`, "--set", "points=3", "--backend", "wasm"];
  const found = spectral([...args, ...folders]);
  assert.equal(found.status, 0, found.stderr);
  const lines = found.stdout.trim().split("\n");
  assert.match(lines[1], /^alpha +metric +value +count$/);
  assert.deepEqual(
    lines.slice(2, -1).map((line) => line.trim().split(/ +/).slice(0, 2)),
    [0, 0.5, 1].flatMap((alpha) => ["loss", "error"].map((metric) => [String(alpha), metric])),
  );
  const { folder, kind, points, statistics } = lastJson(found.stdout);
  assert.deepEqual([kind, points, statistics], ["barrier", 3, "recomputed"]);
  const record = JSON.parse(readFileSync(join(String(folder), "study.json"), "utf8")) as {
    backend: string[];
  };
  assert.match(record.backend.join(), /^WebAssembly/);
});

test("study agreement with edited weights: a network and itself masked", () => {
  const args = ["study", "agreement", `${id}@end`, `${id}@end+magnitude:0.5`, ...folders];
  const found = spectral(args);
  assert.equal(found.status, 0, found.stderr);
  const { inputs } = lastJson(found.stdout);
  const end = `modular-addition/${id}@10`;
  assert.deepEqual(inputs, [end, `${end}+magnitude:0.5`]);
});

test("what cannot be studied is one clear error, and leaves nothing", () => {
  const before = existsSync(studies) ? readdirSync(studies, { recursive: true }) : [];
  const wrong: [args: string[], status: number, message: RegExp][] = [
    [[], 2, /expected KIND RUN@STEP\.\.\., found no argument\nusage: spectral study KIND/],
    [["agreemant", `${id}@0`], 1, /study "agreemant" does not exist; did you mean "agreement"/],
    [["agreement", `${id}@0`], 1, /expected two networks of one task, found 1/],
    [["agreement", `${id}@0`, `${id}@0+magnitude:2`], 1, /edit "magnitude:2": expected a share/],
    [["agreement", `${id}@0`, `${id}@5`], 1, /expected kept weights of step 5, found those of step 0, 10/],
    [["agreement", `${id}@0`, "ffffff0@5"], 1, /there is no run "ffffff0"/],
    [["agreement", `${id}@0`, `${id}@end`, "--set", "pairs=0"], 1, /"pairs": expected a whole number/],
  ];
  for (const [args, status, message] of wrong) {
    const ended = spectral(["study", ...args, ...folders]);
    assert.equal(ended.status, status, args.join(" "));
    assert.match(ended.stderr, message);
    assert.doesNotMatch(ended.stderr, /\n +at /, "no trace");
  }
  assert.deepEqual(existsSync(studies) ? readdirSync(studies, { recursive: true }) : [], before);
});

test("Ctrl-C leaves a study that can be gone on with", async () => {
  const set = { standIn: true, trainingExamples: 10, hidden: 600 };
  const { run: large, model: network } = await storedNetwork(runs, mnistMlp, set);
  const args = ["study", "agreement", `${large.folder}@0`, `${large.folder}@end`, ...folders];
  const before = new Set(readdirSync(join(studies, "agreement")));
  const child = spawn(process.execPath, [resolve("dist/cli/main.js"), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let stdout = "";
  child.stdout.on("data", (text) => (stdout += text));
  const closed = once(child, "close");
  const made = (): string | undefined =>
    readdirSync(join(studies, "agreement")).find((name) => !before.has(name));
  const isMade = (): boolean => existsSync(join(studies, "agreement", made() ?? "none", "study.json"));
  while (!isMade() && child.exitCode === null) await setTimeout(10);
  child.kill("SIGINT");
  assert.deepEqual(await closed, [130, null]);
  const { status, folder } = lastJson(stdout);
  assert.equal(status, "interrupted");
  assert.deepEqual(
    readdirSync(String(folder)).filter((name) => !/^(study\.json|rows\.jsonl|parts)$/.test(name)),
    [],
  );
  const finished = spectral(args);
  assert.equal(finished.status, 0, finished.stderr);
  assert.deepEqual(
    [lastJson(finished.stdout).status, lastJson(finished.stdout).folder],
    ["finished", folder],
  );
  assert.equal(finished.stdout.trim().split("\n").length, 3 + network.matrices.length);
});
