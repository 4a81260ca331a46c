import type { ColumnTable } from "arquero";
import { largest } from "../core/extent.js";
import { where } from "../core/facets.js";
import { thin } from "../core/thin.js";
import { singularValues } from "./curves.js";
import { drawGrid } from "./grid.js";
import { measureHeatmap, shortName } from "./heatmaps.js";
import type { Figure } from "./plotly.js";
import { effectiveRankScale, overlapScale } from "./theme.js";
import type { TimeAxis } from "./time.js";

/** Tables of a model at several steps, as `spectraOf` has them. */
export interface StepTables {
  readonly ranks: ColumnTable;
  readonly spectra: ColumnTable;
  readonly agreement: ColumnTable;
}

/** Matrices whose singular values are drawn at most. */
export const SPECTRA_DRAWN = 4;

/** The matrices whose singular values are drawn of all: evenly chosen ones, the first and the last among them. */
export function spectraDrawn(matrices: readonly string[]): readonly string[] {
  return thin(matrices, SPECTRA_DRAWN);
}

/** An exponent of 2 to 4 is usual; what lies beyond 6 is no heavy tail. */
const ALPHA_SHOWN: readonly [number, number] = [1, 6];

/**
 * A model along training: singular values of some matrices over time, and heat maps of matrices and steps: effective rank,
 * agreement with the last step, and the exponent alpha of the spectrum's tail.
 * @returns figures by name; none of singular values where `spectra` is empty
 */
export function checkpointFigures({
  ranks,
  spectra,
  agreement,
}: StepTables): Readonly<Record<string, Figure>> {
  const steps = ranks.dedupe("step").array("step") as number[];
  const time = stepAxis(steps);
  const maps = drawGrid({
    description: "Effective rank, agreement with the last step and exponent of every matrix at every step",
    panels: [
      [
        measureHeatmap(
          ranks,
          "effectiveRank",
          { title: "effective rank", scale: effectiveRankScale, range: [0, 1] },
          time,
        ),
        measureHeatmap(
          agreement,
          "score",
          { title: `agreement with step ${largest(steps)}`, scale: overlapScale, range: [0, 1] },
          time,
        ),
        measureHeatmap(
          ranks,
          "alpha",
          { title: "alpha", scale: effectiveRankScale, range: ALPHA_SHOWN },
          time,
        ),
      ],
    ],
    keys: "columns",
    link: "columns",
    xTitle: "step",
    panelHeight: 220,
  });
  const names = spectra.dedupe("matrix").array("matrix") as string[];
  const drawn = spectraDrawn(names);
  if (drawn.length === 0) return { matrices: maps };
  const all = ranks.dedupe("matrix").numRows();
  const values = drawGrid({
    description: `Singular values along training: ${drawn.join(", ")}`,
    panels: [drawn.map((matrix) => singularValues(where(spectra, { matrix }), { type: "linear" }, time))],
    columnTitles: drawn.map(shortName),
    keys: "columns",
    link: "columns",
    xTitle: "step",
    panelHeight: 220,
    notes: drawn.length < all ? [`${drawn.length} of ${all} matrices`] : [],
  });
  return { matrices: maps, "singular-values": values };
}

/** Logarithmic where half of the steps lie in the first tenth: then step 0 is not drawn. */
export function stepAxis(steps: readonly number[]): TimeAxis {
  const early = steps.filter((step) => step < largest(steps) / 10).length;
  const later = steps.filter((step) => step > 0).length;
  return { unit: "step", scale: later > 1 && early >= steps.length / 2 ? "log" : "linear" };
}
