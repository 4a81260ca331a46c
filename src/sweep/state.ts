import { messageOf, SpectralError } from "../core/errors.js";
import { stepsOf } from "../core/time.js";
import type { RunRecord } from "../store/record.js";
import type { RunReader } from "../store/stored-run.js";
import { readStudy, STUDY, type StudyRecord } from "../store/study.js";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { beyondRepair, butReleased, missingFrom } from "../tasks/coverage.js";
import type { Member, StudyMember } from "./expand.js";
import type { ResolvedRun, Resolver } from "./resolve.js";

/**
 * How a member stands, as its run or study says: "finished" with all that is asked of it; "incomplete": finished, and what
 * it lacks can be measured from its kept weights; "lacking": finished without something that only training anew can give;
 * "running" in some process; "interrupted" or "failed", to be resumed; "missing"; "damaged"; "unknown": it cannot be said
 * which run it is before the run is finished that it starts from.
 */
export type Standing =
  | "finished"
  | "incomplete"
  | "lacking"
  | "running"
  | "interrupted"
  | "failed"
  | "missing"
  | "damaged"
  | "unknown";

export interface MemberState {
  readonly standing: Standing;
  /** The run's or study's id; absent where it is unknown. */
  readonly id?: string;
  readonly folder?: string;
  readonly record?: RunRecord | StudyRecord;
  /** Of what failed, is damaged or lacking: why. */
  readonly why?: string;
}

/** How a member stands now. @throws ConfigError, DataError if its data cannot be opened */
export function stateOf(member: Member, resolver: Resolver): Promise<MemberState> {
  return member.what === "run" ? runState(member.name, resolver) : studyState(member, resolver);
}

async function runState(name: string, resolver: Resolver): Promise<MemberState> {
  const resolved = await resolver.run(name);
  if (resolved === undefined) return { standing: "unknown" };
  const { id, folder, description, experiment } = resolved;
  let released: readonly number[] = [];
  const state = unlessDamaged({ id, folder }, (): MemberState => {
    const run = resolver.find(description);
    if (run === undefined) return { standing: "missing", id, folder };
    const { record } = run;
    const found = { id, folder, record };
    if (record.status === "failed") return { ...found, standing: "failed", why: record.failure };
    if (record.status !== "finished") return { ...found, standing: record.status };
    const missing = missingFrom(run, experiment);
    const transient = resolver.readers(folder) !== undefined;
    const lost = beyondRepair(run, transient ? butReleased(run, missing) : missing);
    if (lost !== undefined)
      return { ...found, standing: "lacking", why: `${folder}: this finished run lacks ${lost}` };
    if (transient) released = releasedOf(run, resolved);
    return { ...found, standing: missing.probes.size > 0 ? "incomplete" : "finished" };
  });
  if (released.length === 0) return state;
  const { own, outside } = resolver.readers(folder)!;
  const readers = resolver.isOwn(name) ? own : [...own, ...outside];
  const undone = await firstUndone(readers, { folder, released }, resolver);
  if (undone === undefined) return state;
  const why = `${folder}: this finished run let go of the weights of step ${released.join(", ")}, which ${undone} needs`;
  return { ...state, standing: "lacking", why };
}

/** Steps whose weights a member is asked to keep and its run let go of: they are the same steps in every plan. */
export function releasedOf({ record }: Pick<RunReader, "record">, run: ResolvedRun): readonly number[] {
  const asked = new Set(transientSteps(run));
  return (record.released ?? []).filter((step) => asked.has(step));
}

/** The steps whose weights a transient run lets go of: all that are asked of it, but the last ones of a run that is no branch. */
export function transientSteps({ experiment, clock, description }: ResolvedRun): number[] {
  const asked = new Set([...stepsOf(experiment.checkpoints, clock), clock.totalSteps]);
  if (!description.origin) asked.delete(clock.totalSteps);
  return [...asked];
}

/** The name of the first member that reads weights which a run let go of, and is neither finished nor diverged. */
async function firstUndone(
  readers: readonly Member[],
  { folder, released }: { readonly folder: string; readonly released: readonly number[] },
  resolver: Resolver,
): Promise<string | undefined> {
  for (const member of readers) {
    if (!(await resolver.reads(member, folder, released))) continue;
    if (!(await isOver(member, resolver))) return member.name;
  }
  return undefined;
}

/** Whether a member is finished, or never will be: it diverged, or needs one that did. */
export async function isOver(member: Member, resolver: Resolver): Promise<boolean> {
  if ((await stateOf(member, resolver)).standing === "finished") return true;
  const runs = member.what === "run" ? [member.name, ...member.needs] : member.needs;
  for (const name of runs) if (await diverged(name, resolver)) return true;
  return false;
}

async function diverged(name: string, resolver: Resolver): Promise<boolean> {
  const resolved = await resolver.run(name);
  if (resolved === undefined) return false;
  const { standing, record } = unlessDamaged(resolved, () => {
    const run = resolver.find(resolved.description);
    return run ? { standing: run.record.status, record: run.record } : { standing: "missing" };
  });
  return standing === "failed" && (record as RunRecord).diverged !== undefined;
}

async function studyState(member: StudyMember, resolver: Resolver): Promise<MemberState> {
  const resolved = await resolver.study(member);
  if (resolved === undefined) return { standing: "unknown" };
  const { id, folder } = resolved;
  return unlessDamaged({ id, folder }, () => {
    if (!existsSync(join(folder, STUDY.file))) return { standing: "missing", id, folder };
    const { record } = readStudy(folder);
    const found = { id, folder, record };
    return record.status === "failed"
      ? { ...found, standing: "failed", why: record.failure }
      : { ...found, standing: record.status };
  });
}

function unlessDamaged(place: Pick<MemberState, "id" | "folder">, read: () => MemberState): MemberState {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SpectralError)) throw error;
    return { ...place, standing: "damaged", why: messageOf(error) };
  }
}
