import assert from "node:assert/strict";
import { faceted, metricsTable, ranksTable } from "spectral-lab/analysis/tables";
import { claimsOfGrokking } from "spectral-lab/paper/claims/figure2";
import type { Facets } from "spectral-lab/core/facets";
import type { RunReader } from "spectral-lab/store/stored-run";
import * as tasks from "spectral-lab/tasks/index";
import type { Task } from "spectral-lab/tasks/task";
import { assertFinite, firstAndLast } from "./tiny-run.js";

/** Finds the run of a task's quick profile. */
export type FindQuick = (task: Task, setting?: string) => RunReader;

/** What a quick run must have learned, with every probe on, by what it is about. The data are the generated ones. */
export const quickChecks: Record<string, (find: FindQuick) => void> = {
  "modular addition groks, its twin without decay does not, and the claims of figure 2 count them so"(find) {
    const chosen = ["decay", "no-decay"].map((setting) =>
      faceted(find(tasks.modularAddition, setting), { setting }),
    );
    const [decay, twin] = chosen;
    // Below 1 %, as in the claims: the last of 1,404 pairs is learned 200 steps later or not by the rounding of products.
    const memorised = errors(decay.run, "train").find(({ value }) => value < 0.01)!.step;
    const validation = errors(decay.run, "validation");
    const grokked = validation.find(({ value }) => value < 0.05)?.step ?? NaN;
    const waiting = validation.filter(({ step, value }) => step >= 1.25 * memorised && value > 0.5);
    assert.ok(waiting.length > 0, "long after training error fell below 1 %, validation error is above 50 %");
    assert.ok(
      grokked > 1.75 * memorised,
      `and later below 5 %: memorised at ${memorised}, grokked at ${grokked}`,
    );
    assert.ok(validation.at(-1)!.value < 0.05, "where it stays");
    assert.ok(errors(twin.run, "validation").at(-1)!.value > 0.5, "without decay it stays above 50 %");
    const tables = { metrics: metricsTable(chosen), ranks: ranksTable(chosen) };
    const ofSetting = (setting: string): Facets => ({ task: "modular-addition", setting });
    const [coincide, error] = claimsOfGrokking(tables, ofSetting("decay"), ofSetting("no-decay"));
    assert.deepEqual([coincide.numbers.seeds, coincide.numbers.grokked], [1, 1], coincide.effect);
    assert.deepEqual([error.numbers.grokkedShareWithDecay, error.numbers.grokkedShare], [1, 0], error.effect);
  },

  "VGG: loss and error fall, and the top half of each spectrum keeps more than the bottom half"(find) {
    const rows = find(tasks.vgg).rows();
    const [firstLoss, loss] = firstAndLast(rows, "loss");
    const [, error] = firstAndLast(rows, "error");
    assert.ok(firstLoss > 2.25 && loss < 1, `loss ${firstLoss} to ${loss}`);
    assert.ok(error < 0.35, `error ${error}`); // 0.9 by chance
    const [, top] = firstAndLast(rows, "loss", "train", "top");
    const [, bottom] = firstAndLast(rows, "loss", "train", "bottom");
    assert.ok(bottom > top + 0.5, `bottom half ${bottom}, top half ${top}`);
  },

  "UNet: the error of the predicted noise falls to less than half of the noise"(find) {
    const [first, last] = firstAndLast(find(tasks.unet).rows(), "loss");
    assert.ok(first > 1 && last < 0.5, `loss ${first} to ${last}`); // predicting nothing costs 1
  },

  "LSTM: it learns to read tones, and needs the top half of its spectra more than the bottom half"(find) {
    const rows = find(tasks.lstm).rows();
    const [before, after] = firstAndLast(rows, "loss");
    assert.ok(before > 3 && after < 1, `CTC loss ${before} -> ${after}`);
    const [errorsBefore, errorsAfter] = firstAndLast(rows, "characterError");
    assert.ok(errorsBefore > 0.9 && errorsAfter < 0.3, `character error ${errorsBefore} -> ${errorsAfter}`);
    const [, top] = firstAndLast(rows, "loss", "validation", "top");
    const [, bottom] = firstAndLast(rows, "loss", "validation", "bottom");
    assert.ok(top < bottom, `top half ${top}, bottom half ${bottom}`);
  },

  "Transformer, both sizes: the grammar is learned, and lives in the top half of the spectra"(find) {
    for (const setting of [undefined, "small"]) {
      const rows = find(tasks.transformer, setting).rows();
      const [before, after] = firstAndLast(rows, "loss").map(Math.exp);
      assert.ok(before > 200 && after < 40, `perplexity ${before} -> ${after}`);
      const [, top] = firstAndLast(rows, "loss", "validation", "top");
      const [, bottom] = firstAndLast(rows, "loss", "validation", "bottom");
      assert.ok(top < bottom - 0.5, `top half ${top}, bottom half ${bottom}`);
    }
  },

  "labels: both kinds are memorised, and only true ones teach anything"(find) {
    const [real, random] = ["true", "random"].map((setting) => find(tasks.mlpLabels, setting).rows());
    for (const rows of [real, random]) {
      const [first, last] = firstAndLast(rows, "error", "train");
      assert.ok(first > 0.8 && last < 0.3, `training error ${first} to ${last}`);
    }
    const [, trueError] = firstAndLast(real, "error");
    const [, randomError] = firstAndLast(random, "error");
    assert.ok(trueError < 0.3, `validation error after true labels ${trueError}`);
    assert.ok(randomError > 0.84, `validation error after random labels ${randomError}`);
  },

  "weight decay: both networks learn, and decay lowers the rank of every matrix"(find) {
    const [without, decayed] = ["no-decay", "decay"].map((setting) => find(tasks.cifarDecay, setting));
    for (const run of [without, decayed]) {
      const [, error] = firstAndLast(run.rows(), "error");
      assert.ok(error < 0.75, `validation error ${error}`);
    }
    const ranks = finalRanks(without);
    assert.ok(ranks.length > 5);
    finalRanks(decayed).forEach((rank, depth) =>
      assert.ok(rank < ranks[depth], `matrix ${depth}: ${rank} with, ${ranks[depth]} without`),
    );
  },

  "digits: the first network learns them"(find) {
    const [first, last] = firstAndLast(find(tasks.mnistMlp, "no-decay").rows(), "error");
    assert.ok(first > 0.8 && last < 0.3, `validation error ${first} to ${last}`);
  },
};

const PROBES = ["metrics", "spectra", "alignment", "agreement", "pruning"];

/**
 * Every number is finite, every probe has measured (of a branch, those that its record says were asked for), and training
 * took less than 3 GB.
 */
export function checkRun(run: RunReader): void {
  const rows = run.rows();
  assertFinite(rows);
  const { origin, coverage } = run.record;
  const asked = origin ? PROBES.filter((name) => Object.hasOwn(coverage.probes, name)) : PROBES;
  assert.ok(asked.includes("metrics"));
  const probes = new Set(rows.map(({ probe }) => String(probe)));
  for (const probe of asked) assert.ok(probes.has(probe), `${run.record.task}: no rows of ${probe}`);
  const variants = new Set(rows.map(({ variant }) => String(variant)));
  for (const variant of asked.includes("pruning") ? ["full", "top", "bottom"] : ["full"])
    assert.ok(variants.has(variant), `${run.record.task}: ${variant}`);
  assert.ok(run.record.peakMemory! < 3e9, `${run.record.task}: ${run.record.peakMemory} bytes`);
}

/** The errors of the full network, in the order in which they were measured. */
function errors(run: RunReader, split: string): { step: number; value: number }[] {
  return run
    .rows()
    .filter((row) => row.probe === "metrics" && row.metric === "error" && row.split === split)
    .map((row) => ({ step: Number(row.step), value: Number(row.value) }));
}

/** Effective ranks of all matrices at the last measurement, in order of depth. */
function finalRanks(run: RunReader): number[] {
  const spectra = run.rows().filter(({ probe }) => probe === "spectra");
  return spectra.filter(({ step }) => step === run.record.step).map((row) => Number(row.effectiveRank));
}
