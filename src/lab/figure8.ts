import {
  alignmentTable,
  type LabelledRun,
  metricsTable,
  ranksTable,
  spectrumTable,
} from "../analysis/tables.js";
import { claimsOfRandomLabels } from "../paper/claims/figure8.js";
import { figure8 } from "../figures/figure8.js";
import type { Drawn } from "./drawn.js";

const MATRIX = "layers.1.weight";
const CONTACT = "layers.1 -> layers.2";
const LABELS = { trueLabels: "true", randomLabels: "random" };

/**
 * Figure 8 from runs of `mlpLabels` in its settings `true` and `random`, a row for each: errors, singular values of layer
 * 2, effective rank, alignment of layers 2 and 3. The claims compare the two, so they need both.
 * @throws DataError without runs
 */
export function drawFigure8(runs: readonly LabelledRun[]): Drawn {
  const tables = {
    metrics: metricsTable(runs),
    spectra: spectrumTable(runs, { only: (name) => name === MATRIX, maxSteps: 200 }),
    ranks: ranksTable(runs),
    alignment: alignmentTable(runs, { only: (name) => name === CONTACT, maxSteps: 200 }),
  };
  const settings = Object.values(LABELS).map((label) => ({ label, title: `${label} labels` }));
  const both = settings.every(({ label }) => runs.some((run) => run.label === label));
  return {
    name: "figure8",
    figure: figure8(tables, { settings, matrix: MATRIX, contact: CONTACT }),
    tables,
    claims: both
      ? claimsOfRandomLabels(
          tables,
          { trueLabels: { label: LABELS.trueLabels }, randomLabels: { label: LABELS.randomLabels } },
          CONTACT,
        )
      : [],
  };
}
