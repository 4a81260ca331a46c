import type { ColumnTable } from "arquero";
import type { FacetedStudy } from "../analysis/faceted-study.js";
import type { FacetedRun } from "../analysis/tables.js";
import { DataError } from "../core/errors.js";
import type { Figure } from "../figures/plotly.js";
import type { Plan } from "../sweep/plan.js";
import type { ProfileName, Task } from "../tasks/task.js";
import type { Claim } from "./claim.js";

/** A figure as it was drawn from runs. */
export interface Drawn {
  /** Name of its files: "figure2". */
  readonly name: string;
  readonly figure: Figure;
  /** What it was drawn from, by name. */
  readonly tables: Readonly<Record<string, ColumnTable>>;
  /** What the paper claims with it, checked against the tables. */
  readonly claims: readonly Claim[];
}

/** A figure of the paper: which runs it is drawn from, and how. */
export interface PaperFigure {
  readonly number: number;
  readonly title: string;
  readonly tasks: readonly Task[];
  /** Settings of the tasks; default all of a profile's; none is the profile's own configuration. */
  readonly settings?: readonly string[];
  /** The runs and studies that it is drawn from, where these are more than the settings of tasks. */
  plan?(profile: ProfileName): Plan;
  /**
   * @param runs those of its plan that diverged (`RunRecord.diverged`) may be among them: the figure says so of each
   * @param studies those of its plan that are stored; none where it has no plan
   * @throws DataError if runs and studies do not hold what the figure shows
   */
  draw(runs: readonly FacetedRun[], studies: readonly FacetedStudy[]): Drawn;
}

/** @throws DataError if there are no runs */
export function expectRuns(figure: string, runs: readonly FacetedRun[]): void {
  if (runs.length === 0) throw new DataError(`${figure}: expected at least one run, found none`);
}
