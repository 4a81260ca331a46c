import { messageOf, SpectralError } from "../core/errors.js";
import type { RunRecord } from "../store/record.js";
import { readStudy, STUDY, type StudyRecord } from "../store/study.js";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { beyondRepair, butReleased, missingFrom } from "../tasks/coverage.js";
import type { Member, StudyMember } from "./expand.js";
import type { Resolver } from "./resolve.js";

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
    released = missing.weights;
    return { ...found, standing: missing.probes.size > 0 ? "incomplete" : "finished" };
  });
  const undone = released.length > 0 ? await firstUndone(resolver.readers(folder)!.own, resolver) : undefined;
  if (undone === undefined) return state;
  const why = `${folder}: this finished run let go of the weights of step ${released.join(", ")}, which ${undone} needs`;
  return { ...state, standing: "lacking", why };
}

/** The name of the first of some members that is neither finished nor diverged. */
async function firstUndone(members: readonly Member[], resolver: Resolver): Promise<string | undefined> {
  for (const member of members) if (!(await isOver(member, resolver))) return member.name;
  return undefined;
}

/** Whether a member is finished, or never will be: it diverged, or needs one that did. */
export async function isOver(member: Member, resolver: Resolver): Promise<boolean> {
  const { standing, record } = await stateOf(member, resolver);
  if (standing === "finished" || diverged(record)) return true;
  for (const name of member.needs)
    if (diverged((await stateOf(resolver.member(name), resolver)).record)) return true;
  return false;
}

function diverged(record: MemberState["record"]): boolean {
  return (record as RunRecord | undefined)?.diverged !== undefined;
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
