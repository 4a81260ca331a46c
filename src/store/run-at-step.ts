import * as fs from "node:fs";
import { resolve } from "node:path";
import type { NamedArrays } from "../core/array.js";
import { ConfigError, StoreError } from "../core/errors.js";
import { findRuns } from "./find-runs.js";
import { resultsFolder, runsFolder } from "./paths.js";
import { recordPath } from "./record.js";
import { commandToRemake, howToKeep } from "./remake.js";
import { isResult, readResult } from "./results.js";
import { readRun, type RunReader } from "./stored-run.js";

/**
 * The weights of a run at a step: what studies compare. `editedInput` makes one of edited weights.
 */
export interface RunAtStep {
  readonly run: RunReader;
  readonly step: number;
  /** What `weights` does to the run's weights, in words; absent: nothing. Part of a study's name. */
  readonly edit?: string;
  /** Reads the weights, under PyTorch's names. @throws DataError if they are missing or damaged */
  weights(): NamedArrays;
}

/** Where runs are looked for; default `runsFolder()` and the committed results. */
export type RunsFolders = readonly string[];

/**
 * Reads RUN@STEP. RUN is a run's id or the beginning of one, the same after its task ("vgg/02952b"), or a run's folder;
 * STEP a number of optimiser steps, or "end".
 * @throws ConfigError if the text is not of that form; StoreError if no run or more than one is meant, or if the weights of
 *   that step are not kept: names the steps that are
 * @example runAtStep("320342d6aa20@end")
 */
export function runAtStep(text: string, roots: RunsFolders = [runsFolder(), resultsFolder()]): RunAtStep {
  const at = text.lastIndexOf("@");
  const [name, when] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 1 || !/^(\d+|end)$/.test(when)) {
    throw new ConfigError(
      `expected RUN@STEP such as "320342d6aa20@end" or "data/runs/vgg/02952bdab7d2@400", found "${text}"`,
    );
  }
  const found = runsNamed(name, roots);
  const step = when === "end" ? endOf(found[0]) : Number(when);
  // A run may be known twice: trained here, and as a committed result without weights.
  const run = found.find((candidate) => candidate.weightSteps().includes(step));
  if (run === undefined) throw notKept(found, step);
  return { run, step, weights: () => run.readWeights(step) };
}

/**
 * The run of a name: its id or the beginning of one, the same after its task ("vgg/02952b"), or its folder.
 * @throws StoreError if no run or more than one is meant
 */
export function runNamed(name: string, roots: RunsFolders = [runsFolder(), resultsFolder()]): RunReader {
  return runsNamed(name, roots)[0];
}

/** The one run that is meant, once per folder in which it lies. @throws StoreError */
function runsNamed(name: string, roots: RunsFolders): RunReader[] {
  const folder = resolve(name);
  if (fs.existsSync(recordPath(folder))) return [isResult(folder) ? readResult(folder) : readRun(folder)];
  const [id, task] = name.split("/").reverse();
  const found = roots.flatMap((root) =>
    findRuns(root, { task, where: (record) => record.id.startsWith(id) }),
  );
  const names = [...new Set(found.map(({ record }) => `${record.task}/${record.id}`))];
  if (names.length === 1) return found;
  const problem =
    names.length === 0
      ? `there is no run "${name}" in ${roots.join(" or ")}: expected an id or its beginning, task/id, or a run's folder`
      : `run "${name}": expected the beginning of one run's id, found that of ${names.join(", ")}`;
  throw new StoreError(problem);
}

function endOf({ record, folder }: RunReader): number {
  if (record.status === "finished" && record.step !== undefined) return record.step;
  throw new StoreError(
    `run ${folder}: expected a finished run for "end", found one that is ${record.status}`,
  );
}

function notKept(found: readonly RunReader[], step: number): StoreError {
  const kept = [...new Set(found.flatMap((run) => run.weightSteps()))];
  const instead =
    kept.length > 0 ? `those of step ${kept.join(", ")}` : "none at all (committed results hold none)";
  const where = found.map(({ folder }) => folder).join(" and ");
  const gone = found.find(({ record }) => record.released?.includes(step));
  if (gone) {
    const again = commandToRemake(gone.record, { keep: `${step}it`, vectors: gone.record.coverage.vectors });
    return new StoreError(
      `run ${where}: expected kept weights of step ${step}, found that a sweep let go of them once all that read them was ` +
        `finished; they are made again with: ${again}`,
    );
  }
  const todo = howToKeep(found[0].record, kept, step);
  return new StoreError(`run ${where}: expected kept weights of step ${step}, found ${instead}${todo}`);
}
