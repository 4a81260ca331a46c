import { type Clock, type Moment, stepsOf } from "../core/time.js";
import type { RunRecord } from "./record.js";

type Reached = Pick<RunRecord, "step" | "epoch">;

/** What the durations of a stored run are measured against, as far as it was trained. */
export function recordClock({ step = 0, epoch = 0 }: Reached): Clock {
  return { stepsPerEpoch: epoch > 0 ? Math.round(step / epoch) : 1, totalSteps: step };
}

/** The optimiser step of a moment of a finished run; undefined if it ended before. */
export function stepIn(record: Reached, moment: Moment): number | undefined {
  return stepsOf({ at: [moment] }, recordClock(record))[0];
}
