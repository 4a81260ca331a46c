import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { startBackend } from "spectral-lab/backend/start";
import { expand } from "spectral-lab/sweep/expand";
import type { Plan } from "spectral-lab/sweep/plan";
import { Resolver } from "spectral-lab/sweep/resolve";
import { type SlurmMember, submit } from "spectral-lab/sweep/slurm";

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
