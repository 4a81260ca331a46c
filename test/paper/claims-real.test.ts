import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as aq from "arquero";
import { claimsOfGrokking } from "spectral-lab/paper/claims/figure2";
import { rankFalls } from "spectral-lab/paper/claims/figure3";

const folder = join(process.cwd(), "..", "shared", "reference", "grokking");
const skip = existsSync(folder) ? false : "the reference runs are not beside the checkout";

interface Reference {
  epoch: number[];
  train_err: number[];
  val_err: number[];
  effectiveRank: Record<string, number[]>;
}

/** One of PyTorch's runs of modular addition as tables. */
function tablesOf(task: string): { metrics: object[]; ranks: object[] } {
  const run = JSON.parse(readFileSync(join(folder, `${task}.json`), "utf8")) as Reference;
  const origins = run.epoch.map((epoch) => ({ task, seed: 0, step: epoch, epoch }));
  const metrics = origins.flatMap((origin, i) => [
    { ...origin, split: "train", variant: "full", metric: "error", value: run.train_err[i] },
    { ...origin, split: "validation", variant: "full", metric: "error", value: run.val_err[i] },
  ]);
  const ranks = Object.entries(run.effectiveRank).flatMap(([matrix, values], depth) =>
    origins.map((origin, i) => ({ ...origin, matrix, depth, effectiveRank: values[i] })),
  );
  return { metrics, ranks };
}

test("PyTorch's own runs of modular addition bear figure 2 out", { skip }, () => {
  const [with_, without] = [tablesOf("wd1"), tablesOf("wd0")];
  const tables = {
    metrics: aq.from([...with_.metrics, ...without.metrics]),
    ranks: aq.from([...with_.ranks, ...without.ranks]),
  };
  const [decay, noDecay] = [{ task: "wd1" }, { task: "wd0" }];
  for (const { verdict, detail } of claimsOfGrokking(tables, decay, noDecay))
    assert.equal(verdict, "agrees", detail);
  const [claim] = claimsOfGrokking(tables, noDecay, undefined);
  assert.equal(claim.verdict, "undecided", "no fall, nothing to correlate");
  assert.equal(rankFalls(tables.ranks, decay).numbers.matrices, 6);
});
