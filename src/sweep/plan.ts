import { studyNamed } from "../analysis/index.js";
import { configure, type ConfigValue, unknownName } from "../core/config.js";
import { ConfigError, messageOf, SpectralError } from "../core/errors.js";
import { printable } from "../core/printable.js";
import {
  all,
  either,
  excerpt,
  finite,
  flag,
  list,
  named,
  oneOf,
  only,
  type Rule,
  text,
  whole,
  word,
} from "../core/schema.js";
import type { Moment } from "../core/time.js";
import { taskNamed } from "../tasks/index.js";
import { configOf, PROFILES, type ProfileName } from "../tasks/task.js";
import { parseEdit } from "../train/edits/edit.js";
import { membersIn } from "./member-edit.js";

/**
 * A sweep as data that JSON can hold: groups of runs, each a product of settings, seeds, fields and branches, and studies
 * of them. Runs and studies carry their own state, so a plan has none.
 * @example
 * {
 *   "name": "branches",
 *   "profile": "quick",
 *   "runs": [
 *     { "name": "trunk", "task": "vgg", "seeds": [0, 1] },
 *     { "name": "branch", "task": "vgg", "from": { "group": "trunk", "at": ["0", "1ep"] }, "orders": [1, 2] }
 *   ],
 *   "studies": [
 *     {
 *       "kind": "agreement",
 *       "inputs": [{ "group": "branch", "at": "end" }, { "group": "branch", "at": "end" }],
 *       "same": ["trunk", "split"],
 *       "differ": ["order"]
 *     }
 *   ]
 * }
 */
export interface Plan {
  /** "figure11": also the folder of the sweep's logs. */
  readonly name: string;
  readonly title?: string;
  /** Of every run; default "quick". */
  readonly profile?: ProfileName;
  readonly runs: readonly RunGroup[];
  readonly studies?: readonly StudyGroup[];
}

/**
 * Runs that are asked for together: one per element of the product of all lists. A group with `from` branches from every
 * member of that group at every moment, and has the members' configurations but for `grid` and `set`.
 */
export interface RunGroup {
  readonly name: string;
  readonly task: string;
  /** Settings of the profile; null: the profile's own values. Default [null]; none with `from`. */
  readonly settings?: readonly (string | null)[];
  /** Streams of the initialisation. Default [0]; none with `from`. */
  readonly seeds?: readonly number[];
  /** Values of fields of the configuration: every combination. */
  readonly grid?: Readonly<Record<string, readonly ConfigValue[]>>;
  /** Fields of the configuration that are the same in all of them. */
  readonly set?: Readonly<Record<string, ConfigValue>>;
  /** Moments at which weights are kept, besides those that branches and studies of the plan need. */
  readonly keep?: readonly Moment[];
  /** Only these probes; default all of the task's. */
  readonly probes?: readonly string[];
  /** How many leading singular vectors of every matrix are kept whenever spectra are measured; default none, or what studies need. */
  readonly vectors?: number;
  /**
   * Weights, with the optimiser's memory, are let go of once everything that is made from them is finished, in this plan and in
   * others that have the same runs: all of a branch, all but the last ones of another run. Default false: they are kept.
   */
  readonly transient?: boolean;
  readonly from?: BranchPoint;
  /**
   * What is done to the weights first (`parseEdit`); null: nothing. Default [null]; only with `from`. `{order}` stands for
   * the member's order; `{GROUP}` for the run of the member of that group whose facets are the same, as far as both have them.
   */
  readonly edits?: readonly (string | null)[];
  /** Streams of the order of examples. Default the seed's own, of a branch its trunk's. */
  readonly orders?: readonly number[];
}

/** Where the members of a group branch off. */
export interface BranchPoint {
  /** The group of the trunks. */
  readonly group: string;
  readonly at: readonly Moment[];
  /** Whether the optimiser's memory comes along; default true. */
  readonly memory?: boolean;
}

/**
 * Studies: one per tuple of members, one member for each input. A member is compared with no other that is left out by
 * `same` and `differ`. Inputs of one group, moment and edit are interchangeable: each set of members comes once, and no
 * member twice in it.
 */
export interface StudyGroup {
  readonly kind: string;
  /** Parameters. */
  readonly set?: Readonly<Record<string, ConfigValue>>;
  /** Values of parameters: every combination. */
  readonly grid?: Readonly<Record<string, readonly ConfigValue[]>>;
  readonly inputs: readonly StudyInputGroup[];
  /** Facets in which the members of a tuple are all equal. */
  readonly same?: readonly string[];
  /** Facets in which no two members of a tuple are equal. */
  readonly differ?: readonly string[];
}

/** Whose weights a study reads. */
export interface StudyInputGroup {
  readonly group: string;
  readonly at: Moment;
  /** What is done to them first. `{1}` stands for the run of the first input's member, and so on; `{order}` as in `edits`. */
  readonly edit?: string;
}

/**
 * What tells members apart: every member has these, and the fields of its `grid` and `set`; null where it has none.
 * `member` is its name, `split` the moment branched at, `trunk` the name of the member branched from.
 */
export const FACETS = [
  "member",
  "group",
  "task",
  "setting",
  "seed",
  "order",
  "split",
  "edit",
  "trunk",
] as const;

const nameRule: Rule = all(text(100), word("a name of letters, digits and - _ .", /^[A-Za-z0-9][\w.-]*$/));
const momentRule: Rule = word(
  'a moment such as "0", "500it", "2ep", "20%" or "end"',
  /^(\d+(\.\d+)?(ep|it|%)|0|end)$/,
);
const valueRule: Rule = either("a number, text or flag", finite(), text(10_000), flag);
const gridRule: Rule = named(some(valueRule), 100);

/** A list of at least one entry, each once where they are no objects. */
function some(rule: Rule, most = 10_000): Rule {
  const entries = list(rule, most);
  return (value) => {
    if (!Array.isArray(value)) return entries(value);
    if (value.length === 0) return { place: "", expected: "a list of at least one entry", found: "[]" };
    if (new Set(value).size === value.length) return entries(value);
    const twice = value.findIndex((entry, i) => value.indexOf(entry) < i);
    return { place: `[${twice}]`, expected: "each entry once", found: `${excerpt(value[twice])} again` };
  };
}

/** A text, or null for none. */
function orNone(rule: Rule): Rule {
  return (value) => (value === null ? undefined : rule(value));
}

const runGroupRule: Rule = only({
  name: nameRule,
  task: text(100),
  "settings?": some(orNone(text(100))),
  "seeds?": some(whole()),
  "grid?": gridRule,
  "set?": named(valueRule, 100),
  "keep?": list(momentRule, 1000),
  "probes?": some(text(100), 100),
  "vectors?": whole(1),
  "transient?": flag,
  "from?": only({ group: nameRule, at: some(momentRule), "memory?": flag }),
  "edits?": some(orNone(text(10_000))),
  "orders?": some(whole()),
});

const studyGroupRule: Rule = only({
  kind: text(100),
  "set?": named(valueRule, 100),
  "grid?": gridRule,
  inputs: some(only({ group: nameRule, at: momentRule, "edit?": text(10_000) }), 100),
  "same?": list(text(200), 100),
  "differ?": list(text(200), 100),
});

const planRule: Rule = only({
  name: nameRule,
  "title?": text(),
  "profile?": oneOf(...PROFILES),
  runs: some(runGroupRule, 1000),
  "studies?": list(studyGroupRule, 1000),
});

/**
 * Checks a plan that somebody wrote: its form, and every task, setting, field, edit, kind of study, group and facet that
 * it names; no group branches from itself, however far around.
 * @param place of it, for errors: a file's name
 * @throws ConfigError naming the first place that is wrong, what was expected there and what was found
 */
export function readPlan(value: unknown, place = "plan"): Plan {
  const flaw = planRule(value);
  if (flaw) {
    const where = flaw.place === "" ? place : `${place}: ${flaw.place}`;
    throw new ConfigError(`${where}: expected ${flaw.expected}, found ${flaw.found}`);
  }
  const plan = value as Plan;
  checkGroups(plan, place);
  for (const group of inOrder(plan, place))
    at(`${place}: runs[${plan.runs.indexOf(group)}] ("${group.name}")`, () => checkRuns(plan, group));
  plan.studies?.forEach((group, i) => at(`${place}: studies[${i}]`, () => checkStudies(plan, group)));
  return plan;
}

/**
 * Several plans as one: every group under its plan's name. Members that are one run are trained once.
 * @throws ConfigError if they are of several profiles
 */
export function joined(plans: readonly Plan[]): Plan {
  const [first, ...others] = plans;
  if (others.length === 0) return first;
  const other = others.find(({ profile }) => (profile ?? "quick") !== (first.profile ?? "quick"));
  if (other)
    throw new ConfigError(
      `plans: expected one profile, found ${first.profile ?? "quick"} of "${first.name}" and ` +
        `${other.profile ?? "quick"} of "${other.name}"`,
    );
  return {
    name: plans
      .map(({ name }) => name)
      .join("-")
      .slice(0, 100),
    profile: first.profile,
    runs: plans.flatMap((plan) => prefixed(plan).runs),
    studies: plans.flatMap((plan) => prefixed(plan).studies ?? []),
  };
}

/** A plan whose groups have its name in front of theirs. */
export function prefixed(plan: Plan): Plan {
  return {
    ...plan,
    runs: plan.runs.map((group) => renamed(plan, group)),
    studies: (plan.studies ?? []).map((study) => ({
      ...study,
      inputs: study.inputs.map((input) => ({ ...input, group: within(plan, input.group) })),
    })),
  };
}

function within({ name }: Plan, group: string): string {
  return `${name}.${group}`;
}

function renamed(plan: Plan, group: RunGroup): RunGroup {
  const { from, edits } = group;
  const edit = (text: string | null): string | null =>
    text &&
    text.replaceAll(/\{([^{}]*)\}/g, (braces, name: string) =>
      name === "order" ? braces : `{${within(plan, name)}}`,
    );
  return {
    ...group,
    name: within(plan, group.name),
    ...(from && { from: { ...from, group: within(plan, from.group) } }),
    ...(edits && { edits: edits.map(edit) }),
  };
}

/** What an action returns; the place in front of what it says is wrong. */
function at<T>(place: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof SpectralError)) throw error;
    throw new ConfigError(`${place}: ${messageOf(error)}`, { cause: error });
  }
}

function checkGroups({ runs }: Plan, place: string): void {
  const names = runs.map(({ name }) => name);
  const twice = names.findIndex((name, i) => names.indexOf(name) < i);
  if (twice >= 0)
    throw new ConfigError(
      `${place}: runs[${twice}].name: expected another name, found "${names[twice]}" again`,
    );
}

/** The group of a name. @throws ConfigError with the nearest name if there is none */
export function groupNamed({ runs }: Plan, name: string): RunGroup {
  const group = runs.find((candidate) => candidate.name === name);
  if (group) return group;
  throw unknownName(
    "group",
    printable(name, 100),
    runs.map((known) => known.name),
  );
}

/** The groups that a group's edits name as `{GROUP}`. */
export function groupsInEdits({ edits = [] }: Pick<RunGroup, "edits">): string[] {
  const names = edits.flatMap((edit) => membersIn(edit ?? ""));
  return [...new Set(names)].filter((name) => name !== "order");
}

/** The groups whose members must be trained before a group's. */
function needed(group: RunGroup): string[] {
  return [...(group.from ? [group.from.group] : []), ...groupsInEdits(group)];
}

/**
 * The groups of runs, each behind all that it needs, else in their own order.
 * @throws ConfigError naming groups that need each other, or a group that is not there
 */
export function inOrder(plan: Plan, place = "plan"): readonly RunGroup[] {
  const done = new Set<RunGroup>();
  const visit = (group: RunGroup, path: readonly string[]): void => {
    if (path.includes(group.name)) {
      const around = [...path.slice(path.indexOf(group.name)), group.name].join(" -> ");
      throw new ConfigError(`${place}: runs: expected groups that do not need themselves, found ${around}`);
    }
    if (done.has(group)) return;
    for (const name of needed(group)) {
      const other = at(`${place}: runs ("${group.name}")`, () => groupNamed(plan, name));
      visit(other, [...path, group.name]);
    }
    done.add(group);
  };
  for (const group of plan.runs) visit(group, []);
  return [...done];
}

function checkRuns(plan: Plan, group: RunGroup): void {
  const { from, edits = [null], settings = [null], grid = {}, set = {} } = group;
  const task = taskNamed(group.task);
  for (const name of Object.keys(grid).filter((key) => Object.hasOwn(set, key)))
    throw new ConfigError(`expected "${name}" in grid or in set, found it in both`);
  if (from) {
    const trunk = groupNamed(plan, from.group);
    if (trunk.task !== group.task)
      throw new ConfigError(
        `from: expected a group of ${group.task}, found "${trunk.name}" of ${trunk.task}`,
      );
    for (const key of ["settings", "seeds"] as const)
      if (group[key]) throw new ConfigError(`${key}: expected none with from: a branch has its trunk's`);
  } else if (edits.some((edit) => edit !== null)) {
    throw new ConfigError("edits: expected from with them, found none");
  }
  for (const setting of settings) configOf(task, { profile: plan.profile, setting: setting ?? undefined });
  for (const [name, values] of Object.entries(grid))
    for (const value of values) configure(task.name, task.defaults, { [name]: value }, task.checks);
  configure(task.name, task.defaults, set, task.checks);
  for (const edit of edits) if (edit !== null) checkEdit(edit, new Set(plan.runs.map(({ name }) => name)));
}

/** An edit with something in the place of what stands in braces. */
function checkEdit(edit: string, groups: ReadonlySet<string>): void {
  for (const [, name] of edit.matchAll(/\{([^{}]*)\}/g)) {
    if (name !== "order" && !groups.has(name))
      throw unknownName(`edit "${printable(edit, 200)}": group`, printable(name, 100), ["order", ...groups]);
  }
  parseEdit(edit.replaceAll("{order}", "1").replaceAll(/\{[^{}]*\}/g, "0123456789ab"));
}

function checkStudies(
  plan: Plan,
  { kind, set = {}, grid = {}, inputs, same = [], differ = [] }: StudyGroup,
): void {
  const { defaults, checks } = studyNamed(kind);
  for (const [name, values] of Object.entries(grid))
    for (const value of values) configure(kind, defaults, { [name]: value }, checks);
  configure(kind, defaults, set, checks);
  const groups = inputs.map(({ group }) => groupNamed(plan, group));
  const places = new Set(inputs.map((_, i) => String(i + 1)));
  for (const { edit } of inputs) if (edit !== undefined) checkEdit(edit, places);
  const known = new Set<string>(FACETS);
  for (const group of groups) facetsOfGroup(plan, group).forEach((name) => known.add(name));
  for (const name of [...same, ...differ])
    if (!known.has(name)) throw unknownName("facet", printable(name, 100), [...known]);
}

/** The fields that a group's members have as facets: its own and its trunks'. */
function facetsOfGroup(plan: Plan, { grid = {}, set = {}, from }: RunGroup): string[] {
  const own = [...Object.keys(grid), ...Object.keys(set)];
  return from ? [...facetsOfGroup(plan, groupNamed(plan, from.group)), ...own] : own;
}
