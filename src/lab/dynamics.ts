import {
  alignmentTable,
  type LabelledRun,
  metricsTable,
  ranksTable,
  spectrumTable,
} from "../analysis/tables.js";
import { drawDynamics } from "../figures/dynamics.js";
import type { Drawn } from "./drawn.js";

/** What to show of any runs. */
export interface DynamicsChoice {
  /** Title and, in lower case with dashes, file name. */
  readonly title: string;
  /** The matrix whose singular values are shown. */
  readonly matrix: string;
  /** The contact whose alignment is shown. */
  readonly contact: string;
}

/** The four columns of figure 2 for runs of any task: errors, singular values, effective rank, alignment. */
export function dynamicsOf(runs: readonly LabelledRun[], { title, matrix, contact }: DynamicsChoice): Drawn {
  const tables = {
    metrics: metricsTable(runs),
    spectra: spectrumTable(runs, { only: (name) => name === matrix, maxSteps: 200 }),
    ranks: ranksTable(runs),
    alignment: alignmentTable(runs, { only: (name) => name === contact, maxSteps: 200 }),
  };
  return {
    name: title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-"),
    figure: drawDynamics(title, tables, { matrix, contact }, false),
    tables,
    claims: [],
  };
}
