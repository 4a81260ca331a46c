import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";
import { startBackend } from "spectral-lab/backend/start";
import { expand } from "spectral-lab/sweep/expand";
import type { Plan } from "spectral-lab/sweep/plan";
import { Resolver } from "spectral-lab/sweep/resolve";
import { scriptOf, type SlurmMember, submit } from "spectral-lab/sweep/slurm";

// Scripts in the place of SLURM's commands: what is asked of a real cluster, slurm.slow.test.ts asks.
const skip = process.platform === "win32" ? "needs /bin/sh" : false;

const root = mkdtempSync(join(tmpdir(), "spectral-slurm-fakes-"));
after(() => rmSync(root, { recursive: true, force: true }));

const plan: Plan = {
  name: "tiny",
  runs: [
    {
      name: "run",
      task: "modular-addition",
      set: { epochs: 2, modulus: 5, width: 8, heads: 2, hidden: 8 },
      probes: ["metrics"],
      seeds: [0, 1, 2],
    },
  ],
};

/** Submits the plan where the commands of SLURM print these texts; "" of those that fail. */
async function submitted(
  t: TestContext,
  prints: Readonly<Record<"squeue" | "sacct", string>>,
): Promise<readonly SlurmMember[]> {
  const place = mkdtempSync(join(root, "place-"));
  const commands = { ...prints, sbatch: "12", scontrol: "MaxArraySize = 1001" };
  for (const [name, text] of Object.entries(commands)) {
    const file = join(place, name);
    const says = text === "" ? 'echo "accounting storage is disabled" >&2; exit 1' : `echo "${text}"`;
    writeFileSync(file, `#!/bin/sh\ncat >/dev/null\n${says}\n`);
    chmodSync(file, 0o755);
  }
  const { PATH } = process.env;
  t.after(() => (process.env.PATH = PATH));
  process.env.PATH = [place, PATH].join(delimiter);
  const folder = join(place, "sweep");
  mkdirSync(join(folder, "slurm"), { recursive: true });
  const members = expand(plan);
  for (const job of [9, 11]) {
    const array = { job, members: members.map(({ name }) => name) };
    writeFileSync(join(folder, "slurm", `${job}.json`), JSON.stringify(array));
  }
  await startBackend({ backend: "js" });
  const resolver = new Resolver(members, { runs: join(place, "runs"), studies: join(place, "studies") });
  return submit(resolver, folder);
}

const saying = (found: readonly SlurmMember[]): unknown[] =>
  found.map(({ what, job, ended }) => [what, job, ended].filter((part) => part !== undefined).join(" "));

test("how the last task of a member ended is read from sacct", { skip }, async (t) => {
  const found = await submitted(t, {
    squeue: "11 2 RUNNING",
    sacct: ["11_0|OUT_OF_MEMORY", "9_0|TIMEOUT", "9_1|CANCELLED by 0", "9_2|NODE_FAIL", "7_0|FAILED"].join(
      "\n",
    ),
  });
  const expected = [
    "submitted 12_0 11_0 OUT_OF_MEMORY",
    "submitted 12_1 9_1 CANCELLED",
    "queued 11_2 RUNNING",
  ];
  assert.deepEqual(saying(found), expected);
});

test("without accounts squeue and the runs say how members stand", { skip }, async (t) => {
  const found = await submitted(t, { squeue: "11 2 PENDING", sacct: "" });
  assert.deepEqual(saying(found), ["submitted 12_0", "submitted 12_1", "queued 11_2 PENDING"]);
});

async function until(done: () => boolean): Promise<void> {
  for (let i = 0; !done(); i++) {
    assert.ok(i < 2000, "waited 20 s");
    await setTimeout(10);
  }
}

const content = (file: string): string => (existsSync(file) ? readFileSync(file, "utf8") : "");

/** Runs the batch script, by a shell, of a member that waits to be told to end; `act` gets its pid. */
async function batchScript(
  [shell, ...options]: readonly string[],
  act: (pids: { shell: number; member: number }) => Promise<unknown>,
): Promise<{ readonly status: number | null; readonly requeued: string }> {
  const place = mkdtempSync(join(root, "script-"));
  const file = (name: string): string => join(place, name);
  writeFileSync(file("member"), `#!/bin/sh\necho $$ >"${file("pid")}"\nexec sleep 60\n`, { mode: 0o755 });
  writeFileSync(file("scontrol"), `#!/bin/sh\necho "$@" >"${file("asked")}"\n`, { mode: 0o755 });
  const script = scriptOf([{ words: [], log: file("log") }]);
  const program = /^'.*' '.*main\.js' "\$@"/m;
  assert.match(script, program);
  writeFileSync(file("script"), script.replace(program, `"${file("member")}"`));
  const env = { SLURM_ARRAY_TASK_ID: "0", SLURM_ARRAY_JOB_ID: "12", PATH: `${place}:${process.env.PATH}` };
  const child = spawn(shell, [...options, file("script")], { env, stdio: "ignore" });
  const ended = new Promise<number | null>((done) => child.once("exit", done));
  try {
    await until(() => content(file("pid")).endsWith("\n"));
    await act({ shell: child.pid!, member: Number(content(file("pid"))) });
    return { status: await ended, requeued: content(file("asked")).trim() };
  } finally {
    child.kill("SIGKILL");
  }
}

/** "T" stopped, "Z" ended, not waited for. */
const stateIn = (pid: number): string => /^\d+ \(.*\) (.)/.exec(content(`/proc/${pid}/stat`))?.[1] ?? "";
const shells = [["sh"], ["bash", "--posix"], ["dash"]].filter(
  ([name]) => spawnSync(name, ["-c", "exit 0"]).status === 0,
);

for (const shell of shells) {
  const linux = process.platform === "linux" ? false : "reads /proc";
  test(
    `a member is queued again near its time limit, however late the shell is: ${shell.join(" ")}`,
    { skip: linux },
    async () => {
      const noticed = await batchScript(shell, async (pids) => process.kill(pids.shell, "SIGUSR1"));
      assert.deepEqual(noticed, { status: 143, requeued: "requeue 12_0" });
      const cancelled = await batchScript(shell, async (pids) => process.kill(pids.shell, "SIGTERM"));
      assert.deepEqual(cancelled, { status: 143, requeued: "" });
      const late = await batchScript(shell, async (pids) => {
        process.kill(pids.shell, "SIGSTOP"); // on a machine with much to do it finds both at once
        await until(() => stateIn(pids.shell) === "T");
        process.kill(pids.shell, "SIGUSR1");
        process.kill(pids.member, "SIGTERM");
        await until(() => stateIn(pids.member) === "Z");
        process.kill(pids.shell, "SIGCONT");
      });
      assert.deepEqual(late, { status: 143, requeued: "requeue 12_0" });
    },
  );
}
