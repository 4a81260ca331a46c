import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import type { FacetedStudy } from "../analysis/faceted-study.js";
import { pairsTable, wholePairs } from "../analysis/pairs.js";
import type { FacetedRun } from "../analysis/tables.js";
import { DataError } from "../core/errors.js";
import { largest, smallest } from "../core/extent.js";
import { type Facet, where } from "../core/facets.js";
import { thin } from "../core/thin.js";
import { markup } from "../figures/markup.js";
import type { PanelAxis, Ticks } from "../figures/panels.js";
import type { TimeAxis } from "../figures/time.js";
import { type Column, columnsOf } from "./columns.js";
import { apartFromDiverged } from "./diverged.js";
import { shownMatrix } from "./shown.js";

/** What figures 11 to 13 are drawn from. */
export interface ConnectivityTables {
  /** As `pairsTable` has them, and place: the number of the split (or size of noise) among those of its experiment. */
  readonly pairs: ColumnTable;
  /** Agreement scores of the pairs: task, setting, noise, place, step, epoch, study, matrix, depth, rows, columns, score. */
  readonly scores: ColumnTable;
  /** Agreement diagonals of one matrix of each task: task, setting, noise, place, step, epoch, study, matrix, rank, value. */
  readonly diagonals: ColumnTable;
}

/** A row of `pairsTable`. */
export type PairRow = Readonly<Record<string, Facet>>;

/**
 * The pairs that the paper compares: branches, whole networks as they are, on equal data; of a task that was also trained on fewer
 * examples, those on most.
 */
export function paperPairs(runs: readonly FacetedRun[], studies: readonly FacetedStudy[]): PairRow[] {
  const same = where(wholePairs(pairsTable(runs, studies)), { data: "same" }).objects() as PairRow[];
  const branches = same.filter(({ between }) => between !== "runs");
  return branches.filter(({ task, setting, examples }) => {
    const own = branches.filter((other) => other.task === task && other.setting === setting);
    return Number(examples) === largest(own.map((other) => Number(other.examples)));
  });
}

/**
 * The tables of a figure, of those pairs among the ones that the paper compares that `choose` leaves.
 * @param figure "Figure 11", for the error
 * @param along what the places are: pairs with equal values stand together; null has no place
 * @throws DataError if there are none
 */
export function connectivityTables(
  figure: string,
  runs: readonly FacetedRun[],
  studies: readonly FacetedStudy[],
  along: "step" | "eta",
  choose: (pairs: readonly PairRow[]) => readonly PairRow[],
): ConnectivityTables {
  const chosen = choose(paperPairs(runs, studies)).filter((pair) => typeof pair[along] === "number");
  if (chosen.length === 0) {
    const found = studies.length === 0 ? "no studies" : `none in ${studies.length} studies`;
    throw new DataError(`${figure}: expected pairs with a barrier of the training loss, found ${found}`);
  }
  const placed = chosen.map((pair) => {
    const own = chosen.filter(({ task, setting }) => task === pair.task && setting === pair.setting);
    return { ...pair, place: numbersIn(own, along).indexOf(pair[along] as number) } as PairRow;
  });
  const byId = new Map(studies.map(({ study }) => [study.record.id, study]));
  const ofPair = ({ task, setting, noise, place, step, epoch, agreementStudy: study }: PairRow): PairRow => ({
    task,
    setting,
    noise,
    place,
    step,
    epoch,
    study,
  });
  const scores: PairRow[] = [];
  const diagonals: PairRow[] = [];
  for (const pair of placed) {
    const study = byId.get(String(pair.agreementStudy));
    if (!study) continue;
    const rows = study.rows();
    const { name: shown } = shownMatrix(
      String(pair.task),
      rows.map(({ matrix }) => String(matrix)),
    );
    for (const { part, matrix, depth, rows: height = null, columns = null, score } of rows) {
      scores.push({ ...ofPair(pair), matrix, depth, rows: height, columns, score });
      if (matrix !== shown) continue;
      const diagonal = study.readArrays(String(part)).get(`agreement/${shown}`)?.data ?? [];
      for (let i = 0; i < diagonal.length; i++)
        diagonals.push({ ...ofPair(pair), matrix, rank: i + 1, value: Number(diagonal[i]) });
    }
  }
  const common = ["task", "setting", "noise", "place", "step", "epoch", "study"];
  return {
    pairs: tableOf([...Object.keys(placed[0])], placed),
    scores: tableOf([...common, "matrix", "depth", "rows", "columns", "score"], scores),
    diagonals: tableOf([...common, "matrix", "rank", "value"], diagonals),
  };
}

export function tableOf(names: readonly string[], rows: readonly PairRow[]): ColumnTable {
  return aq.table(names.map((name) => [name, rows.map((row) => row[name] ?? null)] as const));
}

/** The different values of a column of numbers, rising. */
function numbersIn(rows: readonly PairRow[], column: string): number[] {
  return [...new Set(rows.map((row) => row[column] as number))].sort((a, b) => a - b);
}

/** A column per experiment among the pairs, in the order of the paper's tasks, with the notes under the figure. */
export function connectivityColumns(
  runs: readonly FacetedRun[],
  { pairs, scores }: ConnectivityTables,
): { readonly columns: readonly Column[]; readonly present: readonly Column[]; readonly notes: string[] } {
  const ids = new Set([...pairs.array("run1"), ...pairs.array("run2")]);
  const compared = runs
    .filter(({ run }) => ids.has(run.record.id))
    .map(({ run, facets: { task, setting = null, seed } }) => ({ run, facets: { task, setting, seed } }));
  const { columns, present, notes } = columnsOf(compared);
  const shown = present.flatMap(({ title, where: { task, setting } }) => {
    const matrices = where(scores, { task, setting }).dedupe("matrix").array("matrix") as string[];
    const { note } = shownMatrix(String(task), matrices);
    return note === undefined ? [] : [`${title}: ${note}.`];
  });
  return { columns, present, notes: [...notes, ...shown, ...apartFromDiverged(runs).notes] };
}

/**
 * The axis of an experiment's splits, evenly spaced as in the paper: labelled by the epoch and, below, the step.
 * @param most labels
 */
export function splitAxis(pairs: ColumnTable, most: number): TimeAxis {
  const rows = pairs.objects() as PairRow[];
  const labels = numbersIn(rows, "place").map((place) => {
    const { epoch, step } = rows.find((row) => row.place === place)!;
    return { at: place, text: markup`${written(Number(epoch))}<br>${String(step)}` };
  });
  return placeAxis(labels, most);
}

/** The axis of an experiment's sizes of noise. */
export function noiseAxis(pairs: ColumnTable, most: number): TimeAxis {
  const rows = pairs.objects() as PairRow[];
  const labels = numbersIn(rows, "place").map((place) => {
    const { eta } = rows.find((row) => row.place === place)!;
    return { at: place, text: written(Number(eta)) };
  });
  return placeAxis(labels, most);
}

function placeAxis(labels: readonly { at: number; text: Ticks["text"][number] }[], most: number): TimeAxis {
  const shown = thin(labels, most);
  const ticks = { at: shown.map(({ at }) => at), text: shown.map(({ text }) => text) };
  return { unit: "place", scale: "linear", ticks };
}

/** "0.2", "14": at most two decimals. */
function written(value: number): string {
  return String(Math.round(100 * value) / 100);
}

/** "3 pairs", "1 to 3 pairs". */
function counted(numbers: readonly number[], noun: string): string {
  const [least, most] = [smallest(numbers), largest(numbers)];
  return `${least === most ? "" : `${least} to `}${most} ${noun}${most === 1 ? "" : "s"}`;
}

/** The vertical axis of barriers: from 0, or from the lowest one below it. */
export function barrierAxis(pairs: ColumnTable): PanelAxis {
  const known = (pairs.array("barrier") as (number | null)[]).map(Number).filter(Number.isFinite);
  const [low, high] = [Math.min(0, smallest(known)), Math.max(0, largest(known))];
  const room = 0.08 * (high - low || 1);
  return { type: "linear", range: [low < 0 ? low - room : 0, high + room] };
}

/** How many ticks a panel has room for. */
export function ticksIn(columns: number): number {
  return Math.max(4, Math.floor(24 / columns));
}

/** What is said of the pairs under a figure: how many there are of each kind, how they were evaluated, and how many diverged. */
export function pairsNote(pairs: ColumnTable): string {
  const rows = pairs.objects() as PairRow[];
  const counts = new Map<string, number>();
  for (const row of rows) {
    const key = JSON.stringify([row.task, row.setting, row.noise, row.place]);
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const numbers = [...counts.values()];
  const experiments = [...new Set(rows.map(({ task, setting }) => JSON.stringify([task, setting])))];
  const trunks = experiments.map((experiment) => {
    const own = rows.filter(({ task, setting }) => JSON.stringify([task, setting]) === experiment);
    return new Set(own.flatMap(({ trunk1, trunk2 }) => [trunk1, trunk2])).size;
  });
  const diverged = rows.filter(({ barrier }) => !Number.isFinite(barrier)).length;
  const spread = largest(numbers) === 1 ? "" : "mean and, as a band, one standard deviation over ";
  return (
    `At each place ${spread}${counted(numbers, "pair")}, of ${counted(trunks, "trunk")}; barriers of the training loss.` +
    (diverged > 0 ? ` ${diverged} of ${rows.length} pairs diverged: a gap.` : "")
  );
}
