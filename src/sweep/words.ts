import { runsFolder, studiesFolder } from "../store/paths.js";
import { trainCommand } from "../store/remake.js";
import type { RunMember, StudyMember } from "./expand.js";
import type { Resolver } from "./resolve.js";

/** What all members of a sweep are given besides what the plan says. */
export interface Common {
  readonly backend?: string;
  readonly svd?: string;
}

function given({ backend, svd }: Common): Option[] {
  return [
    ["backend", backend],
    ["svd", svd],
  ];
}

/** A value, or true of a flag; undefined where it is not given. */
type Option = readonly [string, string | number | boolean | undefined];

/** The options of a command line as its words. */
function wordsOf(options: readonly Option[]): string[] {
  return options.flatMap(([name, value]) => {
    if (value === undefined || value === false) return [];
    return value === true ? [`--${name}`] : [`--${name}`, String(value)];
  });
}

/**
 * The words behind `spectral` that train a member, or go on with it.
 * @returns undefined where the run of its trunk is not known yet
 */
export async function trainWords(
  member: RunMember,
  resolver: Resolver,
  common: Common = {},
): Promise<string[] | undefined> {
  const options = await trainOptions(member, resolver);
  if (options === undefined) return undefined;
  return ["train", member.task, ...wordsOf([...options, ...given(common)])];
}

async function trainOptions(member: RunMember, resolver: Resolver): Promise<Option[] | undefined> {
  const { task, profile, setting, set, seed, order, from, keep, probes, vectors } = member;
  const start: Option[] = [];
  if (from) {
    const trunk = await resolver.run(from.trunk);
    if (trunk === undefined) return undefined;
    const step = (await resolver.step(from.trunk, from.at)) ?? "end";
    start.push(["from", `${task}/${trunk.id}@${step}`]);
    if (from.edit !== undefined) {
      const edit = await resolver.edit(from.edit);
      if (edit === undefined) return undefined;
      start.push(["edit", edit]);
    }
    start.push(["fresh-moments", from.memory === false]);
  }
  const { runs } = resolver;
  return [
    ...start,
    ["profile", profile],
    ["setting", setting],
    ["seed", seed],
    ["order", order],
    ...Object.entries(set).map(([key, value]): Option => ["set", `${key}=${String(value)}`]),
    ["keep", keep.length > 0 ? keep.join(",") : undefined],
    ["probes", probes?.join(",")],
    ["vectors", vectors],
    ["runs", runs === runsFolder() ? undefined : runs],
  ];
}

/** The command that trains a finished member again, with all that is asked of it. */
export async function retrainCommand(member: RunMember, resolver: Resolver): Promise<string> {
  const options = (await trainOptions(member, resolver)) ?? [];
  return trainCommand(member.task, [...options, ["retrain", true]]);
}

/**
 * The words behind `spectral` that compute a member, or go on with it.
 * @returns undefined where the run of an input is not known yet
 */
export async function studyWords(
  { kind, set, inputs }: StudyMember,
  resolver: Resolver,
  common: Common = {},
): Promise<string[] | undefined> {
  const texts: string[] = [];
  for (const { member, at, edit } of inputs) {
    const run = await resolver.run(member);
    if (run === undefined) return undefined;
    const step = (await resolver.step(member, at)) ?? "end";
    const made = edit === undefined ? undefined : await resolver.edit(edit);
    if (edit !== undefined && made === undefined) return undefined;
    texts.push(`${run.description.task}/${run.id}@${step}${made === undefined ? "" : `+${made}`}`);
  }
  const { runs, studies } = resolver;
  const options: Option[] = [
    ...Object.entries(set).map(([key, value]): Option => ["set", `${key}=${String(value)}`]),
    ...given(common),
    ["runs", runs === runsFolder() ? undefined : runs],
    ["studies", studies === studiesFolder() ? undefined : studies],
  ];
  return ["study", kind, ...texts, ...wordsOf(options)];
}
