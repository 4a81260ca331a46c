import type { ColumnTable } from "arquero";
import { smallest } from "../../core/extent.js";
import type { Facets } from "../../core/facets.js";
import { bySeed, type Claim, type RunRow } from "../claim.js";
import type { DecayedTask } from "../decays.js";
import { fallsWithDecay } from "./falls-with-decay.js";

/** Least fall of the gap that counts, as a share of what training gains without decay. */
const LEAST = 0.05;

interface LossRow extends RunRow {
  readonly variant: string | null;
  readonly value: number;
}

/**
 * "The pruned/full gap closes as decay grows", of one task: how far the training loss of the top half lies from that of the
 * full model at the last pruning, as a share of what training gains, with the smallest decay, in the same seed.
 * @param metrics columns weightDecay, split, variant ("full", "top", "bottom"), metric, value
 */
export function gapCloses(
  metrics: ColumnTable,
  { task, decays }: Pick<DecayedTask, "task" | "decays">,
): Claim {
  const runs = new Map(decays.map(({ decay, where }) => [decay, lossesOf(metrics, where)]));
  const gains = new Map([...(runs.get(decays[0]?.decay) ?? [])].map(([seed, own]) => [seed, gainOf(own)]));
  const values = new Map(
    [...runs].map(([decay, rows]) => [
      decay,
      new Map([...rows].map(([seed, own]) => [seed, gapOf(own) / (gains.get(seed) ?? NaN)])),
    ]),
  );
  return fallsWithDecay({
    figure: 14,
    statement: `The gap between the full network and its top half closes as decay grows (${task})`,
    quantity: "distance of the training losses at the end, over what training gains without decay",
    values,
    least: LEAST,
  });
}

function lossesOf(metrics: ColumnTable, facets: Facets): Map<number, LossRow[]> {
  return bySeed(metrics, { ...facets, split: "train", metric: "loss" }, ["variant", "value"], ["variant"]);
}

const isFull = ({ variant }: LossRow): boolean => (variant ?? "full") === "full";

function gainOf(rows: readonly LossRow[]): number {
  const full = rows.filter(isFull).map(({ value }) => value);
  return full.length > 0 ? full[0] - smallest(full) : NaN;
}

function gapOf(rows: readonly LossRow[]): number {
  const top = rows.findLast(({ variant }) => variant === "top");
  const full = rows.findLast((row) => isFull(row) && row.step <= (top?.step ?? -1));
  return Math.abs((top?.value ?? NaN) - (full?.value ?? NaN));
}
