import type { FacetedRun } from "../analysis/tables.js";
import type { FigureExperiment } from "../figures/selection.js";
import { mlpLabels } from "../tasks/index.js";
import { claimsOfRandomLabels } from "./claims/figure8.js";
import { drawDynamics, dynamicsTables } from "./dynamics.js";
import { dataNotes, experimentsOf } from "./experiments.js";
import { type Drawn, expectRuns, type PaperFigure } from "./figure.js";
import { shownOf } from "./shown.js";

export const figure8: PaperFigure = {
  number: 8,
  title: "True and random labels",
  tasks: [mlpLabels],
  draw: drawFigure8,
};

/**
 * Figure 8 from runs of `mlpLabels` in its settings `true` and `random`, a row for each: training error, validation
 * error, singular values of layer 2, effective rank (matrix x time), and the alignment diagonal of layers 2 and 3 (rank x
 * time). The claims compare the two, so they need both.
 * @throws DataError if neither has data for all five panels
 */
export function drawFigure8(runs: readonly FacetedRun[]): Drawn {
  expectRuns("Figure 8", runs);
  const shown = shownOf(runs[0].run);
  const tables = dynamicsTables(runs, shown);
  const all = experimentsOf(runs);
  const [trueLabels, randomLabels] = ["true", "random"].map((setting): FigureExperiment => ({
    where: all.find(({ where }) => where.setting === setting)?.where ?? { task: mlpLabels.name, setting },
    title: `${setting} labels`,
  }));
  const has = ({ where }: FigureExperiment): boolean => all.some((one) => one.where === where);
  return {
    name: "figure8",
    figure: drawDynamics("Figure 8", tables, {
      ...shown,
      experiments: [trueLabels, randomLabels],
      separate: true,
      notes: dataNotes(runs),
    }),
    tables,
    claims:
      has(trueLabels) && has(randomLabels)
        ? claimsOfRandomLabels(
            tables,
            { trueLabels: trueLabels.where, randomLabels: randomLabels.where },
            shown.contact,
          )
        : [],
  };
}
