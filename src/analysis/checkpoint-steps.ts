import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DataError } from "../core/errors.js";
import { reasonOf } from "../core/files/io-error.js";
import { printable } from "../core/printable.js";
import { isWeightsName, holdsWeights } from "../store/weights.js";

/** Weights, and the step of training that their name says. */
export interface StepPath {
  readonly step: number;
  readonly path: string;
}

const LEVELS = 4; // of folders above a file, that may hold the step

/**
 * The steps of checkpoints, rising, by the numbers in their names: of a path's last part, without its ending, the last number
 * that is another one in each (`epoch=4-step=1760.ckpt` is step 1760, `run7/step00500` 500); where the last parts have none,
 * of the folder above (`step500/model.safetensors`). One folder alone stands for the checkpoints in it.
 * @throws DataError if there are none, two have one number, or one has no number where another has one
 */
export function stepsOf(paths: readonly string[]): StepPath[] {
  const all = paths.length === 1 ? checkpointsIn(paths[0]) : paths;
  const parts = all.map((path) =>
    path
      .replace(/[/\\]+$/, "")
      .split(/[/\\]/)
      .reverse(),
  );
  for (let level = 0; level < LEVELS; level++) {
    const numbers = parts.map((names) => numbersIn(names[level] ?? "", level === 0));
    const most = Math.min(...numbers.map(({ length }) => length));
    for (let back = 1; back <= most; back++) {
      const steps = numbers.map((list) => list[list.length - back]);
      if (new Set(steps).size === steps.length)
        return all.map((path, i) => ({ path, step: steps[i] })).sort((a, b) => a.step - b.step);
    }
  }
  const [first, second] = all.slice(0, 2).map((path) => printable(path, 200));
  throw new DataError(
    `expected checkpoints whose names have a number of their own, the step (step100, step200; step100/model.safetensors), ` +
      `found ${first}${second === undefined ? "" : ` and ${second}`}`,
  );
}

function numbersIn(name: string, isLast: boolean): number[] {
  const bare = isLast ? name.replace(/\.(safetensors|pt|pth|bin|ckpt|json)$/, "") : name;
  return [...bare.matchAll(/\d+(?:\.\d+)?/g)].map(([text]) => Number(text));
}

/** The files of weights in a folder, and the folders that hold some; a file is itself. */
function checkpointsIn(path: string): readonly string[] {
  let names: string[];
  try {
    if (!statSync(path).isDirectory()) return [path];
    names = readdirSync(path).filter((name) => !name.startsWith("."));
  } catch (error) {
    throw new DataError(`cannot read ${path}: ${reasonOf(error)}`, { cause: error });
  }
  const found = names
    .map((name) => join(path, name))
    .filter((inner) => isWeightsName(inner) || holdsWeights(inner));
  if (found.length > 0) return found;
  throw new DataError(
    `${path}: expected a folder of checkpoints (files of weights, or folders with some), found none`,
  );
}
