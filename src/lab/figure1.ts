import { type LabelledRun, spectrumTable } from "../analysis/tables.js";
import { largeValuesGrow } from "../paper/claims/figure1.js";
import { figure1 } from "../figures/figure1.js";
import type { Drawn } from "./drawn.js";
import { shownOf } from "./shown.js";

/**
 * Figure 1 from runs of one experiment, the Transformer in the paper: the schematic, and the singular values of one
 * matrix (W_1 of block 8) over training. Of runs with several labels the first label's are drawn.
 * @throws DataError without runs
 */
export function drawFigure1(runs: readonly LabelledRun[]): Drawn {
  const own = runs.filter(({ label }) => label === runs[0].label);
  const shown = own[0] && shownOf(own[0].run);
  const spectra = spectrumTable(own, { only: (name) => name === shown?.matrix, maxSteps: 200 });
  const options = { label: own[0]?.label, matrix: shown?.matrix };
  const note = shown?.notes.matrix;
  return {
    name: "figure1",
    figure: figure1({ spectra }, { ...options, notes: note ? [`${note}.`] : [] }),
    tables: { spectra },
    claims: [largeValuesGrow(spectra, { label: options.label }, options.matrix)],
  };
}
