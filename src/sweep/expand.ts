import { studyNamed } from "../analysis/index.js";
import type { ConfigValue } from "../core/config.js";
import { ConfigError } from "../core/errors.js";
import type { Facet, Facets } from "../core/facets.js";
import { groupBy } from "../core/group-by.js";
import type { Moment } from "../core/time.js";
import { LEADING } from "../probes/alignment.js";
import type { ProfileName } from "../tasks/task.js";
import { parseEdit, weightsReadBy } from "../train/edits/edit.js";
import {
  groupNamed,
  groupsInEdits,
  inOrder,
  type Plan,
  readPlan,
  type RunGroup,
  type StudyGroup,
  type StudyInputGroup,
} from "./plan.js";

/** One run of a plan: what is asked of it, in words that need no data and no trunk on disk. */
export interface RunMember {
  readonly what: "run";
  /** "branch/seed=0,split=1ep,order=2": its group and what its lists chose. */
  readonly name: string;
  readonly facets: Facets;
  readonly task: string;
  readonly profile: ProfileName;
  readonly setting?: string;
  readonly set: Readonly<Record<string, ConfigValue>>;
  /** Of a branch none: its trunk's. */
  readonly seed?: number;
  readonly order?: number;
  readonly from?: MemberStart;
  /** Moments at which weights are kept, for branches, edits and studies. */
  readonly keep: readonly Moment[];
  readonly probes?: readonly string[];
  readonly vectors?: number;
  /** Its weights are let go of once all that is made from them is finished. */
  readonly transient?: boolean;
  /** Names of members that are finished before this one begins. */
  readonly needs: readonly string[];
}

/** Where a member branches off. */
export interface MemberStart {
  /** The trunk's name. */
  readonly trunk: string;
  readonly at: Moment;
  readonly memory?: boolean;
  /** `{MEMBER}` in it stands for the run of a member. */
  readonly edit?: string;
}

/** One study of a plan. */
export interface StudyMember {
  readonly what: "study";
  readonly name: string;
  readonly facets: Facets;
  readonly kind: string;
  readonly set: Readonly<Record<string, ConfigValue>>;
  readonly inputs: readonly MemberInput[];
  readonly needs: readonly string[];
}

/** The weights of a member at a moment. */
export interface MemberInput {
  readonly member: string;
  readonly at: Moment;
  readonly edit?: string;
}

export type Member = RunMember | StudyMember;

/** More would be no plan, but a mistake in one. */
const MOST_MEMBERS = 100_000;

/**
 * The members of a plan, each behind all that it needs: a function of the plan alone. What branches, edits and studies read
 * of a run is added to what that run keeps, and nothing else is.
 * @throws ConfigError as readPlan; for an edit that names no one member of a group; for more than 100,000 members
 */
export function expand(plan: Plan): readonly Member[] {
  readPlan(plan, `plan "${plan.name}"`);
  const groups = new Map<string, readonly RunMember[]>();
  for (const group of inOrder(plan)) {
    const members = runsOf(group, plan, groups);
    const before = [...groups.values()].reduce((sum, { length }) => sum + length, 0);
    checkCount(plan, before + members.length);
    groups.set(group.name, members);
  }
  const runs = [...groups.values()].flat();
  const studies: StudyMember[] = [];
  for (const group of plan.studies ?? []) {
    for (const study of studiesOf(group, groups)) {
      studies.push(study);
      checkCount(plan, runs.length + studies.length);
    }
  }
  return [...withReads(runs, studies), ...toldApart(studies)];
}

/** Studies of several groups that have one name: what they are computed with is added to it. Equal ones are one. */
function toldApart(studies: readonly StudyMember[]): readonly StudyMember[] {
  const byName = groupBy(studies, ({ name }) => name);
  const named = studies.map((study) => {
    return byName.get(study.name)!.length === 1 ? study : { ...study, name: fullNameOf(study) };
  });
  return [...new Map(named.map((study) => [study.name, study])).values()];
}

function checkCount({ name }: Plan, count: number): void {
  if (count > MOST_MEMBERS)
    throw new ConfigError(`plan "${name}": expected at most ${MOST_MEMBERS} members, found more`);
}

/** A choice of a list: what it adds to the member's name and facets. */
type Chosen = Readonly<Record<string, Facet>>;

/** Every combination of the lists' values, the last list's fastest. */
function product(lists: Readonly<Record<string, readonly Facet[]>>): Chosen[] {
  return Object.entries(lists).reduce<Chosen[]>(
    (all, [key, values]) => all.flatMap((one) => values.map((value) => ({ ...one, [key]: value }))),
    [{}],
  );
}

/** "hidden=8,seed=1": what lists of several values chose. */
function partsOf(chosen: Chosen, lists: Readonly<Record<string, readonly Facet[]>>): string[] {
  const varied = Object.entries(chosen).filter(([key]) => lists[key].length > 1);
  return varied.map(([key, value]) => `${key}=${value === null ? "none" : String(value)}`);
}

function runsOf(
  group: RunGroup,
  plan: Plan,
  groups: ReadonlyMap<string, readonly RunMember[]>,
): readonly RunMember[] {
  const { from, grid = {}, edits = [null], orders = [null], settings = [null], seeds = [0] } = group;
  const lists = {
    ...(from ? {} : { setting: settings }),
    ...grid,
    ...(from ? { split: from.at } : { seed: seeds }),
    order: orders,
    ...(from ? { edit: edits } : {}),
  };
  const trunks = from ? groups.get(from.group)! : [undefined];
  return trunks.flatMap((trunk) =>
    product(lists).map((chosen) =>
      runOf({ group, plan, groups, trunk, chosen, parts: partsOf(chosen, lists) }),
    ),
  );
}

interface RunChoice {
  readonly group: RunGroup;
  readonly plan: Plan;
  readonly groups: ReadonlyMap<string, readonly RunMember[]>;
  readonly trunk: RunMember | undefined;
  readonly chosen: Chosen;
  /** Of its name. */
  readonly parts: readonly string[];
}

function runOf({ group, plan, groups, trunk, chosen, parts }: RunChoice): RunMember {
  const { name, task, from, grid = {}, keep = [], probes, vectors, transient } = group;
  const set = {
    ...group.set,
    ...(Object.fromEntries(Object.keys(grid).map((key) => [key, chosen[key]])) as RunMember["set"]),
  };
  const inherited = trunk ? trunk.facets : { setting: null, seed: 0, order: null };
  const order = chosen.order ?? inherited.order;
  const form = chosen.edit as string | null | undefined;
  const edit = form?.replaceAll("{order}", String(order ?? inherited.seed));
  const trunkParts = trunk ? trunk.name.split("/").slice(1).join("/") : "";
  const all = [trunkParts, ...parts].filter((part) => part !== "").join(",");
  const named = all === "" ? name : `${name}/${all}`;
  const facets: Facets = {
    ...inherited,
    ...set,
    ...(trunk ? {} : { setting: chosen.setting, seed: chosen.seed }),
    member: named,
    group: name,
    task,
    order,
    split: trunk ? chosen.split : null,
    edit: edit ?? null,
    trunk: trunk?.name ?? null,
  };
  const others = groupsInEdits({ edits: [edit ?? null] }).map((other) => ({
    other,
    member: counterpart(facets, other, groups.get(other)!, plan),
  }));
  const start: MemberStart | undefined = trunk && {
    trunk: trunk.name,
    at: chosen.split as Moment,
    ...(from?.memory === false && { memory: false }),
    ...(edit !== undefined && {
      edit: others.reduce(
        (text, { other, member }) => text.replaceAll(`{${other}}`, `{${member.name}}`),
        edit,
      ),
    }),
  };
  const needs = [...(trunk ? [trunk.name] : []), ...others.map(({ member }) => member.name)];
  return {
    what: "run",
    name: named,
    facets,
    task,
    profile: plan.profile ?? "quick",
    ...(!trunk && chosen.setting !== null && { setting: chosen.setting as string }),
    set,
    ...(!trunk && { seed: chosen.seed as number }),
    ...(chosen.order !== null && { order: chosen.order as number }),
    ...(start && { from: start }),
    keep: [...new Set(keep)],
    ...(probes && { probes }),
    ...(vectors !== undefined && { vectors }),
    ...(transient && { transient }),
    needs: [...new Set(needs)],
  };
}

/**
 * The member of a group that an edit of another member means: the one with its values of all facets in which the group's
 * members differ, as far as it has them.
 */
function counterpart(facets: Facets, name: string, members: readonly RunMember[], plan: Plan): RunMember {
  const names = Object.keys(members[0].facets).filter((key) => key !== "member" && key !== "group");
  const sameTrunks =
    groupNamed(plan, name).from?.group === groupNamed(plan, String(facets.group)).from?.group;
  const varied = names.filter((key) => {
    if ((facets[key] ?? null) === null || (key === "trunk" && !sameTrunks)) return false;
    return members.some((member) => member.facets[key] !== members[0].facets[key]);
  });
  const found = members.filter((member) => varied.every((key) => member.facets[key] === facets[key]));
  if (found.length === 1) return found[0];
  const wanted = varied.map((key) => `${key} ${String(facets[key])}`).join(", ") || "all";
  throw new ConfigError(
    `plan "${plan.name}": edit of ${String(facets.member)}: expected one member of group ${name} with ${wanted}, ` +
      `found ${found.length}`,
  );
}

function studiesOf(
  group: StudyGroup,
  groups: ReadonlyMap<string, readonly RunMember[]>,
): readonly StudyMember[] {
  const lists: Readonly<Record<string, readonly ConfigValue[]>> = group.grid ?? {};
  const choices = product(lists).map((chosen) => ({
    set: { ...group.set, ...chosen } as StudyMember["set"],
    parts: partsOf(chosen, lists),
  }));
  return tuplesOf(group, groups).flatMap((members) =>
    choices.map(({ set, parts }) => studyOf(group, members, set, parts)),
  );
}

function studyOf(
  { kind, inputs }: StudyGroup,
  members: readonly RunMember[],
  set: StudyMember["set"],
  parts: readonly string[],
): StudyMember {
  const read = inputs.map(({ at, edit }, i): MemberInput => {
    const text = edit
      ?.replaceAll("{order}", String(members[i].facets.order ?? members[i].facets.seed))
      .replaceAll(/\{(\d+)\}/g, (_, place: string) => `{${members[Number(place) - 1].name}}`);
    return { member: members[i].name, at, ...(text !== undefined && { edit: text }) };
  });
  const name = nameOfStudy(kind, parts, read);
  const common = Object.entries(members[0].facets).filter(
    ([key, value]) => key !== "member" && members.every(({ facets }) => facets[key] === value),
  );
  return {
    what: "study",
    name,
    facets: { ...Object.fromEntries(common), ...set, kind },
    kind,
    set,
    inputs: read,
    needs: [...new Set(members.map((member) => member.name))],
  };
}

/** The name of a study with all of its parameters: no other has it. */
export function fullNameOf({ kind, set, inputs }: Pick<StudyMember, "kind" | "set" | "inputs">): string {
  const parameters = Object.entries(set).map(([key, value]) => `${key}=${String(value)}`);
  return nameOfStudy(kind, parameters, inputs);
}

/** "barrier points=5: branch/seed=0@end, branch/seed=1@end" */
function nameOfStudy(kind: string, parts: readonly string[], inputs: readonly MemberInput[]): string {
  return `${[kind, ...parts].join(" ")}: ${inputs.map(inputText).join(", ")}`;
}

/** "branch/seed=0@end+magnitude:0.05" */
function inputText({ member, at, edit }: MemberInput): string {
  return `${member}@${at}${edit === undefined ? "" : `+${edit}`}`;
}

/** The members that are compared with each other: one list per study, a member for each input. */
function tuplesOf(
  { inputs, same = [], differ = [] }: StudyGroup,
  groups: ReadonlyMap<string, readonly RunMember[]>,
): readonly (readonly RunMember[])[] {
  const keyOf = (member: RunMember): string =>
    JSON.stringify(same.map((name) => member.facets[name] ?? null));
  const byKey = inputs.map(({ group }) => groupBy(groups.get(group)!, keyOf));
  const equivalent = inputs.map((input, i) =>
    inputs.findLastIndex((other, j) => j < i && alike(input, other)),
  );
  const place = new Map([...groups.values()].flat().map((member, i) => [member, i]));
  const differs = (a: RunMember, b: RunMember): boolean =>
    differ.every((name) => (a.facets[name] ?? null) !== (b.facets[name] ?? null));
  const extended = (chosen: readonly RunMember[]): RunMember[][] => {
    const i = chosen.length;
    if (i === inputs.length) return [[...chosen]];
    const candidates = i === 0 ? groups.get(inputs[0].group)! : (byKey[i].get(keyOf(chosen[0])) ?? []);
    const before = equivalent[i] < 0 ? undefined : chosen[equivalent[i]];
    return candidates
      .filter((member) => before === undefined || place.get(member)! > place.get(before)!)
      .filter((member) => chosen.every((other) => differs(member, other)))
      .flatMap((member) => extended([...chosen, member]));
  };
  return extended([]);
}

function alike(a: StudyInputGroup, b: StudyInputGroup): boolean {
  return a.group === b.group && a.at === b.at && a.edit === b.edit;
}

/** The runs, keeping what branches, edits and studies read of them. */
function withReads(runs: readonly RunMember[], studies: readonly StudyMember[]): RunMember[] {
  const keep = new Map(runs.map(({ name, keep }) => [name, new Set(keep)]));
  const vectors = new Map(runs.map(({ name, vectors = 0 }) => [name, vectors]));
  for (const { from } of runs) {
    if (!from) continue;
    keep.get(from.trunk)!.add(from.at);
    if (from.edit !== undefined) keepForEdit(from.edit, from.trunk, keep);
  }
  for (const { kind, set, inputs } of studies) {
    for (const { member, at, edit } of inputs) {
      if (edit !== undefined) keepForEdit(edit, member, keep);
      if (readsOf(kind) === "vectors") {
        vectors.set(member, Math.max(vectors.get(member)!, pairsOf(kind, set)));
      } else if (at !== "end") keep.get(member)!.add(at); // the last weights are always kept
    }
  }
  return runs.map((run) => {
    const most = vectors.get(run.name)!;
    return { ...run, keep: [...keep.get(run.name)!], ...(most > 0 && { vectors: most }) };
  });
}

/** Keeps the weights that an edit reads besides those it edits: of the run it is made to at another step, or of a member. */
function keepForEdit(edit: string, edited: string, keep: ReadonlyMap<string, Set<Moment>>): void {
  const names: string[] = [];
  const sample = edit.replaceAll(/\{([^{}]*)\}/g, (_, name: string) => sampleId(names.push(name) - 1));
  const read = weightsReadBy(parseEdit(sample));
  if (read === undefined || read.step === "end") return;
  const named = names.find((_, i) => sampleId(i) === read.run);
  keep.get(read.run === undefined ? edited : (named ?? ""))?.add(`${read.step}it`);
}

/** What stands for a member's run where an edit is only read. */
function sampleId(i: number): string {
  return `member${String(i).padStart(6, "0")}`;
}

function readsOf(kind: string): "weights" | "vectors" {
  return studyNamed(kind).reads;
}

/** How many singular vectors a study compares. */
function pairsOf(kind: string, set: StudyMember["set"]): number {
  const { pairs = LEADING } = { ...studyNamed(kind).defaults, ...set } as { readonly pairs?: number };
  return pairs;
}
