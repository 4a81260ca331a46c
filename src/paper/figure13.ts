import type { ColumnTable } from "arquero";
import type { FacetedStudy } from "../analysis/faceted-study.js";
import type { FacetedRun } from "../analysis/tables.js";
import { where } from "../core/facets.js";
import { agreementHeatmap, diagonalHeatmap, meanCurves, type Panel, shortName } from "../figures/panels.js";
import type { Figure } from "../figures/plotly.js";
import { palette } from "../figures/theme.js";
import { claimsOfNoise } from "./claims/figure13.js";
import { type Column, drawColumns, FOUR_TASKS } from "./columns.js";
import {
  barrierAxis,
  connectivityColumns,
  type ConnectivityTables,
  connectivityTables,
  noiseAxis,
  type PairRow,
  pairsNote,
  ticksIn,
} from "./connectivity.js";
import { connectivityPlan } from "./connectivity-plan.js";
import type { Drawn, PaperFigure } from "./figure.js";

export const figure13: PaperFigure = {
  number: 13,
  title: "Barriers and agreement of perturbed branches, by the size of the noise",
  tasks: FOUR_TASKS,
  settings: [],
  plan: (profile) => connectivityPlan("figure13", profile),
  draw: drawFigure13,
};

/** The two readings of "perturbed": each branch by noise of its own, or both by the same. */
const READINGS = [
  { noise: "own", title: "own noise", color: palette[1] },
  { noise: "shared", title: "shared noise", color: palette[0] },
] as const;

/**
 * Figure 13 from the barriers and agreements of branches of one trunk that were perturbed first, a column per experiment, in both
 * readings where both are stored. Claims that the barrier rises and agreement vanishes together.
 * @throws DataError without such pairs
 */
export function drawFigure13(runs: readonly FacetedRun[], studies: readonly FacetedStudy[]): Drawn {
  const tables = connectivityTables("Figure 13", runs, studies, "eta", inReadings);
  const { columns, present, notes } = connectivityColumns(runs, tables);
  return {
    name: "figure13",
    figure: plotFigure13(tables, columns, notes),
    tables: { ...tables },
    claims: present.flatMap((column) => claimsOfNoise(tables, column.where)),
  };
}

/**
 * Pairs of perturbed branches; of the unperturbed ones those from the same splits, which are size 0 in every reading that there is of
 * their trunk.
 */
function inReadings(pairs: readonly PairRow[]): PairRow[] {
  const branches = pairs.filter(({ between }) => between === "branches");
  const perturbed = branches.filter(({ noise, eta }) => noise !== null && eta !== 0);
  const unperturbed = branches.filter(({ noise }) => noise === null);
  const atZero = READINGS.flatMap(({ noise }) => {
    const own = perturbed.filter((pair) => pair.noise === noise);
    const there = unperturbed.filter(({ trunk1, step }) =>
      own.some((pair) => pair.trunk1 === trunk1 && pair.step === step),
    );
    return there.map((pair) => ({ ...pair, noise, eta: 0 }));
  });
  return [...atZero, ...perturbed];
}

/**
 * Figure 13: a column per experiment; the barrier by the size of the noise, a line per reading; below, for each reading, the
 * agreement diagonal of one matrix (rank x size) and agreement scores of all matrices (depth x size).
 * @throws DataError if no experiment has data for all panels
 */
export function plotFigure13(
  { pairs, scores, diagonals }: ConnectivityTables,
  columns: readonly Column[],
  notes: readonly string[] = [],
): Figure {
  const readings = READINGS.filter(({ noise }) => where(pairs, { noise }).numRows() > 0);
  const most = ticksIn(columns.length);
  return drawColumns(
    "Figure 13: perturbed branches of one trunk",
    { columns, notes: [pairsNote(pairs), ...notes] },
    (column) => {
      const own = (table: ColumnTable): ColumnTable => where(table, column.where);
      const sizes = noiseAxis(own(pairs), most);
      const lines = readings.map(({ noise, title, color }) => {
        return { name: title, color, rows: where(own(pairs), { noise }) };
      });
      const heatmaps = readings.flatMap(({ noise, title }): [string, Panel | undefined][] => {
        const [diagonal, matrices] = [diagonals, scores].map((table) => where(own(table), { noise }));
        const ranks = diagonalHeatmap(diagonal, 1, sizes, "agreement");
        const shown = ranks && `${shortName(String(diagonal.get("matrix", 0)))}, ${title}`;
        const layers = agreementHeatmap(matrices, sizes);
        return [
          [`agreement, ${noise}`, ranks && { ...ranks, title: shown }],
          [`score, ${noise}`, layers && { ...layers, title }],
        ];
      });
      return {
        barrier: meanCurves(lines, "barrier", barrierAxis(own(pairs)), sizes),
        ...(Object.fromEntries(heatmaps) as Record<string, Panel | undefined>),
      };
    },
    { xTitle: "size of the noise, in units of the weights' norm" },
  );
}
