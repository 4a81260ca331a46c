import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigError, StoreError } from "../core/errors.js";
import { writeFileAtomic } from "../core/files/atomic.js";
import { printable } from "../core/printable.js";
import { fields, list, text, whole } from "../core/schema.js";
import type { Member } from "./expand.js";
import { programFile, wordsOf } from "./processes.js";
import { letGo } from "./release.js";
import type { Resolver } from "./resolve.js";
import { type MemberState, stateOf } from "./state.js";
import { logPath } from "./sweep-folder.js";
import { type Common, retrainCommand } from "./words.js";

// SLURM does what it is made for: it queues, orders by dependencies, starts, signals, requeues. What of a sweep is done, runs
// and studies say; what is queued, squeue says; how a task ended, sacct says where accounts are kept. A file per array only
// says which member each of its tasks is.

export interface SlurmOptions extends Common {
  /** More options of sbatch: ["--partition=gpu", "--time=4:00:00"]. */
  readonly options?: readonly string[];
  /** Tasks of an array at the same time; default no limit. */
  readonly jobs?: number;
}

/** What became of a member: how it stands, or "queued" in SLURM, "submitted" now, "waiting" for one that cannot be made. */
export interface SlurmMember {
  readonly member: Member;
  readonly what: "finished" | "queued" | "submitted" | "elsewhere" | "failed" | "waiting";
  /** "12_3", and its state as squeue says it. */
  readonly job?: string;
  readonly why?: string;
  /**
   * Of one that is neither finished nor queued, where SLURM keeps accounts: how its last task ended, "12_3 OUT_OF_MEMORY". Of memory,
   * time limits, failing nodes and cancelling a run itself can say nothing.
   */
  readonly ended?: string;
}

/** An array of jobs that was submitted: which member each task is. */
interface SubmittedArray {
  readonly job: number;
  readonly members: readonly string[];
}

const arrayRule = fields({ job: whole(1), members: list(text(10_000)) });

/** Seconds before its time limit at which a member is asked to write a checkpoint. */
const NOTICE = 60;

/** How long sacct is waited for. */
const SACCT_SECONDS = 20;

/**
 * Submits the members of a sweep that are neither finished nor queued, as arrays of jobs: one task per member, an array for
 * all members of a group that wait for the same arrays. An array begins when those that it needs have ended, each task of them
 * well or not: a task whose member lacks what it needs fails by itself and stops no other. A task that comes near its time
 * limit writes a checkpoint and is requeued, and so is one whose node fails or that is preempted. Asked again, it says how
 * all stand, lets transient runs go of weights that are read no more, and submits what is missing.
 * @param folder of the sweep
 * @throws ConfigError if SLURM's commands are absent or refuse; StoreError if the folder cannot be written; as stateOf
 */
export async function submit(
  resolver: Resolver,
  folder: string,
  { options = [], jobs, ...common }: SlurmOptions = {},
): Promise<readonly SlurmMember[]> {
  const name = jobName(folder);
  const arrays = submittedArrays(folder);
  const queued = queuedMembers(name, arrays);
  const ended = endedMembers(name, arrays);
  const found = new Map<string, SlurmMember>();
  /** By run or study: the member that stands for it, where several are one. */
  const first = new Map<string, string>();
  /** By member: the array that makes it. */
  const arrayOf = new Map<string, Batch>();
  const batches = new Map<string, Batch>();
  for (const member of resolver.members) {
    const state = await stateOf(member, resolver);
    const place = state.folder ?? member.name;
    const known = found.get(first.get(place) ?? "");
    if (known) {
      found.set(member.name, { ...known, member });
      const batch = arrayOf.get(known.member.name);
      if (batch) arrayOf.set(member.name, batch);
      continue;
    }
    first.set(place, member.name);
    const job = queued.get(member.name);
    if (job) arrayOf.set(member.name, { job: job.array, level: 0, members: [], needs: new Set() });
    const standing = await standingOf(member, state, job?.text, found, resolver);
    if (standing) {
      found.set(member.name, standing);
      continue;
    }
    const words = await wordsOf(member, resolver, common);
    if (words === undefined) {
      const why = "it is not known yet which run it starts from: ask again once that is finished";
      found.set(member.name, { member, what: "waiting", why });
      continue;
    }
    const batch = batchFor(member, arrayOf, batches);
    batch.members.push({ member, words });
    arrayOf.set(member.name, batch);
    found.set(member.name, { member, what: "submitted" });
  }
  const most = batches.size > 0 ? mostTasks() : 1;
  for (const batch of [...batches.values()].sort((a, b) => a.level - b.level)) {
    submitBatch(batch, { name, folder, options, jobs, most, all: resolver.members }, found);
  }
  for (const member of resolver.members) if (member.what === "run") await letGo(member, resolver);
  return resolver.members.map((member) => {
    const one = found.get(member.name)!;
    const last = one.what === "finished" || one.what === "queued" ? undefined : ended.get(member.name);
    return last === undefined ? one : { ...one, ended: last };
  });
}

/** Members that are submitted together. */
interface Batch {
  /** Its array, once it is submitted; of a queued member's that array. Several where there are too many tasks for one. */
  job?: number | readonly number[];
  readonly level: number;
  readonly members: { readonly member: Member; readonly words: readonly string[] }[];
  readonly needs: Set<Batch>;
}

/** What a member is without being submitted; undefined if it is to be submitted. */
async function standingOf(
  member: Member,
  { standing, why, folder }: MemberState,
  job: string | undefined,
  found: ReadonlyMap<string, SlurmMember>,
  resolver: Resolver,
): Promise<SlurmMember | undefined> {
  if (standing === "finished") return { member, what: "finished" };
  if (job !== undefined) return { member, what: "queued", job };
  if (standing === "running") return { member, what: "elsewhere" };
  if (standing === "damaged")
    return { member, what: "failed", why: `${why}; \`spectral runs set-aside ${folder}\` puts it aside` };
  if (standing === "lacking" && member.what === "run") {
    const again = await retrainCommand(member, resolver);
    return { member, what: "failed", why: `${why}; train it again with: ${again}` };
  }
  const stuck = member.needs
    .map((name) => found.get(name)!)
    .find(({ what }) => what === "failed" || what === "waiting" || what === "elsewhere");
  return stuck && { member, what: "waiting", why: `it needs ${stuck.member.name}` };
}

/** The array that a member joins: that of its group whose members wait for the same arrays. */
function batchFor(member: Member, arrayOf: ReadonlyMap<string, Batch>, batches: Map<string, Batch>): Batch {
  const needs = new Set(member.needs.flatMap((name) => arrayOf.get(name) ?? []));
  const level = Math.max(0, ...[...needs].map((need) => need.level + 1));
  const sort = member.what === "run" ? `run ${String(member.facets.group)}` : `study ${member.kind}`;
  const key = `${level} ${sort}`;
  const batch: Batch = batches.get(key) ?? { level, members: [], needs: new Set<Batch>() };
  for (const need of needs) batch.needs.add(need);
  batches.set(key, batch);
  return batch;
}

interface Submission {
  readonly name: string;
  readonly folder: string;
  readonly options: readonly string[];
  readonly jobs: number | undefined;
  /** Tasks of an array. */
  readonly most: number;
  readonly all: readonly Member[];
}

function submitBatch(batch: Batch, submission: Submission, found: Map<string, SlurmMember>): void {
  const { name, folder, options, jobs, most, all } = submission;
  const after = [...new Set([...batch.needs].flatMap(({ job }) => job ?? []))];
  const ids: number[] = [];
  for (let from = 0; from < batch.members.length; from += most) {
    const tasks = batch.members.slice(from, from + most);
    const script = scriptOf(tasks.map(({ member, words }) => ({ words, log: logPath(folder, all, member) })));
    mkdirSync(join(folder, "logs"), { recursive: true });
    const limit = jobs === undefined ? "" : `%${jobs}`;
    const printed = slurm(
      "sbatch",
      [
        "--parsable",
        `--job-name=${name}`,
        `--array=0-${tasks.length - 1}${limit}`,
        ...(after.length > 0
          ? [`--dependency=afterany:${after.join(":")}`, "--kill-on-invalid-dep=yes"]
          : []),
        "--requeue",
        `--signal=B:USR1@${NOTICE}`,
        "--open-mode=append",
        `--output=${join(folder, "logs", "slurm-%A_%a.log")}`,
        ...options,
      ],
      script,
    );
    const job = Number(/^(\d+)/.exec(printed)?.[1]);
    if (!(job > 0))
      throw new ConfigError(`sbatch: expected the number of a job, found "${printable(printed, 200)}"`);
    ids.push(job);
    const submitted: SubmittedArray = { job, members: tasks.map(({ member }) => member.name) };
    writeFileAtomic(arrayFile(folder, job), `${JSON.stringify(submitted, null, 2)}\n`);
    tasks.forEach(({ member }, i) =>
      found.set(member.name, { member, what: "submitted", job: `${job}_${i}` }),
    );
  }
  batch.job = ids;
}

/** The batch script of an array: the member of a task, and what is done when it is to stop. */
export function scriptOf(
  tasks: readonly { readonly words: readonly string[]; readonly log: string }[],
): string {
  const cases = tasks.map(
    ({ words, log }, i) => `${i}) log=${quoted(log)}; set -- ${words.map(quoted).join(" ")} ;;`,
  );
  return `#!/bin/sh
# One member of a sweep per task. USR1 comes ${NOTICE} seconds before the time limit: the member writes a checkpoint, and is queued
# again to go on from there. TERM comes where the job is cancelled, requeued or preempted: then SLURM decides.
case "$SLURM_ARRAY_TASK_ID" in
${cases.join("\n")}
*) echo "no member of task $SLURM_ARRAY_TASK_ID" >&2; exit 2 ;;
esac
again= signalled= member=
trap 'signalled=1 again=1; kill -TERM "$member" 2>/dev/null' USR1
trap 'signalled=1; kill -TERM "$member" 2>/dev/null' TERM
${quoted(process.execPath)} ${quoted(programFile())} "$@" >>"$log" 2>&1 &
member=$!
[ -z "$signalled" ] || kill -TERM "$member" 2>/dev/null # signalled before its number was known
while :; do # a signal ends the waiting, not the member
  wait "$member"
  ended=$?
  [ "$ended" -eq 127 ] || status=$ended # 127: it was waited for before
  [ -n "$signalled" ] || break
  signalled=
done
if [ -n "$again" ] && [ "$status" -eq 143 ]; then
  scontrol requeue "\${SLURM_ARRAY_JOB_ID}_\${SLURM_ARRAY_TASK_ID}"
fi
exit "$status"
`;
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\\\''")}'`;
}

/** What squeue calls the jobs of a sweep. */
function jobName(folder: string): string {
  return `spectral-${folder.split("/").at(-1)}`;
}

function arrayFile(folder: string, job: number): string {
  return join(folder, "slurm", `${job}.json`);
}

/** By the number of an array: which member each of its tasks is. */
type Arrays = ReadonlyMap<number, readonly string[]>;

/** The members that squeue knows, with their array, and "12_3 RUNNING". */
function queuedMembers(
  name: string,
  arrays: Arrays,
): ReadonlyMap<string, { readonly array: number; readonly text: string }> {
  const found = new Map<string, { readonly array: number; readonly text: string }>();
  const printed = slurm("squeue", ["--noheader", "--array", "--me", `--name=${name}`, "--format=%F %K %T"]);
  for (const line of printed.trim().split("\n")) {
    const [job, task, state] = line.trim().split(/\s+/);
    const member = arrays.get(Number(job))?.[Number(task)];
    if (member !== undefined) found.set(member, { array: Number(job), text: `${job}_${task} ${state}` });
  }
  return found;
}

/**
 * How the last task of each member ended, as sacct says it: "12_3 TIMEOUT". Empty where SLURM keeps no accounts, or does not
 * answer for them: nothing is decided by it.
 */
function endedMembers(name: string, arrays: Arrays): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  if (arrays.size === 0) return found;
  const jobs = [...arrays.keys()].join(",");
  const shown = ["--noheader", "--parsable2", "--allocations", "--array", "--format=JobID,State"];
  const args = [...shown, `--jobs=${jobs}`, `--name=${name}`, "--starttime=1970-01-01"];
  const { status, stdout } = spawnSync("sacct", args, { encoding: "utf8", timeout: 1000 * SACCT_SECONDS });
  if (status !== 0) return found;
  const ends = [...stdout.matchAll(/^(\d+)_(\d+)\|([A-Z_]+)/gm)].map(([, job, task, state]) => {
    return { job: Number(job), task: Number(task), state };
  });
  for (const { job, task, state } of ends.sort((a, b) => a.job - b.job)) {
    const member = arrays.get(job)?.[task];
    if (member !== undefined) found.set(member, `${job}_${task} ${state}`);
  }
  return found;
}

/** @throws StoreError for a file that is none of ours */
function submittedArrays(folder: string): Arrays {
  const place = join(folder, "slurm");
  if (!existsSync(place)) return new Map();
  const found = readdirSync(place)
    .filter((file) => /^\d+\.json$/.test(file))
    .map((file) => {
      const path = join(place, file);
      let value: unknown;
      try {
        value = JSON.parse(readFileSync(path, "utf8"));
      } catch (error) {
        throw new StoreError(`${path}: expected which members an array has, found no JSON`, { cause: error });
      }
      const flaw = arrayRule(value);
      if (flaw)
        throw new StoreError(`${path}: ${flaw.place}: expected ${flaw.expected}, found ${flaw.found}`);
      return value as SubmittedArray;
    });
  return new Map(found.map(({ job, members }) => [job, members]));
}

/** How many tasks an array may have. */
function mostTasks(): number {
  const found = /^MaxArraySize\s*=\s*(\d+)/m.exec(slurm("scontrol", ["show", "config"]));
  return found && Number(found[1]) > 0 ? Number(found[1]) : 1;
}

/** What one of SLURM's commands prints. @throws ConfigError if it is absent, or fails: says what it said */
function slurm(command: string, args: readonly string[], input?: string): string {
  const { error, status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", input });
  if (error) {
    throw new ConfigError(
      `${command}: expected SLURM's command on this machine, found none (${error.message})`,
    );
  }
  if (status === 0) return stdout;
  throw new ConfigError(`${command}: ${printable(stderr.trim() || `exit status ${status}`, 1000)}`);
}
