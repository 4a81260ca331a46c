import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { errorFallsWithRank, neitherWithoutDecay, rankFalls } from "spectral-lab/figures/claims";
import type { MetricsRow, RanksRow } from "spectral-lab/figures/tables";

const folder = join(process.cwd(), "..", "shared", "reference", "grokking");
const skip = existsSync(folder) ? false : "the reference runs are not beside the checkout";

interface Reference {
  epoch: number[];
  train_err: number[];
  val_err: number[];
  effectiveRank: Record<string, number[]>;
}

/** One of PyTorch's runs of modular addition as tables. */
function tablesOf(label: string): { metrics: MetricsRow[]; ranks: RanksRow[] } {
  const run = JSON.parse(readFileSync(join(folder, `${label}.json`), "utf8")) as Reference;
  const origins = run.epoch.map((epoch) => ({ label, seed: 0, step: epoch, epoch }));
  const metrics = origins.flatMap((origin, i): MetricsRow[] => [
    { ...origin, split: "train", metric: "error", value: run.train_err[i] },
    { ...origin, split: "validation", metric: "error", value: run.val_err[i] },
  ]);
  const ranks = Object.entries(run.effectiveRank).flatMap(([matrix, values], depth) =>
    origins.map((origin, i): RanksRow => ({ ...origin, matrix, depth, effectiveRank: values[i] })),
  );
  return { metrics, ranks };
}

test("PyTorch's own runs of modular addition bear figure 2 out", { skip }, () => {
  const [with_, without] = [tablesOf("wd1"), tablesOf("wd0")];
  const tables = {
    metrics: [...with_.metrics, ...without.metrics],
    ranks: [...with_.ranks, ...without.ranks],
  };
  const together = errorFallsWithRank(tables, "wd1");
  assert.equal(together.verdict, "agrees", together.detail);
  const neither = neitherWithoutDecay(tables, "wd1", "wd0");
  assert.equal(neither.verdict, "agrees", neither.detail);
  assert.equal(errorFallsWithRank(tables, "wd0").verdict, "undecided", "no fall, nothing to correlate");
  assert.equal(rankFalls(tables.ranks, "wd1").numbers.matrices, 6);
});
