import type { FacetedStudy } from "../analysis/faceted-study.js";
import type { FacetedRun } from "../analysis/tables.js";
import { claimsOfTrunks } from "./claims/figure12.js";
import { FOUR_TASKS } from "./columns.js";
import { connectivityColumns } from "./connectivity.js";
import { connectivityPlan } from "./connectivity-plan.js";
import type { Drawn, PaperFigure } from "./figure.js";
import { plotSplits, splitTables } from "./figure11.js";

export const figure12: PaperFigure = {
  number: 12,
  title: "Barriers and agreement of branches of different trunks, by the moment of their split",
  tasks: FOUR_TASKS,
  settings: [],
  plan: (profile) => connectivityPlan("figure12", profile),
  draw: drawFigure12,
};

/**
 * Figure 12 from the barriers and agreements of branches of different trunks with equal splits and orders of examples, a column per
 * experiment. Claims that barriers are high and agreement none at every split.
 * @throws DataError without such pairs
 */
export function drawFigure12(runs: readonly FacetedRun[], studies: readonly FacetedStudy[]): Drawn {
  const tables = splitTables("Figure 12", runs, studies, "trunks");
  const { columns, present, notes } = connectivityColumns(runs, tables);
  return {
    name: "figure12",
    figure: plotSplits("Figure 12: branches of different trunks", tables, columns, notes),
    tables: { ...tables },
    claims: present.flatMap((column) => claimsOfTrunks(tables, column.where)),
  };
}
