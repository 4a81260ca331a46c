import { join } from "node:path";
import { canonicalJson } from "../core/hash.js";
import { findRuns } from "../store/find-runs.js";
import { identityOf, type Origin, originAt, type RunRecord } from "../store/record.js";
import { stepIn } from "../store/record-clock.js";
import type { RunReader } from "../store/stored-run.js";
import { readStudy, studyFolder } from "../store/study.js";
import { existsSync } from "node:fs";
import { STUDY } from "../store/study.js";
import { beyondRepair, butReleased, missingFrom } from "../tasks/coverage.js";
import type { Member, MemberStart } from "./expand.js";
import { memberEdit } from "./member-edit.js";
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
    const found = stored.like(run, member.from && originsOf(member.from, run, candidates));
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
  candidates: Candidates,
): Promise<PlannedMember> {
  const resolved = await resolver.study(member);
  if (resolved === undefined) return { member, standing: "unknown" };
  const { identity } = resolved;
  for (const { data } of finishedOf(candidates.get(member.inputs[0].member))) {
    const inputs = identity.inputs.flatMap((input, i) => {
      const { member: name, at, edit: text } = member.inputs[i];
      const record = storedOf(name, data.fingerprint, candidates);
      const step = record && stepIn(record, at);
      const edit = text && storedEdit(text, data.fingerprint, candidates);
      if (!record || step === undefined || (text !== undefined && edit === undefined)) return [];
      return { ...input, run: record.id, step, edit };
    });
    if (inputs.length < identity.inputs.length) continue;
    const folder = studyFolder(resolver.studies, { ...identity, inputs });
    if (existsSync(join(folder, STUDY.file))) return { member, standing: readStudy(folder).record.status };
  }
  return { member, standing: "missing" };
}

/** By member: the stored runs that may be it. */
type Candidates = ReadonlyMap<string, readonly RunReader[]>;

/**
 * Where a branch may come from: each stored run that may be its trunk, at the step that the moment is there, which depends on how
 * many examples that run was trained on.
 */
function originsOf(
  { trunk, at, edit: text, memory }: MemberStart,
  { description }: ResolvedRun,
  candidates: Candidates,
): Origin[] {
  return (candidates.get(trunk) ?? []).flatMap(({ record }) => {
    const edit = text && storedEdit(text, record.data.fingerprint, candidates);
    if (text !== undefined && edit === undefined) return [];
    const step = record.status === "finished" ? stepIn(record, at) : description.origin?.step;
    return step === undefined ? [] : originAt({ run: record.id, step, edit, memory });
  });
}

function finishedOf(runs: readonly RunReader[] = []): readonly RunRecord[] {
  return runs.map(({ record }) => record).filter(({ status }) => status === "finished");
}

/** The finished run that may be a member, on the data given if there is one. */
function storedOf(name: string, data: string, candidates: Candidates): RunRecord | undefined {
  const all = finishedOf(candidates.get(name));
  return all.find((record) => record.data.fingerprint === data) ?? all[0];
}

/** An edit with the stored runs of the members that it names. */
function storedEdit(text: string, data: string, candidates: Candidates): string | undefined {
  return memberEdit(text, (name) => storedOf(name, data, candidates)?.id);
}

/** Stored runs by all that names them but their data. */
class StoredRuns {
  readonly #byKey = new Map<string, RunReader[]>();

  constructor(runs: string) {
    for (const run of findRuns(runs, { onLeftOut: () => undefined })) {
      const key = keyOf(run.record, run.record.origin);
      this.#byKey.set(key, [...(this.#byKey.get(key) ?? []), run]);
    }
  }

  /** @param origins where a branch may come from; undefined of no branch */
  like(
    { description }: ResolvedRun,
    origins: readonly (Origin | undefined)[] = [undefined],
  ): readonly RunReader[] {
    return origins.flatMap((origin) => this.#byKey.get(keyOf(description, origin)) ?? []);
  }
}

function keyOf(
  of: Pick<RunRecord, "task" | "training" | "seed" | "order" | "data">,
  origin: Origin | undefined,
): string {
  const { data: _, order = null, ...identity } = identityOf({ ...of, origin: undefined });
  return canonicalJson({ ...identity, order, origin: origin ?? null } as never);
}
