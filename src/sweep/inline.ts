import { studyNamed } from "../analysis/index.js";
import { studyInput } from "../analysis/input.js";
import { runStudy, type StudyOptions } from "../analysis/study.js";
import { startBackend } from "../backend/start.js";
import type { EngineName } from "../linalg/engine-choice.js";
import { resultsFolder } from "../store/paths.js";
import { readRun, type RunReader } from "../store/stored-run.js";
import { readStudy, type StudyReader } from "../store/study.js";
import { type RunProgress, runTask } from "../tasks/run.js";
import { parseEdit } from "../train/edits/edit.js";
import { expand, type Member, type RunMember, type StudyMember } from "./expand.js";
import type { Plan } from "./plan.js";
import { type Others, type Resolver, resolverOf, type SweepFolders } from "./resolve.js";
import { type Executor, type MemberResult, schedule, type SweepProgress } from "./schedule.js";
import { studyWords } from "./words.js";

export interface PlanOptions extends SweepFolders, Others {
  /** A backend's name; default the best one. */
  readonly backend?: string;
  readonly svd?: EngineName;
  /** Told where the training of a member is, every few steps. */
  readonly onTraining?: (member: Member, progress: RunProgress) => void;
  /** Seconds between two looks at runs that other processes train; default 2. */
  readonly pollSeconds?: number;
}

/** What a plan's members are, once they are carried out: those that are finished, each with its facets. */
export interface PlanResult {
  readonly results: readonly MemberResult[];
  /** The finished runs by member's name, in order. */
  readonly runs: ReadonlyMap<string, RunReader>;
  readonly studies: ReadonlyMap<string, StudyReader>;
}

/**
 * Carries out a plan in this process, one member after the other: for notebooks and tests. Finished members are reused; one
 * that fails stops only those that need it.
 * @example
 * const carrying = runPlan({ name: "two", runs: [{ name: "trunk", task: "mnist-mlp", seeds: [0, 1] }] });
 * for await (const { what, member } of carrying) console.log(member.name, what);
 */
export async function* runPlan(
  plan: Plan,
  { backend, svd, onTraining, pollSeconds = 2, ...folders }: PlanOptions = {},
): AsyncGenerator<SweepProgress, PlanResult> {
  const members = expand(plan);
  await startBackend({ backend });
  const resolver = await resolverOf(members, folders);
  const { studies } = resolver;
  const executor: Executor = {
    async carryOut(member, signal) {
      if (member.what === "study") await compute(member, resolver, { studies, backend, svd, signal });
      else await trainMember(member, resolver, { backend, svd, signal }, onTraining);
      return undefined;
    },
  };
  const results = yield* schedule(resolver, executor, { signal: folders.signal, pollSeconds });
  const done = results.filter(({ ending }) => ending === "finished" || ending === "reused");
  const of = (what: Member["what"]): [string, string][] =>
    done
      .filter(({ member }) => member.what === what)
      .map(({ member, state }) => [member.name, state.folder!]);
  return {
    results,
    runs: new Map(of("run").map(([name, folder]) => [name, readRun(folder)])),
    studies: new Map(of("study").map(([name, folder]) => [name, readStudy(folder)])),
  };
}

interface Computing {
  readonly backend?: string;
  readonly svd?: EngineName;
  readonly signal: AbortSignal;
}

async function trainMember(
  member: RunMember,
  resolver: Resolver,
  computing: Computing,
  onTraining: PlanOptions["onTraining"],
): Promise<void> {
  const { request } = (await resolver.run(member.name))!;
  const start = await startOf(member, resolver);
  const training = runTask({ ...request, start, ...computing });
  for (let next = await training.next(); !next.done; next = await training.next())
    onTraining?.(member, next.value);
}

async function startOf(
  { from }: RunMember,
  resolver: Resolver,
): Promise<Parameters<typeof runTask>[0]["start"]> {
  if (!from) return undefined;
  const run = readRun((await resolver.run(from.trunk))!.folder);
  const step = (await resolver.step(from.trunk, from.at))!;
  const edit = from.edit === undefined ? undefined : parseEdit((await resolver.edit(from.edit))!);
  return { run, step, ...(edit && { edit }), ...(from.memory === false && { memory: false }) };
}

async function compute(member: StudyMember, resolver: Resolver, options: StudyOptions): Promise<void> {
  const [, , ...texts] = (await studyWords(member, resolver))!;
  const roots = [resolver.runs, resultsFolder()];
  const inputs = await Promise.all(
    texts.slice(0, member.inputs.length).map((text) => studyInput(text, roots)),
  );
  const computing = runStudy({ kind: studyNamed(member.kind), inputs, set: member.set }, options);
  for (let next = await computing.next(); !next.done; next = await computing.next());
}
