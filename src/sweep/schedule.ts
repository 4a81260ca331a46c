import { setTimeout } from "node:timers/promises";
import { messageOf } from "../core/errors.js";
import type { RunRecord } from "../store/record.js";
import type { Member } from "./expand.js";
import { Eta } from "./eta.js";
import type { Resolver } from "./resolve.js";
import { letGo, Releases } from "./release.js";
import { type MemberState, stateOf } from "./state.js";
import { retrainCommand } from "./words.js";

/** What carries out one member. */
export interface Executor {
  /**
   * Trains or computes a member, or goes on with it, until it ends, however it ends: how is read from its run or study.
   * Ends early, with what it has so far, once `signal` is aborted.
   * @returns why it failed, where its run or study may not say so; undefined if it did not
   */
  carryOut(member: Member, signal: AbortSignal): Promise<string | undefined>;
}

/**
 * How a member ended: "finished" now, or "reused" because it was finished before; "failed", with why; "waiting" for
 * another one that failed; "stopped" with the sweep, or not begun by then.
 */
export type Ending = "finished" | "reused" | "failed" | "waiting" | "stopped";

/** A member, and how it ended. */
export interface MemberResult {
  readonly member: Member;
  readonly ending: Ending;
  readonly state: MemberState;
  /** Of one that failed or waits: why, and what to do. */
  readonly why?: string;
}

/** Something that a sweep says while it goes on. */
export interface SweepProgress {
  /**
   * "started", "elsewhere": another process works on it and is waited for; "working": at a step; how it ended; or "released": it is
   * finished, and so is all that is made from its weights, which are let go of (or stay, with why).
   */
  readonly what: "started" | "elsewhere" | "working" | "released" | Ending;
  readonly member: Member;
  readonly state: MemberState;
  /** Members that have ended, and all of them. */
  readonly done: number;
  readonly total: number;
  readonly why?: string;
  /** Where a run's training is; of a run that is worked on. */
  readonly step?: number;
  readonly totalSteps?: number;
  /** Until all members have ended, at the speeds measured so far; undefined: not known yet. */
  readonly etaSeconds?: number;
}

export interface ScheduleOptions {
  /** Members at the same time; default 1. */
  readonly jobs?: number;
  readonly signal?: AbortSignal;
  /** Seconds between two looks at runs that are worked on; default 10. */
  readonly pollSeconds?: number;
}

/** A member whose process was killed, or that another one had for a moment, is begun so often. */
const MOST_STARTS = 2;

/**
 * Carries out the members of a sweep: each once all that it needs is finished, at most `jobs` at once, those first that
 * come first. What is finished is reused; what another process works on is waited for; what fails stops only those that
 * need it. Transient runs let go of their weights as soon as all that is made from them is finished. Nothing else is written but by
 * the members themselves: killed at any moment and begun anew, it goes on.
 * @returns how each member ended, in their order
 * @throws ConfigError, DataError if data cannot be opened: then no member that is worked on is left behind
 */
export async function* schedule(
  resolver: Resolver,
  executor: Executor,
  { jobs = 1, signal, pollSeconds = 10 }: ScheduleOptions = {},
): AsyncGenerator<SweepProgress, readonly MemberResult[]> {
  const { members } = resolver;
  const givenUp = new AbortController();
  const stop = signal ? AbortSignal.any([signal, givenUp.signal]) : givenUp.signal;
  const results = new Map<string, MemberResult>();
  const active = new Map<string, Promise<Finished>>();
  const elsewhere = new Map<string, MemberState>();
  const starts = new Map<string, number>();
  const eta = new Eta(resolver, jobs);
  const releases = await Releases.of(resolver);
  const progress = (
    what: SweepProgress["what"],
    member: Member,
    state: MemberState,
    more: Partial<SweepProgress> = {},
  ): SweepProgress => {
    const common = { done: results.size, total: members.length, etaSeconds: eta.seconds(results) };
    return { what, member, state, ...common, ...more };
  };
  const end = async function* (result: MemberResult): AsyncGenerator<SweepProgress> {
    const { member, ending, state, why } = result;
    results.set(member.name, result);
    elsewhere.delete(member.name);
    yield progress(ending, member, state, { why });
    for (const run of releases.after(member)) {
      const { released, why: kept } = await letGo(run, resolver);
      if (released || kept !== undefined)
        yield progress("released", run, await stateOf(run, resolver), { why: kept });
    }
  };

  try {
    for (;;) {
      for (const member of members) {
        if (stop.aborted || active.size >= jobs) break;
        if (results.has(member.name) || active.has(member.name)) continue;
        const waits = member.needs.map((name) => results.get(name));
        const failed = waits.find((need) => need?.ending === "failed" || need?.ending === "waiting");
        if (failed) {
          yield* end({ member, ending: "waiting", state: { standing: "unknown" }, why: waitingText(failed) });
          continue;
        }
        if (!waits.every((need) => need && DONE.includes(need.ending))) continue;
        const state = await stateOf(member, resolver);
        await eta.note(member, state);
        const judged = await judge(member, state, resolver);
        if (judged) yield* end(judged);
        else if (state.standing === "running") {
          if (!elsewhere.has(member.name)) yield progress("elsewhere", member, state);
          elsewhere.set(member.name, state);
        } else {
          elsewhere.delete(member.name);
          starts.set(member.name, (starts.get(member.name) ?? 0) + 1);
          active.set(member.name, carriedOut(executor, member, stop));
          yield progress("started", member, state);
        }
      }
      if (active.size === 0 && (stop.aborted || elsewhere.size === 0)) break;
      const ended = await next(active.values(), pollSeconds, stop, elsewhere.size > 0);
      if (ended === undefined) {
        for (const name of active.keys()) {
          const member = members.find((one) => one.name === name)!;
          const state = await stateOf(member, resolver);
          await eta.note(member, state);
          yield progress("working", member, state, await placeOf(member, state, resolver));
        }
        continue;
      }
      const { member, why } = ended;
      active.delete(member.name);
      const state = await stateOf(member, resolver);
      await eta.note(member, state);
      const { standing } = state;
      if (standing === "finished") yield* end({ member, ending: "finished", state });
      else if (stop.aborted) yield* end({ member, ending: "stopped", state });
      else if (standing === "running") {
        elsewhere.set(member.name, state); // another process was first
        yield progress("elsewhere", member, state);
      } else if (standing !== "interrupted" || starts.get(member.name)! >= MOST_STARTS) {
        yield* end({ member, ending: "failed", state, why: state.why ?? why ?? `it ended ${standing}` });
      }
    }
  } finally {
    givenUp.abort();
    await Promise.allSettled(active.values());
  }
  const stopped = (member: Member): MemberResult => ({
    member,
    ending: "stopped",
    state: { standing: "unknown" },
  });
  return members.map((member) => results.get(member.name) ?? stopped(member));
}

const DONE: readonly Ending[] = ["finished", "reused"];

interface Finished {
  readonly member: Member;
  readonly why: string | undefined;
}

async function carriedOut(executor: Executor, member: Member, signal: AbortSignal): Promise<Finished> {
  try {
    return { member, why: await executor.carryOut(member, signal) };
  } catch (error) {
    return { member, why: messageOf(error) };
  }
}

/** How a member ends that nothing is to be done for, or nothing can be done for. */
async function judge(
  member: Member,
  state: MemberState,
  resolver: Resolver,
): Promise<MemberResult | undefined> {
  const { standing, why } = state;
  if (standing === "finished") return { member, ending: "reused", state };
  if (standing === "damaged") {
    const todo = `\`spectral runs set-aside ${state.folder}\` puts it aside`;
    return { member, ending: "failed", state, why: `${why}; ${todo}` };
  }
  if (standing === "lacking" && member.what === "run") {
    const again = await retrainCommand(member, resolver);
    return { member, ending: "failed", state, why: `${why}; train it again with: ${again}` };
  }
  return undefined;
}

function waitingText({ member, ending, why }: MemberResult): string {
  return ending === "failed" ? `it needs ${member.name}, which failed` : (why ?? `it needs ${member.name}`);
}

/** The first of some members that ends; undefined once it is time to look at them all. */
async function next(
  active: Iterable<Promise<Finished>>,
  pollSeconds: number,
  stop: AbortSignal,
  waiting: boolean,
): Promise<Finished | undefined> {
  const done = new AbortController();
  const signal = waiting ? AbortSignal.any([done.signal, stop]) : done.signal;
  const poll = setTimeout(1000 * pollSeconds, undefined, { signal }).catch(() => undefined);
  try {
    return await Promise.race([...active, poll]);
  } finally {
    done.abort();
  }
}

/** How far a run has come, as its record says. */
async function placeOf(
  member: Member,
  { record }: MemberState,
  resolver: Resolver,
): Promise<Pick<SweepProgress, "step" | "totalSteps">> {
  if (member.what === "study" || record === undefined) return {};
  const { stretches, step } = record as RunRecord;
  const resolved = await resolver.run(member.name);
  return { step: stretches.at(-1)?.to ?? step ?? 0, totalSteps: resolved?.clock.totalSteps };
}
