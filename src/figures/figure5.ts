import { drawGrid } from "./grid.js";
import { alignmentDiagonal, scaleTop, scoreHeatmap, shortName } from "./panels.js";
import type { Figure } from "./plotly.js";
import {
  completeOnes,
  labelsOf,
  nameOrMiddle,
  seedsNote,
  type Experiment,
  type TaskOptions,
} from "./selection.js";
import {
  alignmentColumns,
  distinct,
  rowsOf,
  scoreColumns,
  type AlignmentRow,
  type ScoreRow,
  type Table,
} from "./tables.js";
import { linearEpochs, timeTitle } from "./time.js";

/** A task, and the pair of layers whose diagonal is shown; default the middle one of its diagonals. */
export interface ContactTask extends Experiment {
  readonly contact?: string;
}

/**
 * Figure 5: a column per task; above the alignment diagonal of one pair of layers (rank x time), below the alignment
 * score of every pair (depth x time). Each row of panels has one colour scale, from 0 to its largest value.
 * @throws DataError if no task has data for both panels
 */
export function figure5(
  tables: { readonly alignment: Table<AlignmentRow>; readonly scores: Table<ScoreRow> },
  { tasks = labelsOf(tables.scores), time = linearEpochs, notes: more = [] }: TaskOptions<ContactTask> = {},
): Figure {
  const labels = new Set(tasks.map((task) => task.label));
  const scores = rowsOf(tables.scores, scoreColumns).filter((row) => labels.has(row.label));
  const alignment = rowsOf(tables.alignment, alignmentColumns).filter((row) => labels.has(row.label));
  const chosen = tasks.map((task) => {
    const own = alignment.filter((row) => row.label === task.label);
    const contact = nameOrMiddle(task.contact, distinct(own, "contact"));
    return { ...task, contact, diagonal: own.filter((row) => row.contact === contact) };
  });
  const top = scaleTop(chosen.flatMap(({ diagonal }) => diagonal.map((row) => row.value)));
  const scoreTop = scaleTop(scores.map((row) => row.score));
  const { complete, notes } = completeOnes("Figure 5", chosen, ({ label, contact, diagonal }) => {
    const panel = alignmentDiagonal(diagonal, time, top);
    return {
      "alignment diagonal": panel && { ...panel, title: shortName(contact ?? "") },
      "alignment score": scoreHeatmap(
        scores.filter((row) => row.label === label),
        time,
        scoreTop,
      ),
    };
  });
  return drawGrid({
    description: `Figure 5: alignment of neighbouring layers; ${complete.map((task) => task.title).join(", ")}`,
    panels: [0, 1].map((row) => complete.map((task) => task.panels[row])),
    columnTitles: complete.map((task) => task.title),
    rowTitles: ["alignment", "alignment score"],
    keys: "rows",
    link: "columns",
    xTitle: timeTitle(time),
    notes: [seedsNote(scores, false), ...more, ...notes],
  });
}
