import type { ColumnTable } from "arquero";
import {
  alignmentTable,
  type LabelledRun,
  metricsTable,
  ranksTable,
  spectrumTable,
} from "../analysis/tables.js";
import { claimsOfGrokking } from "../paper/claims/figure2.js";
import { figure2 } from "../figures/figure2.js";
import type { Drawn } from "./drawn.js";

const IN_PROJECTION = "transformer_encoder.layers.0.self_attn.in_proj_weight";
const CONTACT = "encoder.weight -> in_proj";

/**
 * Figure 2 from runs of modular addition, a row per label: what a reader needs to check "grokking coincides with the fall
 * of effective rank", which is also computed where a run with decay and one without are among them.
 */
export function drawFigure2(runs: readonly LabelledRun[]): Drawn {
  const tables: Record<"metrics" | "spectra" | "ranks" | "alignment", ColumnTable> = {
    metrics: metricsTable(runs),
    spectra: spectrumTable(runs, { only: (name) => name === IN_PROJECTION, maxSteps: 200 }),
    ranks: ranksTable(runs),
    alignment: alignmentTable(runs, { only: (name) => name === CONTACT, maxSteps: 200 }),
  };
  const labels = new Map(runs.map(({ label, run }) => [label, titleOf(run.record.config)]));
  const settings = [...labels].map(([label, title]) => ({ label, title }));
  const has = (label: string): boolean => labels.has(label);
  return {
    name: "figure2",
    figure: figure2(tables, { settings, matrix: IN_PROJECTION, contact: CONTACT }),
    tables,
    claims: has("decay")
      ? claimsOfGrokking(tables, { label: "decay" }, has("no-decay") ? { label: "no-decay" } : undefined)
      : [],
  };
}

/** "p = 113, 30 % of pairs, decay 1" */
function titleOf(config: Readonly<Record<string, unknown>>): string {
  const share = `${Math.round(100 * Number(config.trainingFraction))} %`;
  const parts = [
    `p = ${config.modulus}`,
    share,
    config.weightDecay === 0 ? "no decay" : `decay ${config.weightDecay}`,
  ];
  if (config.layerNorm === true) parts.push("slingshot");
  return parts.join(", ");
}
