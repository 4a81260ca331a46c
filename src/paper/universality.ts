import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import { faceted, type FacetedRun, ranksTable, spectrumTable } from "../analysis/tables.js";
import { largest, smallest } from "../core/extent.js";
import { where } from "../core/facets.js";
import { groupBy } from "../core/group-by.js";
import { drawGrid } from "../figures/grid.js";
import { type MeanCurve, meanCurves, type PanelAxis } from "../figures/panels.js";
import type { Figure } from "../figures/plotly.js";
import { ink, palette } from "../figures/theme.js";
import type { RunReader } from "../store/stored-run.js";
import type { Plan, RunGroup } from "../sweep/plan.js";
import { lstm, mlpLabels, mnistMlp, resnet } from "../tasks/index.js";
import type { ProfileName, Task } from "../tasks/task.js";
import type { Claim } from "./claim.js";
import { rankFalls } from "./claims/figure3.js";
import { largeValuesGrowEverywhere } from "./claims/universality.js";
import { FOUR_TASKS, SHORT } from "./columns.js";
import { seedsOf, smallerSet } from "./decay-plan.js";
import { dataNotes } from "./experiments.js";
import { type Drawn, expectRuns } from "./figure.js";
import { mean } from "./statistics.js";
import { PAPER_SEEDS } from "./stored.js";

/** The paper's own networks, figure 8's among them, and then those that it does not have. */
const ROWS: readonly (readonly [title: string, tasks: readonly Task[]])[] = [
  ["in the paper", [...FOUR_TASKS, mlpLabels]],
  ["not in the paper", [mnistMlp, resnet]],
];
const NAMES: Readonly<Record<string, string>> = {
  ...SHORT,
  "mlp-labels": "MLP",
  "mnist-mlp": "MLP on MNIST",
  resnet: "ResNet",
};

/** Those that train in seconds have the paper's seeds in the quick profile too. */
const QUICKEST: readonly Task[] = [lstm, mnistMlp];

/**
 * The runs of the question whether ranks fall in every network (PAPER.md section 5): the paper's four tasks, its MLP with true labels,
 * an MLP on MNIST and a residual network, as their profiles have them. The quick profile has smaller networks, and of most of them one seed.
 */
export function universalityPlan(profile: ProfileName): Plan {
  const settings = new Map<Task, string>([[mlpLabels, "true"], [mnistMlp, "no-decay"]]); // prettier-ignore
  const runs = ROWS.flatMap(([, tasks]) => tasks).map((task): RunGroup => {
    const set = FOUR_TASKS.includes(task) ? smallerSet(task, profile) : undefined;
    return {
      name: task.name,
      task: task.name,
      seeds: QUICKEST.includes(task) ? PAPER_SEEDS : seedsOf(profile),
      ...(settings.has(task) && { settings: [settings.get(task)!] }),
      ...(set && { set }),
    };
  });
  return { name: "universality", title: "Effective rank in networks beyond the paper's", profile, runs };
}

/** The runs of one task. */
interface Network {
  readonly task: Task;
  readonly runs: readonly FacetedRun[];
}

/** One moment of one run. */
interface CourseRow {
  readonly task: string;
  readonly seed: number;
  readonly step: number;
  /** Of training, in percent. */
  readonly share: number;
  /** Effective rank, the mean over matrices, less that of the first moment. */
  readonly rankChange: number;
  /** Largest singular value over the Frobenius norm, relative to the first moment: the geometric mean over matrices. */
  readonly topGrowth: number;
}

/**
 * The same of several networks, the paper's and others: the change of mean effective rank along training, and how much more the largest
 * singular value grows than the whole matrix does. For each, figure 3's claim, and figure 1's of all of its matrices. Table
 * `networks`: what these claims counted, a row per network.
 * @param given runs of tasks of `universalityPlan`, of one experiment each; others are left out
 * @throws DataError without runs
 */
export function drawUniversality(given: readonly FacetedRun[]): Drawn {
  const byTask = groupBy(given, ({ run }) => run.record.task);
  const networks = ROWS.flatMap(([, tasks]) => tasks).flatMap((task): Network[] => {
    const runs = (byTask.get(task.name) ?? []).map(({ run }) => faceted(run));
    return runs.length > 0 ? [{ task, runs }] : [];
  });
  const runs = networks.flatMap((network) => network.runs);
  expectRuns("Universality", runs);
  const found = networks.map((network) => ({ ...network, claims: claimsOf(network) }));
  const course = aq.from(runs.flatMap(({ run }) => courseOf(run)));
  return {
    name: "universality",
    figure: plotUniversality(course, dataNotes(runs)),
    tables: { course, networks: aq.from(found.map(numbersOf)) },
    claims: found.flatMap(({ claims }) => [claims.falls, claims.grows]),
  };
}

interface Claims {
  readonly falls: Claim;
  readonly grows: Claim;
}

function claimsOf({ task, runs }: Network): Claims {
  const facets = { task: task.name };
  return {
    falls: rankFalls(ranksTable(runs), facets),
    grows: largeValuesGrowEverywhere(spectrumTable(runs, { maxSteps: 2 }), facets),
  };
}

function numbersOf({ task, runs, claims: { falls, grows } }: Network & { readonly claims: Claims }): object {
  return {
    task: task.name,
    inThePaper: ROWS[0][1].includes(task),
    seeds: runs.length,
    matrices: falls.numbers.matrices,
    rankFell: falls.numbers.fell,
    meanFall: falls.numbers.meanFall,
    randomWalk: falls.numbers.randomWalk,
    topGrewMost: grows.numbers.grew,
    medianRatio: grows.numbers.ratio,
  };
}

function courseOf(run: RunReader): CourseRow[] {
  type Measured = { step: number; matrix: string; effectiveRank: number; largest: number; frobenius: number };
  const rows = ranksTable([faceted(run)]).objects() as Measured[];
  const moments = [...groupBy(rows, ({ step }) => String(step)).values()];
  const last = largest(rows.map(({ step }) => step));
  const topOf = (row: Measured): number => Math.log(row.largest / row.frobenius);
  const first = new Map((moments[0] ?? []).map((row) => [row.matrix, row]));
  return moments.map((matrices) => ({
    task: run.record.task,
    seed: run.record.seed,
    step: matrices[0].step,
    share: (100 * matrices[0].step) / last,
    rankChange: mean(matrices.map((row) => row.effectiveRank - first.get(row.matrix)!.effectiveRank)),
    topGrowth: Math.exp(mean(matrices.map((row) => topOf(row) - topOf(first.get(row.matrix)!)))),
  }));
}

const TITLES = {
  rankChange: "change of mean effective rank",
  topGrowth: "growth of largest value over norm",
} as const;

/** Rows: the paper's networks and others; columns: rank and the largest singular value. Panels of one column have one scale. */
function plotUniversality(course: ColumnTable, notes: readonly string[]): Figure {
  const axis = (column: keyof typeof TITLES): PanelAxis => {
    const values = course.array(column) as number[];
    const [low, high] = [smallest(values), largest(values)];
    const room = 0.04 * (high - low || 1);
    return { type: "linear", range: [low - room, high + room] };
  };
  const colors = [...palette, ink.text];
  const order = ROWS.flatMap(([, tasks]) => tasks.map(({ name }) => name));
  const rows = ROWS.flatMap(([title, tasks]) => {
    const lines = tasks.map(({ name }): MeanCurve => ({
      name: NAMES[name],
      color: colors[order.indexOf(name)],
      rows: where(course, { task: name }).rename({ share: "epoch" }),
    }));
    const panels = (Object.keys(TITLES) as (keyof typeof TITLES)[]).map((column) =>
      meanCurves(lines, column, axis(column)),
    );
    return panels.every((panel) => panel) ? [{ title, panels }] : [];
  });
  return drawGrid({
    description:
      "Change of mean effective rank, and growth of the largest singular value over the norm, in networks of the paper and others",
    panels: rows.map(({ panels }) => panels),
    columnTitles: Object.values(TITLES),
    rowTitles: rows.map(({ title }) => title),
    keys: "rows",
    link: "columns",
    xTitle: "share of training, %",
    panelHeight: 170,
    notes: [
      "Means over matrices (of growth geometric ones), from the first moment on. Bands: one standard deviation over seeds.",
      ...notes,
    ],
  });
}
