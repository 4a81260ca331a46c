import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { Plan } from "spectral-lab/sweep/plan";
import { type Ended, lastJson, spectral } from "./spectral.js";

const root = mkdtempSync(join(tmpdir(), "spectral-sweep-cli-"));
after(() => rmSync(root, { recursive: true, force: true }));

const plan: Plan = {
  name: "tiny",
  runs: [
    {
      name: "trunk",
      task: "modular-addition",
      set: { epochs: 2, modulus: 5, width: 8, heads: 2, hidden: 8 },
      probes: ["metrics"],
      seeds: [0, 1],
    },
  ],
};
const file = join(root, "plan.json");
writeFileSync(file, JSON.stringify(plan));

function sweep(...args: string[]): Ended {
  const folders = ["--runs", join(root, "runs"), "--studies", join(root, "studies")];
  return spectral(["sweep", ...args, ...folders], {
    SPECTRAL_SWEEPS: join(root, "sweeps"),
    SPECTRAL_BACKEND: "wasm",
    PATH: "",
  });
}

test("a dry run says what would be done, and writes nothing", () => {
  const { status, stdout } = sweep(file, "--dry-run");
  assert.equal(status, 0);
  assert.match(stdout, /^trunk\/seed=0: missing, keeps [\d.]+ kB, 2 steps/m);
  assert.match(stdout, /^profile quick: 2 members: 2 missing$/m);
  assert.ok(!existsSync(join(root, "runs")) && !existsSync(join(root, "sweeps")));
  const { members, bytes } = lastJson(sweep(file, "--dry-run", "--json").stdout);
  assert.deepEqual(members, { missing: 2 });
  assert.ok(Number((bytes as { total: number }).total) > 0);
});

test("a sweep trains its members, each with a log, and says a line for each; again, all are reused", () => {
  const first = sweep(file, "--jobs", "2");
  assert.equal(first.status, 0, first.stderr);
  assert.match(first.stdout, /^2\/2 trunk\/seed=\d: finished$/m);
  const folder = join(root, "sweeps", "tiny");
  assert.deepEqual(lastJson(first.stdout), { sweep: "tiny", finished: 2, folder });
  assert.deepEqual(JSON.parse(readFileSync(join(folder, "plan.json"), "utf8")), plan);
  assert.equal(lastJson(readFileSync(join(folder, "logs", "0002-trunk.log"), "utf8")).status, "finished");
  const { stdout, status } = sweep(file, "--json");
  assert.equal(status, 0);
  assert.equal(stdout.trim().split("\n").length, 1);
  assert.deepEqual(lastJson(stdout), { sweep: "tiny", reused: 2, folder });
});

test("what is wrong is one message", () => {
  const bad = join(root, "bad.json");
  writeFileSync(bad, JSON.stringify({ ...plan, runs: [{ ...plan.runs[0], task: "modular" }] }));
  const fails = (args: string[], message: RegExp, expected = 1): void => {
    const { status, stderr } = sweep(...args);
    assert.equal(status, expected, stderr);
    assert.match(stderr, message);
  };
  fails([bad], /bad\.json: runs\[0\] \("trunk"\): task "modular" does not exist/);
  fails([join(root, "none.json")], /none\.json: expected a plan's file, found none/);
  fails(["figure99"], /expected a plan's file .* or a plan of the paper's \(.*\), found "figure99"/);
  writeFileSync(bad, "{");
  fails([bad], /bad\.json: expected JSON/);
  fails([file, "--engine", "cluster"], /--engine: expected local or slurm, found "cluster"/, 2);
  fails([file, "--jobs", "0"], /--jobs: expected a number >= 1, found "0"/, 2);
  fails([file, "--slurm=--time=5"], /--slurm: expected --engine slurm with it/, 2);
  fails([file, "--slurm", "--time=5 --nodes=1"], /--slurm: expected --engine slurm with it/, 2);
  fails([file, "--slurm"], /'--slurm' argument is ambiguous/, 2);
  fails([file, "--engine", "slurm"], /squeue: expected SLURM's command on this machine, found none/);
  fails([file, "--profile", "papper"], /profile "papper" does not exist; did you mean "paper"/);
});
