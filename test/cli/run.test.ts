import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { temporaryFolder, tinyDisk } from "../store/temporary-folder.js";
import type { Ended } from "./spectral.js";

const program = fileURLToPath(new URL("./toy-commands.js", import.meta.url));
const full = process.platform === "linux" ? {} : { skip: "only Linux has /dev/full" };

function toy(args: readonly string[], env: NodeJS.ProcessEnv = {}): Ended {
  const options = { encoding: "utf8", env: { ...process.env, ...env } } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], options);
  return { status, stdout, stderr };
}

/** Runs with a file as one of the three streams. */
function toyOnto(path: string, stream: 1 | 2, args: readonly string[]): Ended {
  const file = openSync(path, "w");
  const stdio = ["ignore", "pipe", "pipe"].map((kind, i) => (i === stream ? file : kind)) as ["ignore"];
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], {
    stdio,
    encoding: "utf8",
  });
  closeSync(file);
  return { status, stdout, stderr };
}

function started(...args: string[]): ChildProcess {
  return spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
}

async function endOf(child: ChildProcess): Promise<Ended & { readonly signal: NodeJS.Signals | null }> {
  let [stdout, stderr] = ["", ""];
  child.stdout!.on("data", (text) => (stdout += text));
  child.stderr!.on("data", (text) => (stderr += text));
  const [status, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return { status, signal, stdout, stderr };
}

test("every failure is one line that says what happened, and exit status 1", () => {
  const cases: [name: string, says: string][] = [
    ["known", "the reason"],
    ["type", "unexpected TypeError: a\\nb (SPECTRAL_TRACE=1 shows where)"],
    ["text", "unexpected error: only text (SPECTRAL_TRACE=1 shows where)"],
    ["file", "cannot open /nowhere/x: it does not exist (ENOENT)"],
    ["forgotten", "nobody awaits me"],
    ["later", "unexpected RangeError: in a timer (SPECTRAL_TRACE=1 shows where)"],
    ["never", "ended before its work was done: nothing was left to wait for. This is a fault of the program"],
  ];
  for (const [name, says] of cases)
    assert.deepEqual(toy([name]), { status: 1, stdout: "", stderr: `spectral ${name}: ${says}\n` });
  const { status, stderr } = toy(["load"]);
  assert.equal(status, 1);
  assert.match(stderr, /^spectral load: unexpected Error: Cannot find module .*no-such-module.*\n$/);
  assert.match(toy(["type"], { SPECTRAL_TRACE: "1" }).stderr, /TypeError: a\nb\n +at .*toy-commands/);
});

test("output to a full disk is exit status 1 and one line", full, () => {
  for (const name of ["print", "flood", "wait"]) {
    const { status, stderr } = toyOnto("/dev/full", 1, [name, "text"]);
    assert.equal(status, 1);
    assert.match(stderr, /^spectral \w+: standard output: the disk is full \(ENOSPC\)(; stopped: .*)?\n$/);
  }
  const help = toyOnto("/dev/full", 1, ["--help"]);
  assert.deepEqual([help.status, help.stderr], [1, "spectral: standard output: the disk is full (ENOSPC)\n"]);
});

test("a disk that becomes full in the middle is noticed too", (t) => {
  const disk = tinyDisk(t);
  if (!disk) return;
  const { status, stderr } = toyOnto(join(disk.folder, "out"), 1, ["flood"]);
  assert.deepEqual([status, stderr], [1, "spectral flood: standard output: the disk is full (ENOSPC)\n"]);
});

test("a large output to a file is whole", (t) => {
  const path = join(temporaryFolder(t), "out");
  assert.equal(toyOnto(path, 1, ["flood"]).status, 0);
  assert.equal(readFileSync(path, "utf8"), `${"x".repeat(2 ** 20)}\n`);
});

test("what the standard error stream does not take changes nothing", full, () => {
  assert.deepEqual(toyOnto("/dev/full", 2, ["print", "text"]).status, 0);
  assert.equal(toyOnto("/dev/full", 2, ["known"]).status, 1);
  assert.equal(toyOnto("/dev/full", 2, ["type"]).status, 1);
});

test("a reader that ends, ends a command: quietly, or with what can be done where it was at work", async () => {
  const short = started("flood");
  short.stdout!.destroy();
  const { status, stderr } = await endOf(short);
  assert.deepEqual([status, stderr], [141, ""]);

  const long = started("wait");
  const ended = endOf(long);
  await once(long.stdout!, "data");
  long.stdout!.destroy();
  const stopped = await ended;
  assert.equal(stopped.status, 141);
  assert.equal(
    stopped.stderr,
    "spectral wait: standard output: nobody reads it any more (EPIPE); stopped: the same command goes on\n",
  );
});

const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
for (const [name, status] of Object.entries(signals)) {
  test(`${name} stops a command in order, and the process at once where it cannot be stopped`, async () => {
    const orderly = started("wait");
    const ended = endOf(orderly);
    await once(orderly.stdout!, "data");
    orderly.kill(name as NodeJS.Signals);
    orderly.kill(name as NodeJS.Signals); // as npx does: twice
    const { stdout, ...rest } = await ended;
    assert.deepEqual(rest, { status, signal: null, stderr: "" });
    assert.equal(stdout.trim().split("\n").at(-1), "stopped");
    const other = started("later");
    const killed = endOf(other);
    other.kill(name as NodeJS.Signals);
    assert.equal((await killed).signal, name);
  });
}
