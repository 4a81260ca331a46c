import { ConfigError } from "../core/errors.js";
import type { Schedule } from "./optimiser.js";

/** A schedule that is a function of the step (counted from 0). */
type StepSchedule = Exclude<Schedule, number>;

/** From 0 linearly to `peak` at step `warmup`, then constant (slingshot: 10 steps). */
export function warmupConstant({ peak, warmup }: { peak: number; warmup: number }): StepSchedule {
  checkLength("warmupConstant", "warmup", warmup, 0);
  return (step) => (step < warmup ? (peak * step) / warmup : peak);
}

/**
 * From 0 linearly to `peak` at step `warmup`, then a half cosine down to `floor * peak`, then constant (the language
 * models: warm-up 200, total 6660, floor 0.1). The cosine is the authors': its phase is (step - warmup) / total, so that
 * `floor` is reached by a last small drop at `total`. Their one-step dip at `warmup` is left out (docs/quirks.md).
 */
export function warmupCosine(options: {
  peak: number;
  warmup: number;
  total: number;
  floor?: number;
}): StepSchedule {
  const { peak, warmup, total, floor = 0.1 } = options;
  checkLength("warmupCosine", "warmup", warmup, 0);
  checkLength("warmupCosine", "total", total, 1);
  return (step) => {
    if (step < warmup) return (peak * step) / warmup;
    if (step >= total) return peak * floor;
    const cosine = (1 + Math.cos((Math.PI * (step - warmup)) / total)) / 2;
    return peak * (floor + (1 - floor) * cosine);
  };
}

/** A half cosine from `peak` to 0 over `epochs`, changing at the start of each epoch (speech: 50 epochs). */
export function cosinePerEpoch(options: {
  peak: number;
  epochs: number;
  stepsPerEpoch: number;
}): StepSchedule {
  const { peak, epochs, stepsPerEpoch } = options;
  checkLength("cosinePerEpoch", "epochs", epochs, 1);
  checkLength("cosinePerEpoch", "stepsPerEpoch", stepsPerEpoch, 1);
  return (step) => {
    const epoch = Math.min(Math.floor(step / stepsPerEpoch), epochs);
    return (peak * (1 + Math.cos((Math.PI * epoch) / epochs))) / 2;
  };
}

/** `initial`, multiplied by `factor` (default 0.1) at each of the steps `at` (VGG: epochs 82, 123 and 160). */
export function milestones(options: {
  initial: number;
  at: readonly number[];
  factor?: number;
}): StepSchedule {
  const { initial, at, factor = 0.1 } = options;
  return (step) => initial * factor ** at.filter((milestone) => step >= milestone).length;
}

function checkLength(place: string, name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least) {
    throw new ConfigError(`${place}: ${name} must be an integer >= ${least}, found ${value}`);
  }
}
