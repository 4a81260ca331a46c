import * as fs from "node:fs";
import { join } from "node:path";
import { codeOf, storeError } from "../core/files/io-error.js";

/** The path of a step's file: <folder>/<step>.safetensors. */
export function stepFile(folder: string, step: number): string {
  if (!Number.isSafeInteger(step) || step < 0) {
    throw new RangeError(`stepFile: expected a step that is a whole number >= 0, found ${step}`);
  }
  return join(folder, `${step}.safetensors`);
}

/** The steps that have a file in a folder, rising; none if there is no folder. @throws StoreError */
export function stepsIn(folder: string): number[] {
  let names: string[];
  try {
    names = fs.readdirSync(folder);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw storeError("list", folder, error);
  }
  const steps = names
    .map((name) => /^(0|[1-9]\d{0,14})\.safetensors$/.exec(name)?.[1])
    .filter((step) => step !== undefined);
  return steps.map(Number).sort((a, b) => a - b);
}

/** Removes the files of the steps that `drop` names. @throws StoreError */
export function dropSteps(folder: string, drop: (step: number) => boolean): void {
  for (const step of stepsIn(folder).filter(drop)) {
    const path = stepFile(folder, step);
    try {
      fs.rmSync(path);
    } catch (error) {
      throw storeError("remove", path, error);
    }
  }
}
