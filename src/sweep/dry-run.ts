import { join } from "node:path";
import { canonicalJson } from "../core/hash.js";
import { findRuns } from "../store/find-runs.js";
import { identityOf, type RunRecord } from "../store/record.js";
import type { RunReader } from "../store/stored-run.js";
import { readStudy, studyFolder } from "../store/study.js";
import { existsSync } from "node:fs";
import { STUDY } from "../store/study.js";
import { beyondRepair, butReleased, missingFrom } from "../tasks/coverage.js";
import type { Member } from "./expand.js";
import { type ResolvedRun, type Resolver } from "./resolve.js";
import { type Speed, Speeds } from "./speed.js";
import { releasedOf, type Standing, transientSteps } from "./state.js";
import { checkpointBytes, type Kept, keptBy, sumOf } from "./storage.js";

/** What carrying out a member would take. */
export interface PlannedMember {
  readonly member: Member;
  /** As `stateOf` says it, whatever data the stored run was trained on; "same": the run of an earlier member. */
  readonly standing: Standing | "same";
  /** Of a run: what it keeps once all are finished. */
  readonly kept?: Kept;
  /** Of a run that is to let go of weights: what it holds until then. */
  readonly held?: Held;
  /** The weights of a finished run that are asked for are gone: it let go of them. */
  readonly released?: boolean;
  /** Of a run that is still to be trained: bytes of the checkpoints that it has meanwhile. */
  readonly checkpoints?: number;
  /** Optimiser steps that are still to be made. */
  readonly steps?: number;
  /** How long that takes, by the nearest stored run; absent where none is stored. */
  readonly seconds?: number;
  readonly speed?: Speed;
  /** Of what failed or lacks something: why. */
  readonly why?: string;
}

/** What a transient run holds until it lets go of its weights. */
export interface Held {
  readonly kept: Kept;
  /** Bytes of the weights that it lets go of. */
  readonly freed: number;
  /** The last member of this sweep that is made from them. */
  readonly until: string;
  /** Other plans that have unfinished members made from its weights: they stay until these are carried out. */
  readonly waitsFor: readonly string[];
}

/**
 * What a sweep would do, without training anything or reading a data set: sizes of public sets are taken as declared, and
 * stored runs are found whatever they were trained on.
 * @param resolver with the option `outline`
 * @throws StoreError if the folder of runs cannot be read
 */
export async function dryRun(resolver: Resolver): Promise<readonly PlannedMember[]> {
  const { members } = resolver;
  const planned = await plannedOf(members, resolver);
  const outside = await plannedOf(resolver.outside, resolver);
  const standings = new Map([...outside, ...planned].map(({ member, standing }) => [member.name, standing]));
  const isDone = ({ name }: Member): boolean => DONE.includes(standings.get(name)!);
  const places = new Map(members.map(({ name }, i) => [name, i]));
  const answer = [...planned];
  for (const one of planned.toReversed()) {
    const run = one.kept && (await resolver.run(one.member.name));
    const readers = run && resolver.readers(run.folder);
    if (!readers) continue;
    const place = places.get(one.member.name)!;
    const steps = transientSteps(run);
    const kept = keptBy(run, steps);
    let undone: Member | undefined;
    for (const member of one.released ? readers.own.filter((reader) => !isDone(reader)) : [])
      if (await resolver.reads(member, run.folder, steps)) undone ??= member;
    if (undone) {
      standings.set(one.member.name, "lacking");
      const why = `it let go of its weights, which ${undone.name} needs`;
      answer[place] = { ...one, standing: "lacking", why, steps: undefined, seconds: undefined };
      continue;
    }
    const waitsFor = readers.outside
      .filter((member) => !isDone(member))
      .map((member) => resolver.planOf(member)!);
    const last = Math.max(place, ...readers.own.map(({ name }) => places.get(name)!));
    const freed = sumOf([one.kept!]).total - sumOf([kept]).total;
    const held = { kept: one.kept!, freed, until: members[last].name, waitsFor: [...new Set(waitsFor)] };
    const stays = !one.released && waitsFor.length > 0;
    answer[place] = { ...one, kept: stays ? one.kept : kept, ...(!one.released && { held }) };
  }
  return answer;
}

const DONE: readonly PlannedMember["standing"][] = ["finished", "same"];

async function plannedOf(members: readonly Member[], resolver: Resolver): Promise<readonly PlannedMember[]> {
  const stored = new StoredRuns(resolver.runs);
  const speeds = new Speeds(resolver.runs);
  const seen = new Set<string>();
  /** By member: the stored runs that may be it. */
  const candidates = new Map<string, readonly RunReader[]>();
  const planned: PlannedMember[] = [];
  for (const member of members) {
    if (member.what === "study") {
      planned.push(await planStudy(member, resolver, candidates));
      continue;
    }
    const run = await resolver.run(member.name);
    if (run === undefined) {
      planned.push({ member, standing: "unknown" });
      continue;
    }
    const trunks = member.from && (candidates.get(member.from.trunk) ?? []).map(({ record }) => record.id);
    const found = stored.like(run, trunks);
    candidates.set(member.name, found);
    if (seen.has(run.folder)) planned.push({ member, standing: "same" });
    else planned.push(planRun(run, found, { speeds, transient: resolver.readers(run.folder) !== undefined }));
    seen.add(run.folder);
  }
  return planned;
}

function planRun(
  run: ResolvedRun,
  found: readonly RunReader[],
  { speeds, transient }: { readonly speeds: Speeds; readonly transient: boolean },
): PlannedMember {
  const { member, clock, description } = run;
  const first = description.origin?.step ?? 0;
  const kept = keptBy(run);
  const best = found.find(({ record }) => record.status === "finished") ?? found[0];
  if (best?.record.status === "finished") {
    // How many examples are evaluated depends on data that are not looked at.
    const missing = { ...missingFrom(best, run.experiment), evaluated: [] };
    const lost = beyondRepair(best, transient ? butReleased(best, missing) : missing);
    if (lost !== undefined) return { member, standing: "lacking", kept, why: `${best.folder} lacks ${lost}` };
    const released = transient && releasedOf(best, run).length > 0;
    return { member, standing: "finished", kept, steps: 0, seconds: 0, ...(released && { released }) };
  }
  const speed = speeds.of(run);
  const steps = clock.totalSteps - Math.max(first, best?.record.stretches.at(-1)?.to ?? first);
  return {
    ...{ member, kept, steps, standing: best?.record.status ?? "missing", why: best?.record.failure },
    checkpoints: checkpointBytes(run),
    ...(speed && { speed, seconds: steps * speed.secondsPerStep }),
  };
}

/** A study is looked for with the stored runs of its inputs in their place. */
async function planStudy(
  member: Member & { readonly what: "study" },
  resolver: Resolver,
  candidates: ReadonlyMap<string, readonly RunReader[]>,
): Promise<PlannedMember> {
  const resolved = await resolver.study(member);
  if (resolved === undefined) return { member, standing: "unknown" };
  const { identity } = resolved;
  const inputs = identity.inputs.map((input, i) => {
    const run = candidates.get(member.inputs[i].member)?.find(({ record }) => record.status === "finished");
    return run && { ...input, run: run.record.id };
  });
  if (inputs.some((input) => input === undefined)) return { member, standing: "missing" };
  const folder = studyFolder(resolver.studies, { ...identity, inputs: inputs.map((input) => input!) });
  if (!existsSync(join(folder, STUDY.file))) return { member, standing: "missing" };
  return { member, standing: readStudy(folder).record.status };
}

/** Stored runs by all that names them but their data. */
class StoredRuns {
  readonly #byKey = new Map<string, RunReader[]>();

  constructor(runs: string) {
    for (const run of findRuns(runs, { onLeftOut: () => undefined })) {
      const key = keyOf(run.record, run.record.origin?.run);
      this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), run]);
    }
  }

  /** @param trunks ids of the runs that a branch may come from; undefined of no branch */
  like({ description }: ResolvedRun, trunks: readonly string[] | undefined): readonly RunReader[] {
    return (trunks ?? [undefined]).flatMap((trunk) => this.#byKey.get(keyOf(description, trunk)) ?? []);
  }
}

function keyOf(
  of: Pick<RunRecord, "task" | "training" | "seed" | "order" | "origin" | "data">,
  trunk: string | undefined,
): string {
  const { data: _, origin, ...identity } = identityOf(of);
  return canonicalJson({
    ...{ ...identity, order: identity.order ?? null },
    origin: origin ? { ...origin, run: trunk ?? null } : null,
  } as never);
}
