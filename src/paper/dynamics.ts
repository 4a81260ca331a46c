import type { ColumnTable } from "arquero";
import {
  alignmentTable,
  type FacetedRun,
  metricsTable,
  ranksTable,
  spectrumTable,
} from "../analysis/tables.js";
import { where } from "../core/facets.js";
import { drawGrid } from "../figures/grid.js";
import {
  diagonalHeatmap,
  type Curve,
  lossCurves,
  rankHeatmap,
  scaleTop,
  shortName,
  singularValues,
} from "../figures/panels.js";
import type { Figure } from "../figures/plotly.js";
import {
  completeOnes,
  type FigureExperiment,
  experimentsIn,
  nameOrMiddle,
  seedsNote,
} from "../figures/selection.js";
import { roles } from "../figures/theme.js";
import { dataNotes, experimentsOf } from "./experiments.js";
import type { Drawn } from "./figure.js";
import type { Shown } from "./shown.js";

/** What figures 2 and 8 are drawn from. */
export interface DynamicsTables {
  /** As `metricsTable` has them. */
  readonly metrics: ColumnTable;
  /** As `spectrumTable` has them. */
  readonly spectra: ColumnTable;
  /** As `ranksTable` has them. */
  readonly ranks: ColumnTable;
  /** As `alignmentTable` has them. */
  readonly alignment: ColumnTable;
}

export interface DynamicsOptions {
  /** Rows of panels, from the top; default every experiment of the metrics table. */
  readonly experiments?: readonly FigureExperiment[];
  /** The matrix whose singular values are shown; default the middle one of the spectrum table. */
  readonly matrix?: string;
  /** The contact whose alignment is shown; default the middle one of the alignment table. */
  readonly contact?: string;
  /** Whether training and validation error have a panel each; default false. */
  readonly separate?: boolean;
  /** Lines under the figure. */
  readonly notes?: readonly string[];
}

/** What to show of any runs. */
export interface DynamicsChoice extends Pick<Shown, "matrix" | "contact"> {
  /** Title and, in lower case with dashes, file name. */
  readonly title: string;
}

/** The tables of figures 2 and 8, with the arrays of one matrix and one contact. */
export function dynamicsTables(
  runs: readonly FacetedRun[],
  { matrix, contact }: Pick<Shown, "matrix" | "contact">,
): { -readonly [Name in keyof DynamicsTables]: ColumnTable } {
  return {
    metrics: metricsTable(runs),
    spectra: spectrumTable(runs, { only: (name) => name === matrix, maxSteps: 200 }),
    ranks: ranksTable(runs),
    alignment: alignmentTable(runs, { only: (name) => name === contact, maxSteps: 200 }),
  };
}

/**
 * The four columns of figure 2 for runs of any task, a row per experiment: errors, singular values, effective rank,
 * alignment.
 *
 * @example
 *     await present(dynamicsOf(runs, { title: "A first network", ...shownOf(runs[0].run) }));
 */
export function dynamicsOf(runs: readonly FacetedRun[], { title, matrix, contact }: DynamicsChoice): Drawn {
  const tables = dynamicsTables(runs, { matrix, contact });
  const options = { experiments: experimentsOf(runs), matrix, contact, notes: dataNotes(runs) };
  return {
    name: fileName(title),
    figure: drawDynamics(title, tables, options),
    tables: { ...tables },
    claims: [],
  };
}

/** A title as a file's name: lower case, dashes, at most 100 characters. */
function fileName(title: string): string {
  const name = title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  return name.replace(/^-/, "").slice(0, 100) || "figure";
}

const errors: readonly Curve[] = [
  { name: "train", color: roles.train, split: "train", metric: "error" },
  { name: "validation", color: roles.validation, split: "validation", metric: "error" },
];

/**
 * A row per experiment: errors, singular values of one matrix, effective rank of all, alignment diagonal of one pair.
 * Experiments without data for every panel are left out and named below the figure.
 * @throws DataError if none has data for all panels
 */
export function drawDynamics(
  figure: string,
  tables: DynamicsTables,
  { experiments = experimentsIn(tables.metrics), separate = false, ...options }: DynamicsOptions = {},
): Figure {
  const matrix = nameOrMiddle(options.matrix, tables.spectra, "matrix");
  const contact = nameOrMiddle(options.contact, tables.alignment, "contact");
  const spectra = where(tables.spectra, { matrix });
  const diagonals = where(tables.alignment, { contact });
  const top = scaleTop(diagonals.array("value"));
  const { complete, notes } = completeOnes(figure, experiments, (experiment) => {
    const own = (table: ColumnTable): ColumnTable => where(table, experiment.where);
    const metrics = own(tables.metrics);
    const axis = { type: "linear", range: [0, 1.02] as [number, number] } as const;
    const errorPanels = separate
      ? {
          "training error": lossCurves(metrics, [errors[0]], axis),
          "validation error": lossCurves(metrics, [errors[1]], axis),
        }
      : { error: lossCurves(metrics, errors, axis) };
    return {
      ...errorPanels,
      "singular values": singularValues(own(spectra)),
      "effective rank": rankHeatmap(own(tables.ranks)),
      alignment: diagonalHeatmap(own(diagonals), top),
    };
  });
  const titles = complete.map(({ title }) => title);
  return drawGrid({
    description: `${figure}: errors, singular values of ${matrix}, effective rank, alignment of ${contact}; ${titles.join(", ")}`,
    panels: complete.map(({ panels }) => panels),
    rowTitles: titles,
    columnTitles: [
      ...(separate ? ["training error", "validation error"] : ["error"]),
      "singular values",
      "effective rank",
      "alignment",
    ],
    keys: "columns",
    link: "rows",
    xTitle: "epoch",
    notes: [
      `Singular values of ${shortName(matrix)}; alignment of ${shortName(contact)}. ${seedsNote(tables.metrics, experiments, true)}`,
      ...(options.notes ?? []),
      ...notes,
    ],
  });
}
