import type { ColumnTable } from "arquero";
import type { FacetedStudy } from "../analysis/faceted-study.js";
import { pairsTable, wholePairs } from "../analysis/pairs.js";
import { predictBarrier, PREDICTORS } from "../analysis/predict-barrier.js";
import type { FacetedRun } from "../analysis/tables.js";
import { where } from "../core/facets.js";
import { logTicks } from "../figures/curves.js";
import { drawGrid } from "../figures/grid.js";
import type { ColorKey, Panel } from "../figures/panels.js";
import type { Figure } from "../figures/plotly.js";
import { type PointGroup, scatter } from "../figures/scatter.js";
import { colorAt, ink, rankScale } from "../figures/theme.js";
import type { PairRow } from "./connectivity.js";
import { dataNotes } from "./experiments.js";
import type { Drawn } from "./figure.js";

/** Barriers below it are drawn, and told apart, no more: what rounding and recomputed statistics make of nothing. */
const FLOOR = 1e-3;

const TITLES: Readonly<Record<(typeof PREDICTORS)[number], string>> = {
  agreement: "agreement score",
  distance: "distance of the weights",
  loss: "loss of the ends",
  step: "step of the split",
};

/**
 * What predicts the barrier of two networks of a task, the paper's open question: all pairs of whole networks that are stored, branches
 * of one trunk and of several, perturbed or not, on equal data or others. A panel per predictor, and the table of `predictBarrier`.
 * @param task default that of the first pair
 * @throws DataError without pairs of which agreement, distance and loss are known
 */
export function drawPrediction(
  runs: readonly FacetedRun[],
  studies: readonly FacetedStudy[],
  task?: string,
): Drawn {
  const all = wholePairs(pairsTable(runs, studies));
  const chosen = task ?? (all.numRows() > 0 ? String(all.get("task", 0)) : "");
  const pairs = where(all, { task: chosen });
  const predictions = predictBarrier(pairs, { floor: FLOOR });
  const trained = runs.filter(({ run }) => run.record.task === chosen);
  return {
    name: "prediction",
    figure: plotPrediction(pairs, predictions, dataNotes(trained)),
    tables: { pairs, predictions },
    claims: [],
  };
}

/** A panel per predictor: barrier against it, coloured by the split, titled by the rank correlation and its interval. */
export function plotPrediction(
  pairs: ColumnTable,
  predictions: ColumnTable,
  notes: readonly string[] = [],
): Figure {
  const rows = pairs.objects() as PairRow[];
  const epochs = [...new Set(rows.map(({ epoch }) => Number(epoch)))].sort((a, b) => a - b);
  const color = (epoch: number): string => {
    return epochs.length > 1 ? colorAt(rankScale, epochs.indexOf(epoch) / (epochs.length - 1)) : ink.text;
  };
  const key: ColorKey = {
    title: "epoch of the split",
    scale: rankScale,
    range: [0, Math.max(1, epochs.length - 1)],
    ticks: {
      at: epochs.map((_, i) => i),
      text: epochs.map((epoch) => String(Math.round(epoch * 100) / 100)),
    },
  };
  const found = predictions.objects() as Readonly<Record<string, number>>[];
  const panels = PREDICTORS.map((predictor): Panel | undefined => {
    const groups = epochs.flatMap((epoch) =>
      (["circle", "x"] as const).map((symbol): PointGroup => {
        const own = rows.filter(
          (row) => Number(row.epoch) === epoch && (row.between === "branches") === (symbol === "circle"),
        );
        return {
          name: `split after epoch ${epoch}`,
          color: color(epoch),
          symbol,
          x: own.map((row) => Number(row[predictor] ?? NaN)),
          y: own.map(({ barrier }) => Math.max(FLOOR, Number(barrier ?? NaN))),
        };
      }),
    );
    const row = found.find((one) => String(one.predictor) === predictor);
    const ticks = logTicks(groups.flatMap(({ y }) => y));
    const panel = scatter(groups, { type: "linear" }, { type: "log", title: "barrier", ticks });
    if (!panel || !row) return undefined;
    const { correlation, low, high } = row;
    const title = `${TITLES[predictor]}: rank correlation ${signed(correlation)} [${signed(low)}, ${signed(high)}]`;
    return { ...panel, title, key };
  });
  const { pairs: count, units, over } = found[0];
  return drawGrid({
    description: "The barrier between two networks against what may predict it, a panel per predictor",
    panels: [panels.slice(0, 2), panels.slice(2)],
    keys: "rows",
    link: "none",
    xTitle: "",
    panelHeight: 190,
    notes: [
      `${count} pairs; circles: branches of one trunk, crosses: of different ones, and whole runs. Barriers below ${FLOOR} are drawn there.`,
      `In brackets: 95 % interval by bootstrap over ${units} ${String(over) === "trunks" ? "trunks" : "splits of these trunks"}.`,
      ...notes,
    ],
  });
}

function signed(value: number): string {
  return Number.isFinite(value) ? value.toFixed(2).replace("-", "\u2212") : "unknown";
}
