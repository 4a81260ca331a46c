import type { FacetedStudy } from "../analysis/faceted-study.js";
import type { FacetedRun } from "../analysis/tables.js";
import { where } from "../core/facets.js";
import { agreementHeatmap, diagonalHeatmap, meanCurves, shortName } from "../figures/panels.js";
import type { Figure } from "../figures/plotly.js";
import { palette } from "../figures/theme.js";
import { claimsOfBranches } from "./claims/figure11.js";
import { type Column, drawColumns, FOUR_TASKS } from "./columns.js";
import {
  barrierAxis,
  connectivityColumns,
  type ConnectivityTables,
  connectivityTables,
  pairsNote,
  paperPairs,
  splitAxis,
  tableOf,
  ticksIn,
} from "./connectivity.js";
import { connectivityPlan } from "./connectivity-plan.js";
import type { Drawn, PaperFigure } from "./figure.js";

export const figure11: PaperFigure = {
  number: 11,
  title: "Barriers and agreement of branches of one trunk, by the moment of their split",
  tasks: FOUR_TASKS,
  settings: [],
  plan: (profile) => connectivityPlan("figure11", profile),
  draw: drawFigure11,
};

/**
 * Figure 11 from the barriers and agreements of branches of one trunk, a column per experiment. Claims that the barrier falls to 0 as
 * agreement rises, against pairs across trunks with equal splits, and against pairs that split at the same moment.
 * @throws DataError without such pairs
 */
export function drawFigure11(runs: readonly FacetedRun[], studies: readonly FacetedStudy[]): Drawn {
  const tables = splitTables("Figure 11", runs, studies, "branches");
  const all = paperPairs(runs, studies);
  const { columns, present, notes } = connectivityColumns(runs, tables);
  return {
    name: "figure11",
    figure: plotSplits("Figure 11: branches of one trunk", tables, columns, notes),
    tables: { ...tables },
    claims: present.flatMap((column) =>
      claimsOfBranches(tableOf(tables.pairs.columnNames(), all), column.where),
    ),
  };
}

/** The tables of figures 11 and 12: pairs of unperturbed branches of one trunk, or of different ones. */
export function splitTables(
  figure: string,
  runs: readonly FacetedRun[],
  studies: readonly FacetedStudy[],
  between: "branches" | "trunks",
): ConnectivityTables {
  return connectivityTables(figure, runs, studies, "step", (pairs) =>
    pairs.filter((pair) => pair.noise === null && pair.between === between),
  );
}

/**
 * Figures 11 and 12: a column per experiment; the barrier by the moment of the split; the agreement diagonal of one matrix
 * (rank x split); agreement scores of all matrices (depth x split).
 * @throws DataError if no experiment has data for all panels
 */
export function plotSplits(
  figure: string,
  { pairs, scores, diagonals }: ConnectivityTables,
  columns: readonly Column[],
  notes: readonly string[] = [],
): Figure {
  const options = { columns, notes: [pairsNote(pairs), ...notes] };
  const axis = { xTitle: "epoch and, below, step of the split", tickLines: 2 };
  const most = ticksIn(columns.filter(({ where: facets }) => where(pairs, facets).numRows() > 0).length);
  return drawColumns(
    figure,
    options,
    (column) => {
      const [own, matrices, diagonal] = [pairs, scores, diagonals].map((table) => where(table, column.where));
      const splits = splitAxis(own, most);
      const lines = [{ name: "barrier", color: palette[0], rows: own }];
      const shown = diagonal.numRows() > 0 ? shortName(String(diagonal.get("matrix", 0))) : "";
      const ranks = diagonalHeatmap(diagonal, 1, splits, "agreement");
      return {
        barrier: meanCurves(lines, "barrier", barrierAxis(own), splits),
        agreement: ranks && { ...ranks, title: shown },
        "agreement score": agreementHeatmap(matrices, splits),
      };
    },
    axis,
  );
}
