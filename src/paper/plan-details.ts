import { studyNamed } from "../analysis/index.js";
import type { Facet } from "../core/facets.js";
import { largest, smallest } from "../core/extent.js";
import { groupBy } from "../core/group-by.js";
import { expand, type RunMember, type StudyMember } from "../sweep/expand.js";
import type { ProfileName } from "../tasks/task.js";
import { type Difference, PAPER_GRIDS, type PaperGrid } from "./details.js";
import type { ShownDetail, Standing } from "./experimental-details.js";
import { paperFigure } from "./index.js";

/** One quantity of a figure's sweep over one task. */
export interface GridRow {
  readonly figures: readonly number[];
  readonly task: string;
  readonly quantity: string;
  /** Undefined where the paper does not state it. */
  readonly paper: string | undefined;
  /** By profile; undefined where its plan has nothing of the task, or of the kind. */
  readonly here: Readonly<Record<ProfileName, string | undefined>>;
  readonly standing: Standing;
  readonly differs?: Difference;
  readonly where: string;
}

/** What the sweeps of figures 6, 7 and 9 to 14 vary and compare, by the figures' plans, beside the paper's. */
export function planDetails(): readonly GridRow[] {
  return PAPER_GRIDS.flatMap((grid) => rowsOf(grid));
}

function rowsOf({ figures, task, paper, where, differs = {} }: PaperGrid): GridRow[] {
  const values = { quick: valuesIn("quick"), lab: valuesIn("lab"), paper: valuesIn("paper") };
  const quantities = Object.keys({ ...paper, ...values.paper });
  return quantities.map((quantity) => {
    const here = {
      quick: values.quick[quantity],
      lab: values.lab[quantity],
      paper: values.paper[quantity],
    };
    return {
      ...{ figures, task, quantity, where, here },
      paper: paper[quantity],
      standing: standingOf(paper[quantity], here.paper, differs[quantity]),
      ...(differs[quantity] && { differs: differs[quantity] }),
    };
  });

  /** What all of the figures' plans have; what they do not agree on, one behind the other. */
  function valuesIn(profile: ProfileName): Record<string, string | undefined> {
    const plans = figures.map((figure) => planValues(figure, task, profile));
    const names = new Set(plans.flatMap((plan) => Object.keys(plan)));
    return Object.fromEntries(
      [...names].map((name) => [name, [...new Set(plans.flatMap((plan) => plan[name] ?? []))].join(" or ")]),
    );
  }
}

function standingOf(paper: string | undefined, here: string | undefined, differs?: Difference): Standing {
  if (paper === undefined) return "not stated";
  if (here === paper) return "equal";
  return differs && (differs.here === undefined || differs.here === here) ? "explained" : "unexplained";
}

/**
 * What a figure's plan has of one task, in words by quantity: read from the plan's members alone. Empty where the plan has
 * nothing of the task.
 */
export function planValues(figure: number, task: string, profile: ProfileName): Record<string, string> {
  const plan = paperFigure(figure).plan?.(profile);
  if (!plan) return {};
  const members = expand(plan);
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

/** Rows of figures' plans as a table, marked as those of `detailsTable`; tasks of which everything is the same share a row. Rows of several plans say of which. */
export function gridsTable(rows: readonly GridRow[]): ShownDetail[] {
  const groups = groupBy(rows, ({ figures, task: _, ...row }) => JSON.stringify([figures, row]));
  const quantities = different(rows.map(({ quantity }) => quantity));
  const several = new Set(rows.map(({ figures }) => figures.join())).size > 1;
  return [...groups.values()]
    .sort(([a], [b]) => quantities.indexOf(a.quantity) - quantities.indexOf(b.quantity))
    .map((own) => {
      const { quantity, paper, here, standing, differs } = own[0];
      const cell = (value: string | undefined): string => {
        if (value === undefined) return "–";
        return paper === undefined || value === paper ? value : `≠ ${value}`;
      };
      const remarks = {
        equal: "",
        "not stated": "",
        explained: `differs: ${differs?.why}`,
        unexplained: "DIFFERS, and no reason is declared",
      };
      return {
        ...(several && { figures: own[0].figures.join(", ") }),
        "of the sweep": quantity,
        tasks: own.map(({ task }) => task).join(", "),
        paper: paper ?? "not stated",
        "paper profile": cell(here.paper),
        lab: cell(here.lab),
        quick: cell(here.quick),
        remark: remarks[standing],
      };
    });
}
