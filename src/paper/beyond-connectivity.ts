import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import type { FacetedStudy } from "../analysis/faceted-study.js";
import { pairsTable, wholePairs } from "../analysis/pairs.js";
import type { FacetedRun } from "../analysis/tables.js";
import { DataError } from "../core/errors.js";
import { where } from "../core/facets.js";
import { meanCurves } from "../figures/panels.js";
import { palette } from "../figures/theme.js";
import { drawColumns } from "./columns.js";
import {
  barrierAxis,
  connectivityColumns,
  type ConnectivityTables,
  type PairRow,
  pairsNote,
  paperPairs,
  splitAxis,
  tableOf,
  ticksIn,
} from "./connectivity.js";
import type { Drawn } from "./figure.js";

const LINES = [
  { components: "all", name: "all components", color: palette[0] },
  { components: "top", name: "leading half only", color: palette[2] },
  { components: "bottom", name: "trailing half only", color: palette[3] },
] as const;

/**
 * The barrier between branches of one trunk where only the leading or only the trailing half of the components of hidden matrices
 * moves, beside that where all move, by the moment of the split: a column per experiment.
 * @throws DataError if there are no such pairs
 */
export function drawComponents(runs: readonly FacetedRun[], studies: readonly FacetedStudy[]): Drawn {
  const whole = paperPairs(runs, studies).filter(
    ({ between, noise }) => between === "branches" && noise === null,
  );
  const networks = new Map(whole.map((pair) => [networksOf(pair), pair]));
  const all = pairsTable(runs, studies).objects() as PairRow[];
  const halves = all.filter(({ components }) => components !== "all");
  const compared = new Set(halves.map(networksOf));
  const chosen = all.filter(
    (pair) =>
      compared.has(networksOf(pair)) &&
      networks.has(networksOf(pair)) &&
      pair.half === "full" &&
      pair.split === "train",
  );
  if (halves.length === 0 || chosen.length === 0) {
    throw new DataError(
      `drawComponents: expected barriers of branches with some components, found ${halves.length} in ${studies.length} studies`,
    );
  }
  const placed = chosen.map((pair): PairRow => {
    const own = chosen.filter(({ task, setting }) => task === pair.task && setting === pair.setting);
    const steps = [...new Set(own.map(({ step }) => Number(step)))].sort((a, b) => a - b);
    return { ...pair, place: steps.indexOf(Number(pair.step)) };
  });
  const pairs = tableOf(Object.keys(placed[0]), placed);
  const scores = aq.table({ task: [], setting: [], matrix: [] });
  const tables: ConnectivityTables = { pairs, scores, diagonals: scores };
  const { columns, present, notes } = connectivityColumns(runs, tables);
  const figure = drawColumns(
    "Barriers where some components move",
    { columns: present, notes: [pairsNote(where(pairs, { components: "top" })), ...notes] },
    (column) => {
      const own = where(pairs, column.where);
      const lines = LINES.map(({ components, name, color }) => {
        return { name, color, rows: where(own, { components, rest: "moves" }) };
      });
      return {
        barrier: meanCurves(lines, "barrier", barrierAxis(own), splitAxis(own, ticksIn(columns.length))),
      };
    },
    { xTitle: "epoch and, below, step of the split", tickLines: 2 },
  );
  return { name: "components", figure, tables: { pairs }, claims: [] };
}

function networksOf({ run1, run2 }: PairRow): string {
  return `${String(run1)} ${String(run2)}`;
}

/**
 * Whole runs from different initialisations, as they are and with the units of one in the order of the other's: columns task, aligned,
 * pairs, barrier, errorBarrier, agreement, distance (means) and barrierStd.
 */
export function alignedTable(runs: readonly FacetedRun[], studies: readonly FacetedStudy[]): ColumnTable {
  const whole = where(pairsTable(runs, studies), {
    between: "runs",
    components: "all",
    half: "full",
    split: "train",
  });
  // Whichever of two runs is permuted, the line between them has the same barrier: one pair.
  const once = new Map((whole.objects() as PairRow[]).map((pair) => [twoOf(pair), pair]));
  return summary(tableOf(whole.columnNames(), [...once.values()]), ["task", "aligned"]);
}

function twoOf({ run1, run2, aligned }: PairRow): string {
  return JSON.stringify([[run1, run2].map(String).sort(), aligned]);
}

/**
 * Branches that were trained on equal data and on different parts of them, by the split: columns task, epoch, step, data, pairs, and
 * means as `alignedTable` has them.
 * @param examples how many each was trained on; default the smallest number, which leaves room for two parts
 */
export function dataPartsTable(
  runs: readonly FacetedRun[],
  studies: readonly FacetedStudy[],
  examples?: number,
): ColumnTable {
  const branches = where(wholePairs(pairsTable(runs, studies)), { between: "branches" });
  const other = where(branches, { data: "other" }).array("examples") as number[];
  const chosen = examples ?? other[0] ?? null;
  return summary(where(branches, { examples: chosen }), ["task", "epoch", "step", "data"]);
}

function summary(pairs: ColumnTable, by: readonly string[]): ColumnTable {
  const { count, mean, stdev } = aq.op;
  return pairs
    .groupby([...by])
    .rollup({
      pairs: count(),
      barrier: mean("barrier"),
      barrierStd: stdev("barrier"),
      errorBarrier: mean("errorBarrier"),
      agreement: mean("agreement"),
      distance: mean("distance"),
    })
    .orderby([...by])
    .reify();
}
