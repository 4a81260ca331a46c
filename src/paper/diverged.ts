import type { FacetedRun } from "../analysis/tables.js";
import { facetsText } from "../core/facets.js";

/** Runs that a figure is drawn from, apart from those that diverged, which it names. */
export interface ApartFromDiverged {
  readonly finished: readonly FacetedRun[];
  /** A line under the figure: which runs diverged, and at which step. None where none did. */
  readonly notes: readonly string[];
}

/** Takes runs that diverged (`RunRecord.diverged`) out of the runs of a figure. */
export function apartFromDiverged(runs: readonly FacetedRun[]): ApartFromDiverged {
  const lost = runs.filter(({ run }) => run.record.diverged !== undefined);
  const texts = lost.map(({ facets, run: { record } }) => {
    const { group: _, task, ...others } = facets;
    return `${[task, facetsText(others), `seed ${record.seed}`].filter(Boolean).join(", ")} at step ${record.diverged}`;
  });
  return {
    finished: runs.filter((run) => !lost.includes(run)),
    notes: texts.length > 0 ? [`Diverged, and not drawn: ${texts.join("; ")}.`] : [],
  };
}
