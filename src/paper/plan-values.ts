import { studyNamed } from "../analysis/index.js";
import { largest, smallest } from "../core/extent.js";
import type { Facet } from "../core/facets.js";
import type { Member, RunMember, StudyMember } from "../sweep/expand.js";

/**
 * What a plan has of one task, in words by quantity ("order seeds": "3, 4, 5"): read from its members alone. Empty where it has
 * nothing of the task.
 */
export function planValues(members: readonly Member[], task: string): Record<string, string> {
  const runs = new Map(
    members.filter((member) => member.what === "run" && member.task === task).map((run) => [run.name, run]),
  ) as Map<string, RunMember>;
  const studies = members.filter(
    (member): member is StudyMember =>
      member.what === "study" && member.inputs.every((input) => runs.has(input.member)),
  );
  const trunks = [...runs.values()].filter(({ from }) => from === undefined);
  const branches = [...runs.values()].filter(({ from }) => from !== undefined);
  const edits = branches.map(({ facets }) => String(facets.edit ?? ""));
  const masks = edits
    .map((edit) => /^(magnitude|random):([\d.]+)$/.exec(edit))
    .filter((found) => found !== null);
  const noise = edits.map((edit) => /^perturb:([\d.]+)(#?)/.exec(edit)).filter((found) => found !== null);
  const plain = edits.some((edit) => edit === "");
  const lists: Record<string, readonly (string | number)[]> = {
    seeds: trunks.length === 0 ? [] : [new Set(trunks.map(({ seed }) => seed)).size],
    "weight decays": rising(trunks.map(({ set }) => set.weightDecay).filter((decay) => decay !== undefined)),
    "order seeds": rising(branches.map(({ order }) => order).filter((order) => order !== undefined)),
    masks: different(masks.map(([, kind]) => kind)),
    "share of weights kept": rising(masks.map(([, , share]) => Number(share))),
    "branches start at": different(branches.map(({ from }) => from!.at)),
    "sizes of noise":
      noise.length === 0 ? [] : rising([...(plain ? [0] : []), ...noise.map(([, size]) => Number(size))]),
    "noise of branches": different(noise.map(([, , own]) => (own ? "own" : "shared"))).sort(),
    ...comparedIn(studies),
    ...pairsIn(studies, runs),
  };
  const known = Object.entries(lists).filter(([, list]) => list.length > 0);
  return Object.fromEntries(known.map(([name, list]) => [name, list.join(", ")]));
}

/** How studies compare: parameters of their kinds, or the plan's own values of these. */
function comparedIn(studies: readonly StudyMember[]): Record<string, readonly (string | number)[]> {
  const valuesOf = (kinds: readonly string[], parameter: string): number[] =>
    studies
      .filter(({ kind }) => kinds.includes(kind))
      .map(({ kind, set }) => Number(set[parameter] ?? studyNamed(kind).defaults[parameter]));
  return {
    "singular pairs compared": rising(valuesOf(["agreement"], "pairs")),
    "singular pairs followed": rising(valuesOf(["stability", "trajectory"], "pairs")),
    "points of a barrier": rising(valuesOf(["barrier"], "points")),
    "examples of a barrier": rising(valuesOf(["barrier"], "examples")).map((count) =>
      count === 0 ? "all" : count.toLocaleString("en"),
    ),
  };
}

/** How many pairs of branches that start alike have a barrier: of one trunk, and of different ones. */
function pairsIn(
  studies: readonly StudyMember[],
  runs: ReadonlyMap<string, RunMember>,
): Record<string, readonly string[]> {
  const counts = { one: new Map<string, number>(), two: new Map<string, number>() };
  for (const { kind, inputs } of studies) {
    const [a, b] = inputs.map(({ member }) => runs.get(member)!);
    if (kind !== "barrier" || !a.from || !b.from) continue;
    const own = counts[a.from.trunk === b.from.trunk ? "one" : "two"];
    const place = JSON.stringify([a.from.at, a.facets.group]);
    own.set(place, (own.get(place) ?? 0) + 1);
  }
  return {
    "pairs of one trunk, per start": spanned([...counts.one.values()]),
    "pairs of two trunks, per start": spanned([...counts.two.values()]),
  };
}

/** "9", "3 to 9"; nothing of none. */
function spanned(numbers: readonly number[]): string[] {
  if (numbers.length === 0) return [];
  const [least, most] = [smallest(numbers), largest(numbers)];
  return [least === most ? String(most) : `${least} to ${most}`];
}

function different<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

function rising(values: readonly Facet[]): number[] {
  return different(values.map(Number)).sort((a, b) => a - b);
}
