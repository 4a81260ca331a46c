import type { RunRecord } from "../store/record.js";
import type { StudyRecord } from "../store/study.js";
import type { Member } from "./expand.js";
import type { Resolver } from "./resolve.js";
import type { MemberState } from "./state.js";

/** Work that was measured: so many units in so many seconds. */
interface Speed {
  readonly units: number;
  readonly seconds: number;
}

/** How long the rest of a sweep takes, at the speeds that its own runs and studies note. */
export class Eta {
  /** By member: what it took. */
  readonly #measured = new Map<string, Speed>();
  /** By member: the units of its whole work. */
  readonly #work = new Map<string, number>();

  constructor(
    readonly resolver: Resolver,
    readonly jobs: number,
  ) {}

  /** Takes note of a member's record. */
  async note(member: Member, { record }: MemberState): Promise<void> {
    if (!this.#work.has(member.name)) {
      const work = await workOf(member, this.resolver);
      if (work !== undefined) this.#work.set(member.name, work);
    }
    if (record) this.#measured.set(member.name, speedOf(member, record));
  }

  /** @param ended members that need no more work */
  seconds(ended: ReadonlyMap<string, unknown>): number | undefined {
    const speeds = new Map<string, Speed>();
    const { members } = this.resolver;
    for (const member of members) {
      const { units = 0, seconds = 0 } = this.#measured.get(member.name) ?? {};
      const before = speeds.get(sort(member)) ?? { units: 0, seconds: 0 };
      speeds.set(sort(member), { units: before.units + units, seconds: before.seconds + seconds });
    }
    const work = new Map<string, number[]>();
    for (const member of members) {
      const known = this.#work.get(member.name);
      if (known !== undefined) work.set(sort(member), [...(work.get(sort(member)) ?? []), known]);
    }
    let sum = 0;
    for (const member of members) {
      if (ended.has(member.name)) continue;
      const speed = speeds.get(sort(member))!;
      if (speed.units === 0 || speed.seconds === 0) return undefined;
      const alike = work.get(sort(member)) ?? [0];
      const whole = this.#work.get(member.name) ?? alike.reduce((a, b) => a + b, 0) / alike.length;
      const left = Math.max(0, whole - (this.#measured.get(member.name)?.units ?? 0));
      sum += (left * speed.seconds) / speed.units;
    }
    return sum / this.jobs;
  }
}

/** Members of one sort are equally fast per unit. */
function sort({ what, facets }: Member): string {
  return `${what} ${String(what === "run" ? facets.task : facets.kind)}`;
}

/** Optimiser steps of a run; of a study 1. */
async function workOf(member: Member, resolver: Resolver): Promise<number | undefined> {
  if (member.what === "study") return 1;
  const resolved = await resolver.run(member.name);
  if (resolved === undefined) return undefined;
  return resolved.clock.totalSteps - (resolved.description.origin?.step ?? 0);
}

function speedOf(member: Member, record: RunRecord | StudyRecord): Speed {
  if (member.what === "study") {
    const { timings, status } = record as StudyRecord;
    return status === "finished" ? { units: 1, seconds: timings.computing ?? 0 } : { units: 0, seconds: 0 };
  }
  const { stretches } = record as RunRecord;
  return stretches.reduce(
    (sum, { from, to, seconds = 0 }) => ({ units: sum.units + to - from, seconds: sum.seconds + seconds }),
    { units: 0, seconds: 0 },
  );
}
