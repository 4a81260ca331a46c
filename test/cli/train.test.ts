import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";
import { lastJson, spectral } from "./spectral.js";

const root = mkdtempSync(join(tmpdir(), "spectral-cli-"));
after(() => rmSync(root, { recursive: true, force: true }));

const tiny = [
  "modular-addition",
  "--backend",
  "wasm",
  "--set",
  "modulus=7",
  "--set",
  "width=8",
  "--set",
  "hidden=16",
];
const short = [...tiny, "--set", "epochs=20", "--set", "measureEvery=10", "--set", "pruneEvery=10"];

test("train ends with one line of JSON; a second call says that it is finished and trains nothing", () => {
  const runs = join(root, "twice");
  const first = spectral(["train", ...short, "--runs", runs, "--vectors", "4"]);
  assert.equal(first.status, 0, first.stderr);
  assert.match(
    first.stdout,
    /the 4 leading singular vectors of 6 matrices are kept: 0\.\d+ MB at each of 3 moments/,
  );
  const result = lastJson(first.stdout);
  assert.equal(result.status, "finished");
  assert.equal(result.step, 20);
  assert.ok(Number.isFinite((result.metrics as Record<string, number>)["validation.loss"]));
  const second = spectral(["train", ...short, "--runs", runs]);
  assert.match(second.stdout, /this run is finished/);
  assert.deepEqual(lastJson(second.stdout), result);
  const quiet = spectral(["train", ...short, "--runs", runs, "--json"]);
  assert.equal(quiet.stdout.trim().split("\n").length, 1);
});

test("wrong names and values are refused with one clear line, and nothing is created", () => {
  const runs = join(root, "refused");
  const cases: [string[], RegExp, number][] = [
    [
      ["train", "modular-adition"],
      /task "modular-adition" does not exist; did you mean "modular-addition"/,
      1,
    ],
    [
      ["train", "modular-addition", "--profile", "quik"],
      /profile "quik" does not exist; did you mean "quick"/,
      1,
    ],
    [["train", "modular-addition", "--setting", "decai"], /"decai" does not exist; did you mean "decay"/, 1],
    [
      ["train", "modular-addition", "--set", "modulos=3"],
      /"modulos" does not exist; did you mean "modulus"/,
      1,
    ],
    [["train", "modular-addition", "--set", "modulus=x"], /"modulus": expected a number, found "x"/, 1],
    [
      ["train", "modular-addition", "--set", "modulus=1"],
      /"modulus": expected a whole number in \[2, 4096\], found 1/,
      1,
    ],
    [["train", "modular-addition", "--seed", "-1"], /--seed|ambiguous/, 1],
    [["train", "modular-addition", "--backend", "cuda"], /backend "cuda".*expected one of/, 1],
    [["train"], /expected TASK, found no argument\nusage: spectral train/, 2],
    [["train", "modular-addition", "--frobnicate"], /Unknown option '--frobnicate'/, 2],
    [["frobnicate"], /unknown command "frobnicate"/, 2],
  ];
  for (const [args, message, status] of cases) {
    const ended = spectral([...args, ...(args[0] === "train" && args[1] ? ["--runs", runs] : [])]);
    assert.match(ended.stderr, message, args.join(" "));
    assert.ok(!ended.stderr.includes("    at "), `a stack trace for ${args.join(" ")}`);
    assert.ok(
      ended.status === status || (args.includes("-1") && ended.status === 2),
      `${args.join(" ")}: ${ended.status}`,
    );
  }
  assert.ok(!existsSync(runs));
});

test("a run folder that cannot be written is named", () => {
  const file = join(root, "a-file");
  writeFileSync(file, "not a folder");
  const ended = spectral(["train", ...short, "--runs", file]);
  assert.equal(ended.status, 1);
  assert.match(ended.stderr, /a-file.*a part of the path is a file/);
});

test("folders that cannot be made, and times that are none, are one error each, at once", () => {
  const refused = (args: readonly string[], status: number, message: RegExp): void => {
    const ended = spectral(["train", ...short, ...args]);
    assert.equal(ended.status, status, args.join(" "));
    assert.match(ended.stderr, message, args.join(" "));
    if (status === 1) assert.equal(ended.stderr.trim().split("\n").length, 1);
  };
  const dangling = join(root, "dangling");
  symlinkSync(join(root, "nowhere"), dangling);
  refused(["--runs", dangling], 1, /cannot make the run folder .*dangling.*EEXIST/);
  refused(["--runs", ""], 2, /--runs: expected DIR, found nothing/);
  if (process.platform === "linux")
    for (const place of ["/proc/x", "/sys/x/y", "/dev/null/x"])
      refused(["--runs", place], 1, new RegExp(`cannot make the run folder ${place}`));
  const runs = join(root, "times");
  for (const text of ["-1", "x", "NaN", "Infinity", "1e400", " "])
    refused(
      ["--runs", runs, `--checkpoint-seconds=${text}`],
      1,
      /--checkpoint-seconds: expected a number >= 0, found/,
    );
  assert.ok(!existsSync(runs));
  assert.equal(spectral(["train", ...short, "--runs", runs, "--checkpoint-seconds", "1e12"]).status, 0);
});

test("a folder that must not be written is named", { skip: process.getuid?.() !== 0 }, () => {
  const script = `process.setuid(65534); process.argv.splice(1, 1); await import(process.argv[1]);`;
  const parent = join(root, "parent");
  mkdirSync(parent, { mode: 0o755 });
  chmodSync(root, 0o755);
  const args = ["train", ...short, "--runs", join(parent, "runs")];
  const { status, stderr } = spawnSync(
    process.execPath,
    ["--input-type=module", "--eval", script, "x", resolve("dist/cli/main.js"), ...args],
    { encoding: "utf8", cwd: "/" },
  );
  assert.equal(status, 1);
  assert.match(stderr, /cannot make the run folder .*parent\/runs.*: no permission \(EACCES\)\n$/);
});

test("a damaged run.json stops training with what to do, and is left as it is", () => {
  const runs = join(root, "damaged");
  assert.equal(spectral(["train", ...short, "--runs", runs]).status, 0);
  const { folder } = lastJson(spectral(["train", ...short, "--runs", runs]).stdout) as { folder: string };
  const path = join(folder, "run.json");
  const cut = readFileSync(path, "utf8").slice(0, 40);
  writeFileSync(path, cut);
  const ended = spectral(["train", ...short, "--runs", runs]);
  assert.equal(ended.status, 1);
  assert.match(ended.stderr, /run\.json: expected JSON, found .*setAsideDamaged/s);
  assert.equal(readFileSync(path, "utf8"), cut);
});

test("a diverging run fails with step and parameter, and its record says so", () => {
  const runs = join(root, "diverged");
  const settings = ["--set", "learningRate=1", "--set", "weightDecay=1000", "--set", "epochs=400"];
  const ended = spectral(["train", ...short, ...settings, "--runs", runs]);
  assert.equal(ended.status, 1);
  assert.match(ended.stderr, /step \d+: expected a finite loss, found .*parameter "/);
  const [id] = readdirSync(join(runs, "modular-addition"));
  const record = JSON.parse(readFileSync(join(runs, "modular-addition", id, "run.json"), "utf8")) as Record<
    string,
    unknown
  >;
  assert.equal(record.status, "failed");
  assert.match(String(record.failure), /expected a finite loss/);
  assert.ok(readFileSync(join(runs, "modular-addition", id, "rows.jsonl"), "utf8").length > 0);
});

test("a GPU that is not there is a clear error", () => {
  const ended = spectral(["train", ...short, "--backend", "tensorflow-gpu", "--runs", join(root, "gpu")]);
  if (ended.status === 0) return; // there is one
  assert.equal(ended.status, 1);
  assert.match(ended.stderr, /tensorflow-gpu/);
});
