import type { FacetedRun } from "../analysis/tables.js";
import type { Facets } from "../core/facets.js";
import { modularAddition } from "../tasks/index.js";
import { claimsOfGrokking } from "./claims/figure2.js";
import { drawDynamics, dynamicsTables } from "./dynamics.js";
import { dataNotes, experimentsOf } from "./experiments.js";
import { type Drawn, expectRuns, type PaperFigure } from "./figure.js";
import { shownOf } from "./shown.js";

export const figure2: PaperFigure = {
  number: 2,
  title: "Grokking and spectral dynamics",
  tasks: [modularAddition],
  draw: drawFigure2,
};

/**
 * Figure 2 from runs of modular addition, a row per experiment: training and validation error, singular values of the
 * attention in-projection, effective rank (matrix x time), and the alignment diagonal embedding -> in-projection (rank x
 * time). What the paper says of grokking is checked where the setting with decay is among the runs.
 * @throws DataError if no experiment has data for all four panels
 */
export function drawFigure2(runs: readonly FacetedRun[]): Drawn {
  expectRuns("Figure 2", runs);
  const shown = shownOf(runs[0].run);
  const tables = dynamicsTables(runs, shown);
  const experiments = experimentsOf(runs).map((one) => ({
    ...one,
    title: titleOf(one.runs[0].run.record.config),
  }));
  const ofSetting = (setting: string): Facets | undefined =>
    experiments.find(({ where }) => where.setting === setting)?.where;
  const decay = ofSetting("decay");
  return {
    name: "figure2",
    figure: drawDynamics("Figure 2", tables, { ...shown, notes: dataNotes(runs), experiments }),
    tables,
    claims: decay ? claimsOfGrokking(tables, decay, ofSetting("no-decay")) : [],
  };
}

/** "p = 113, 30 % of pairs, decay 1" */
function titleOf(config: Readonly<Record<string, unknown>>): string {
  const parts = [
    `p = ${config.modulus}`,
    `${Math.round(100 * Number(config.trainingFraction))} %`,
    config.weightDecay === 0 ? "no decay" : `decay ${config.weightDecay}`,
  ];
  if (config.layerNorm === true) parts.push("slingshot");
  return parts.join(", ");
}
