import type { ColumnTable } from "arquero";
import { type FacetedStudy, studyArrays, withFacets } from "../analysis/faceted-study.js";
import { studyTable } from "../analysis/study-table.js";
import { faceted, type FacetedRun } from "../analysis/tables.js";
import { DataError } from "../core/errors.js";
import { where } from "../core/facets.js";
import { agreementHeatmap, diagonalHeatmap, shortName } from "../figures/panels.js";
import type { Figure } from "../figures/plotly.js";
import { experimentsIn, nameOrMiddle, seedsNote } from "../figures/selection.js";
import type { Plan, RunGroup } from "../sweep/plan.js";
import type { ProfileName } from "../tasks/task.js";
import { topSettlesFirst } from "./claims/figure9.js";
import { type ColumnOptions, columnsOf, drawColumns, FOUR_TASKS } from "./columns.js";
import { apartFromDiverged } from "./diverged.js";
import { type Drawn, expectRuns, type PaperFigure } from "./figure.js";
import { PAPER_SEEDS } from "./stored.js";

export const figure9: PaperFigure = {
  number: 9,
  title: "Agreement with the final network in four tasks",
  tasks: FOUR_TASKS,
  settings: [],
  plan: planFigure9,
  draw: drawFigure9,
};

/** Singular vectors of each matrix that are kept at every measured step. */
const PAIRS = 40;

/**
 * What differs from the tasks' own profiles: quick ones are small enough for all four in a page, and are not the runs that other pages
 * train without keeping vectors; VGG's are the trunks of figure 10.
 */
const SIZES: Readonly<Record<ProfileName, Readonly<Record<string, RunGroup["set"]>>>> = {
  quick: {
    vgg: { trainingExamples: 800 },
    unet: { trainingExamples: 800 },
    lstm: { epochs: 7 },
    transformer: { words: 80_000 },
  },
  lab: { vgg: { trainingExamples: 9000 } },
  paper: {},
};

/** The runs of the four tasks, which keep their leading singular vectors, and how these agree with the last ones. */
export function planFigure9(profile: ProfileName): Plan {
  const seeds = profile === "quick" ? [0] : PAPER_SEEDS;
  const sizes = SIZES[profile];
  return {
    name: "figure9",
    title: figure9.title,
    profile,
    runs: FOUR_TASKS.map(({ name }) => ({
      name,
      task: name,
      seeds,
      ...(sizes[name] && { set: sizes[name] }),
    })),
    studies: FOUR_TASKS.map(({ name }) => ({
      kind: "stability",
      set: { pairs: PAIRS },
      inputs: [{ group: name, at: "end" }],
    })),
  };
}

/**
 * Figure 9 from runs of the four tasks and their `stability` studies, a column per experiment. Claims that the leading singular
 * vectors settle first in each. Tasks without runs are named under the figure.
 * @throws DataError without runs, or without studies
 */
export function drawFigure9(runs: readonly FacetedRun[], studies: readonly FacetedStudy[]): Drawn {
  const { finished, notes: lost } = apartFromDiverged(runs);
  expectRuns("Figure 9", finished);
  const own = studies.filter(({ study }) => study.record.kind === "stability");
  if (own.length === 0)
    throw new DataError("Figure 9: expected at least one study of kind stability, found none");
  const known = finished.map(({ run, facets }) => faceted(run, { setting: facets.setting ?? null }));
  const { columns, present, notes } = columnsOf(known, "matrix");
  const tables = {
    agreement: studyArrays(own, "agreement/"),
    scores: withFacets(studyTable(own.map(({ study }) => study)), own),
  };
  const figure = plotFigure9(tables, { columns, notes: [...notes, ...lost] });
  return {
    name: "figure9",
    figure,
    tables,
    claims: present.map((column) => topSettlesFirst(tables.agreement, column.where)),
  };
}

/**
 * Figure 9: a column per experiment; above the agreement S_ii of one matrix with itself at the end (rank x time), below the
 * agreement score of every matrix (depth x time). Both on a colour scale from 0 to 1.
 * @param tables agreement: columns seed, step, epoch, matrix, rank, value; scores: seed, step, epoch, matrix, depth, score; with
 *   the facets of the columns
 * @throws DataError if no experiment has data for both panels
 */
export function plotFigure9(
  { agreement, scores }: { readonly agreement: ColumnTable; readonly scores: ColumnTable },
  { columns = experimentsIn(scores), notes = [] }: ColumnOptions = {},
): Figure {
  const options = { columns, notes: [seedsNote(scores, columns, false), ...notes] };
  return drawColumns("Figure 9: agreement with the final network", options, (column) => {
    const own = where(agreement, column.where);
    const matrix = nameOrMiddle(column.matrix, own, "matrix");
    const panel = diagonalHeatmap(where(own, { matrix }), 1, undefined, "agreement");
    return {
      agreement: panel && { ...panel, title: shortName(matrix) },
      "agreement score": agreementHeatmap(where(scores, column.where)),
    };
  });
}
