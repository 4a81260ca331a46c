import { studyNamed } from "../analysis/index.js";
import { configure } from "../core/config.js";
import { largest } from "../core/extent.js";
import { groupBy } from "../core/group-by.js";
import { type Clock, type Moment, toSteps } from "../core/time.js";
import type { DataOptions } from "../data/dataset.js";
import { findRun } from "../store/run.js";
import { identityOf, originAt, type RunDescription, runFolder, runId } from "../store/record.js";
import { runsFolder, studiesFolder } from "../store/paths.js";
import type { RunReader } from "../store/stored-run.js";
import { type StudyIdentity, studyFolder, studyId } from "../store/study.js";
import type { Task } from "../tasks/task.js";
import { taskNamed } from "../tasks/index.js";
import { type DescribedRun, describeRun, type RunRequest } from "../tasks/run.js";
import { clockOf } from "../train/loop.js";
import { openOutline } from "./outline.js";
import { expand, type Member, type RunMember, type StudyMember } from "./expand.js";
import { memberEdit, membersIn, momentsIn } from "./member-edit.js";
import { type Plan, prefixed } from "./plan.js";
import { keptBy, sumOf } from "./storage.js";
import { sharingOf } from "./transient.js";

/** A member of which it is known which run it is. */
export interface ResolvedRun extends DescribedRun {
  readonly member: RunMember;
  /** What is asked for, but for where it starts. */
  readonly request: RunRequest;
  readonly id: string;
  readonly folder: string;
  readonly clock: Clock;
}

/** A member of which it is known which study it is. */
export interface ResolvedStudy {
  readonly member: StudyMember;
  readonly identity: StudyIdentity;
  readonly id: string;
  readonly folder: string;
}

/** Where runs and studies lie, and how data are opened. */
export interface SweepFolders {
  /** Default `runsFolder()`. */
  readonly runs?: string;
  /** Default `studiesFolder()`. */
  readonly studies?: string;
  readonly data?: DataOptions;
  /** Only the sizes of public data sets are looked at: ids of runs on them are then no stored run's. */
  readonly outline?: boolean;
  readonly signal?: AbortSignal;
}

function outlineOpener(task: Task): Task["open"] {
  return (config, seed) => openOutline(task, config, seed);
}

/** Members of other plans, which may have the same runs. */
export interface Others {
  /** Plans of which some members may be runs of this sweep: these are not let go of before theirs are finished either. */
  readonly others?: readonly Plan[];
}

/**
 * A resolver of members of which several may be one run: each of these then asks for what any of them asks for, so that the first
 * to be trained keeps it all. Where runs are transient, members are in an order in which few weights are held, and studies of
 * other plans join them (`sharingOf`). Needs a started backend. @throws ConfigError, DataError as describeRun
 */
export async function resolverOf(
  members: readonly Member[],
  { others = [], ...options }: SweepFolders & Others = {},
): Promise<Resolver> {
  const runs = members.filter((member) => member.what === "run");
  const tasks = new Set(runs.flatMap(({ task, transient }) => (transient ? task : [])));
  const letsGo = tasks.size > 0;
  const outside = outsidersOf(letsGo ? others : [], tasks);
  const all = new Resolver(members, options, { outside });
  const outsiders = outside.map(({ member }) => member);
  const places = new Map<string, string>();
  for (const member of letsGo ? [...members, ...outsiders] : members) {
    const resolved = member.what === "run" ? await all.run(member.name) : letsGo && (await all.study(member));
    if (resolved) places.set(member.name, resolved.folder);
  }
  const placeOf = (name: string): string => places.get(name) ?? name;
  const several = [...groupBy(runs, ({ name }) => placeOf(name)).values()].filter(({ length }) => length > 1);
  if (several.length === 0 && !letsGo) return all;
  const united = new Map(
    several.flatMap((alike) => alike.map((one) => [one.name, { ...one, ...allOf(alike) }])),
  );
  const own = members.map((member) => united.get(member.name) ?? member);
  if (!letsGo) return new Resolver(own, options, { known: all });
  /** By place: what it holds, about; several members together may ask for more. */
  const bytes = new Map<string, number>();
  for (const { name } of runs) {
    const resolved = await all.run(name);
    const place = placeOf(name);
    if (resolved) bytes.set(place, Math.max(bytes.get(place) ?? 0, sumOf([keptBy(resolved)]).total));
  }
  const sharing = sharingOf(own, outsiders, placeOf, (place) => bytes.get(place) ?? 0);
  return new Resolver(sharing.members, options, { outside, readers: sharing.readers, known: all });
}

/** A member of another plan, under a name that no member of this sweep has. */
interface Outsider {
  readonly plan: string;
  readonly member: Member;
}

/** The members of other plans that have runs of some tasks: data of others are not opened. */
function outsidersOf(others: readonly Plan[], tasks: ReadonlySet<string>): Outsider[] {
  return others.flatMap((plan, i) => {
    const members = expand(prefixed({ ...plan, name: `other${i}` }));
    const left = new Set(
      members.flatMap((one) => (one.what === "run" && tasks.has(one.task) ? one.name : [])),
    );
    const alike = members.filter(
      (one) => left.has(one.name) || (one.what === "study" && one.needs.every((name) => left.has(name))),
    );
    return alike.map((member) => ({ plan: plan.name, member }));
  });
}

/** What several members together ask to be measured and kept. */
function allOf(alike: readonly RunMember[]): Pick<RunMember, "keep" | "probes" | "vectors"> {
  const probes = alike.every((one) => one.probes) ? alike.flatMap((one) => one.probes!) : undefined;
  const vectors = largest(alike.map((one) => one.vectors ?? 0));
  return {
    keep: [...new Set(alike.flatMap(({ keep }) => keep))],
    probes: probes && [...new Set(probes)],
    vectors: vectors > 0 ? vectors : undefined,
  };
}

/** Of a sweep that lets go of weights: members of other plans, and by a transient run's folder what is made from it. */
interface Shared {
  readonly outside?: readonly Outsider[];
  readonly readers?: ReadonlyMap<string, readonly string[]>;
  /** Knows members that are the same in it: they are not described again. */
  readonly known?: Resolver;
}

/**
 * Says which run or study a member is, without its trunk on disk: of what it starts from only the name counts. Needs a
 * started backend, which computes nothing.
 */
export class Resolver {
  readonly runs: string;
  readonly studies: string;
  /** Members of other plans that may have runs of this sweep. */
  readonly outside: readonly Member[];
  readonly #own: ReadonlySet<string>;
  readonly #members: ReadonlyMap<string, Member>;
  readonly #plans: ReadonlyMap<string, string>;
  readonly #readers: ReadonlyMap<string, readonly string[]>;
  readonly #known: Resolver | undefined;
  readonly #resolved = new Map<string, Promise<ResolvedRun | undefined>>();

  constructor(
    readonly members: readonly Member[],
    readonly options: SweepFolders = {},
    { outside = [], readers = new Map(), known }: Shared = {},
  ) {
    this.runs = options.runs ?? runsFolder();
    this.studies = options.studies ?? studiesFolder();
    this.#own = new Set(members.map(({ name }) => name));
    this.outside = outside.map(({ member }) => member);
    this.#members = new Map([...this.outside, ...members].map((member) => [member.name, member]));
    this.#plans = new Map(outside.map(({ member, plan }) => [member.name, plan]));
    this.#readers = readers;
    this.#known = known;
  }

  /** Whether a member is one of this sweep. */
  isOwn(name: string): boolean {
    return this.#own.has(name);
  }

  /** The plan of a member that is none of this sweep. */
  planOf({ name }: Member): string | undefined {
    return this.#plans.get(name);
  }

  /**
   * What is made from a transient run's weights, directly or not; undefined of a run that is not transient.
   * @param folder of the run
   */
  readers(
    folder: string,
  ): { readonly own: readonly Member[]; readonly outside: readonly Member[] } | undefined {
    const names = this.#readers.get(folder);
    if (names === undefined) return undefined;
    const all = names.map((name) => this.#members.get(name)!);
    return {
      own: all.filter(({ name }) => this.#own.has(name)),
      outside: all.filter(({ name }) => !this.#own.has(name)),
    };
  }

  /**
   * The run of a member; undefined where it branches off the end of a run that may stop early and has not ended yet.
   * @throws ConfigError, DataError as describeRun
   */
  async run(name: string): Promise<ResolvedRun | undefined> {
    const known = this.#resolved.get(name) ?? this.#resolve(this.#members.get(name) as RunMember);
    this.#resolved.set(name, known);
    const resolved = await known;
    if (!resolved) this.#resolved.delete(name);
    return resolved;
  }

  /** Whether a member is one of those that it knows, with all that is asked of it. */
  private has(member: Member): boolean {
    return this.#members.get(member.name) === member;
  }

  async #resolve(member: RunMember): Promise<ResolvedRun | undefined> {
    if (this.#known?.has(member)) return this.#known.run(member.name);
    const { task, profile, setting, set, seed, order, from, keep, probes, vectors } = member;
    const { data, signal } = this.options;
    const request: RunRequest = {
      task: this.options.outline
        ? { ...taskNamed(task), open: outlineOpener(taskNamed(task)) }
        : taskNamed(task),
      ...{ profile, setting, set, seed, order, keep, probes, data, signal },
      ...(vectors !== undefined && { vectors }),
      runs: this.runs,
    };
    let described: DescribedRun;
    if (from) {
      const trunk = await this.run(from.trunk);
      const step = await this.step(from.trunk, from.at);
      const edit = from.edit && (await this.edit(from.edit));
      if (trunk === undefined || step === undefined || (from.edit && !edit)) return undefined;
      const origin = originAt({ run: trunk.id, step, edit, memory: from.memory });
      described = await describeRun(request, { trunk: trunk.description, origin });
    } else described = await describeRun(request);
    const identity = identityOf(described.description);
    const place = { id: runId(identity), folder: runFolder(this.runs, identity) };
    return { member, request, ...described, ...place, clock: clockOf(described.experiment) };
  }

  /** An edit with the runs of the members that it names, as a record has it; undefined where one is not known yet. */
  async edit(text: string): Promise<string | undefined> {
    const ids = new Map<string, string | undefined>();
    for (const name of membersIn(text)) ids.set(name, (await this.run(name))?.id);
    return memberEdit(text, (name) => ids.get(name));
  }

  /** The step of a moment of a member; undefined for the end of one that may stop early and has not ended yet. */
  async step(name: string, moment: Moment): Promise<number | undefined> {
    const resolved = await this.run(name);
    if (resolved === undefined) return undefined;
    const { clock, experiment } = resolved;
    if (moment === "0") return 0;
    if (moment !== "end") return toSteps(moment, clock);
    if (!experiment.stop) return clock.totalSteps;
    const record = this.find(resolved.description)?.record;
    return record?.status === "finished" ? record.step : undefined;
  }

  /**
   * Whether a member reads weights of a run at some steps: a branch that starts there, a study of them, an edit of either.
   * @param folder of the run
   */
  async reads(member: Member, folder: string, steps: readonly number[]): Promise<boolean> {
    const { from } = member.what === "run" ? member : {};
    const inputs = member.what === "study" ? member.inputs : from ? [{ ...from, member: from.trunk }] : [];
    for (const input of inputs) {
      for (const name of [input.member, ...membersIn(input.edit ?? "")]) {
        if ((await this.run(name))?.folder !== folder) continue;
        for (const moment of momentsIn(input)) {
          const text = /^\d+$/.test(moment) ? `${moment}it` : moment;
          const step = /^(0|end|\d.*(ep|it|%))$/.test(text) ? await this.step(name, text) : undefined;
          if (step === undefined || steps.includes(step)) return true; // what cannot be told may be read
        }
      }
    }
    return false;
  }

  /** The stored run of a description, if there is one. @throws as findRun */
  find(description: RunDescription): RunReader | undefined {
    return findRun(this.runs, description, { onWarning: () => undefined });
  }

  /** The study of a member; undefined where an input's step is not known yet. @throws as `run` */
  async study(member: StudyMember): Promise<ResolvedStudy | undefined> {
    const inputs: StudyIdentity["inputs"][number][] = [];
    for (const { member: name, at, edit } of member.inputs) {
      const run = await this.run(name);
      const step = await this.step(name, at);
      if (run === undefined || step === undefined) return undefined;
      const { task, seed, data } = run.description;
      const printed = edit === undefined ? undefined : await this.edit(edit);
      if (edit !== undefined && printed === undefined) return undefined;
      inputs.push({
        ...{ run: run.id, task, step, seed, data },
        ...(printed !== undefined && { edit: printed }),
      });
    }
    const { kind, defaults, checks } = studyNamed(member.kind);
    const identity = { kind, inputs, parameters: configure(kind, defaults, member.set, checks), defaults };
    return { member, identity, id: studyId(identity), folder: studyFolder(this.studies, identity) };
  }
}
