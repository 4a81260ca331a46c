import { facetedStudy, type FacetedStudy } from "../analysis/faceted-study.js";
import { studyNamed } from "../analysis/index.js";
import { studyIdentity } from "../analysis/study.js";
import { faceted, type FacetedRun } from "../analysis/tables.js";
import type { Facets } from "../core/facets.js";
import { warnOnce } from "../store/folder.js";
import { resultsFolder, runsFolder, studiesFolder, studyResultsFolder } from "../store/paths.js";
import { originAt } from "../store/record.js";
import { stepIn } from "../store/record-clock.js";
import type { RunReader } from "../store/stored-run.js";
import { findStudy, type StudyReader, verifyStudy } from "../store/study.js";
import { unlessDamaged } from "../store/find-runs.js";
import { expand, type Member, type RunMember, type StudyMember } from "../sweep/expand.js";
import { memberEdit } from "../sweep/member-edit.js";
import type { Plan } from "../sweep/plan.js";
import { taskNamed } from "../tasks/index.js";
import type { RunRequest } from "../tasks/run.js";
import { type ProfileName, PROFILES } from "../tasks/task.js";
import { candidatesOf, divergedRuns, finishedRuns, type OnLeftOut, preferred } from "./stored.js";

/** What of a plan is stored, on whatever data. */
export interface StoredPlan {
  /** The finished runs of its members, with the members' facets. */
  readonly runs: readonly FacetedRun[];
  readonly studies: readonly FacetedStudy[];
  /** Runs of members that diverged (`RunRecord.diverged`), with the members' facets: they never finish. */
  readonly diverged: readonly FacetedRun[];
  /** Members that are not stored, or neither finished nor diverged. */
  readonly missing: readonly Member[];
}

/** Where the members of plans are looked for. */
export interface StoredChoice {
  /** Folder of runs; default `runsFolder()`. */
  readonly runs?: string;
  /** Folder of studies; default `studiesFolder()`. */
  readonly studies?: string;
  /** Whether the committed results are looked through too; default true. */
  readonly results?: boolean;
  /** Told in one line of what is left out because it is damaged. Default a process warning, once for each. */
  readonly onLeftOut?: OnLeftOut;
}

/**
 * The finished runs and studies of a plan: trained here, else results that came with the repository. Runs of one task are on
 * equal data; a branch is that of the trunk that was found.
 * @throws ConfigError for a plan that is none
 */
export function storedPlan(
  plan: Plan,
  { runs = runsFolder(), studies = studiesFolder(), results = true, onLeftOut = warnOnce }: StoredChoice = {},
): StoredPlan {
  const found = new FoundRuns(results ? [runs, resultsFolder()] : [runs], onLeftOut);
  const places = results ? [studies, studyResultsFolder()] : [studies];
  const stored = {
    runs: [] as FacetedRun[],
    studies: [] as FacetedStudy[],
    diverged: [] as FacetedRun[],
    missing: [] as Member[],
  };
  for (const member of expand(plan)) {
    if (member.what === "run") {
      const run = found.add(member);
      const lost = run ? undefined : found.diverged(member);
      if (run) stored.runs.push(faceted(run, shownFacets(member.facets)));
      else if (lost) stored.diverged.push(faceted(lost, shownFacets(member.facets)));
      else stored.missing.push(member);
    } else {
      const study = studyOf(member, found, places, onLeftOut);
      if (study) stored.studies.push(study);
      else stored.missing.push(member);
    }
  }
  return stored;
}

/** The largest profile of which every member of a plan is stored; undefined if there is none. */
export function storedProfile(
  planOf: (profile: ProfileName) => Plan,
  choice: StoredChoice = {},
): ProfileName | undefined {
  return PROFILES.findLast((profile) => storedPlan(planOf(profile), choice).missing.length === 0);
}

/** Facets of a run as tables have them: what names it in its plan is left out, and what it has not. */
function shownFacets(facets: Facets): Facets {
  const shown = Object.entries(facets).filter(
    ([name, value]) => value !== null && name !== "member" && name !== "trunk",
  );
  return Object.fromEntries(shown);
}

/** The stored runs of members, found in the order of the plan: a trunk before its branches. */
class FoundRuns {
  readonly #finished = new Map<string, RunReader[]>();
  readonly #lost = new Map<string, RunReader[]>();
  readonly #requests = new Map<string, RunRequest>();
  readonly #runs = new Map<string, RunReader>();
  readonly #facets = new Map<string, Facets>();
  /** Of each task: what the first run that was found was trained on. */
  readonly #data = new Map<string, string>();

  constructor(
    readonly roots: readonly string[],
    readonly onLeftOut: OnLeftOut,
  ) {}

  /** Looks for the finished run of a member, and remembers it. */
  add(member: RunMember): RunReader | undefined {
    this.#facets.set(member.name, member.facets);
    const run = this.#find(member, this.#finishedOf(member.task));
    if (!run) return undefined;
    this.#data.set(member.task, run.record.data.fingerprint);
    this.#runs.set(member.name, run);
    return run;
  }

  /** The run of a member that diverged. */
  diverged(member: RunMember): RunReader | undefined {
    return this.#find(member, this.#divergedOf(member.task));
  }

  #find(member: RunMember, runs: readonly RunReader[]): RunReader | undefined {
    const { from } = member;
    const trunk = from && this.#runs.get(from.trunk);
    const edit = from?.edit === undefined ? undefined : this.edit(from.edit);
    const request = this.#requestOf(member);
    if ((from && !trunk) || (from?.edit !== undefined && edit === undefined)) return undefined;
    const { memory } = from ?? {};
    const step = from && stepIn(trunk!.record, from.at);
    if (from && step === undefined) return undefined; // the trunk ended before
    const origin = from && originAt({ run: trunk!.record.id, step: step!, edit, memory });
    const data = this.#data.get(member.task);
    const run = preferred(candidatesOf(runs, request, this.onLeftOut, origin), data);
    return data === undefined || run?.record.data.fingerprint === data ? run : undefined;
  }

  /** The run of a member, if it was found. */
  run(name: string): RunReader | undefined {
    return this.#runs.get(name);
  }

  facets(name: string): Facets {
    return this.#facets.get(name) ?? {};
  }

  /** An edit as records have it, with runs in the place of members; undefined if one of them was not found. */
  edit(text: string): string | undefined {
    return memberEdit(text, (name) => this.#runs.get(name)?.record.id);
  }

  #requestOf({ name, task, profile, setting, set, seed, order, from }: RunMember): RunRequest {
    const trunk = from && this.#requests.get(from.trunk);
    const own = { task: taskNamed(task), profile, setting, seed, order };
    const request: RunRequest = trunk
      ? { ...trunk, set: { ...trunk.set, ...set }, order: order ?? trunk.order }
      : { ...own, set };
    this.#requests.set(name, request);
    return request;
  }

  #finishedOf(task: string): readonly RunReader[] {
    const known = this.#finished.get(task) ?? finishedRuns(this.roots, taskNamed(task), this.onLeftOut);
    this.#finished.set(task, known);
    return known;
  }

  #divergedOf(task: string): readonly RunReader[] {
    const known = this.#lost.get(task) ?? divergedRuns(this.roots, taskNamed(task), this.onLeftOut);
    this.#lost.set(task, known);
    return known;
  }
}

/** The stored study of a member; undefined if it, or a run that it reads, is not there. */
function studyOf(
  { kind, set, inputs }: StudyMember,
  found: FoundRuns,
  roots: readonly string[],
  onLeftOut: OnLeftOut,
): FacetedStudy | undefined {
  const read = inputs.flatMap(({ member, at: moment, edit: text }) => {
    const run = found.run(member);
    const edit = text === undefined ? undefined : found.edit(text);
    const step = run && stepIn(run.record, moment);
    if (run === undefined || step === undefined || (text !== undefined && edit === undefined)) return [];
    return [{ run, step, ...(edit !== undefined && { edit }), weights: () => run.readWeights(step) }];
  });
  if (read.length < inputs.length) return undefined;
  const identity = studyIdentity({ kind: studyNamed(kind), inputs: read, set });
  const whole = (root: string): StudyReader | undefined =>
    unlessDamaged(onLeftOut, () => {
      const study = findStudy(root, identity);
      if (study?.record.status !== "finished") return undefined;
      verifyStudy(study);
      return study;
    });
  const study = roots.map(whole).find((one) => one !== undefined);
  if (!study) return undefined;
  const facets = inputs.map(({ member, edit = null }) => ({ ...found.facets(member), weights: edit }));
  const { facets: shared, study: _ } = facetedStudy(study, facets);
  return { facets: { ...shared, ...set }, study };
}
