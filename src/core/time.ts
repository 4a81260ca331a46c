import { ConfigError } from "./errors.js";

/** A length of training: "120ep" (epochs), "50it" (optimiser steps), "20%" (of the whole run). Fractions are allowed. */
export type Duration = string;

/** A moment: a duration since the start, or "end". "0" is the initialisation. */
export type Moment = Duration | "0" | "end";

/** Moments at which something happens, as data. Steps count optimiser updates made so far: 0 is the initialisation. */
export type When =
  | { readonly every: Duration }
  | { readonly at: readonly Moment[] }
  | { readonly within: Duration; readonly count: number }
  | { readonly any: readonly When[] };

/** What a run's durations are measured against. */
export interface Clock {
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
}

/** At the start, then every `duration`, and at the end. */
export const every = (duration: Duration): When => ({ every: duration });

/** At the given moments. */
export const at = (...moments: Moment[]): When => ({ at: moments });

/** At `count` evenly spaced moments that end with `duration`: within("1ep", 4) is 1/4, 2/4, 3/4 and 1 epoch. */
export const within = (duration: Duration, count: number): When => ({ within: duration, count });

/** At every moment of any of them. */
export const any = (...whens: When[]): When => ({ any: whens });

/** The paper's own moments: the initialisation, four inside epoch 1, the end of every epoch (PAPER.md section 2). */
export const paperMoments: When = any(at("0"), within("1ep", 5), every("1ep"));

/**
 * A duration in optimiser steps, rounded to the nearest.
 * @throws ConfigError if it is not a number >= 0 followed by "ep", "it" or "%"
 */
export function toSteps(duration: Duration, clock: Clock): number {
  return Math.round(exactSteps(duration, clock));
}

function exactSteps(duration: Duration, clock: Clock): number {
  const match = /^(\d+(?:\.\d+)?)(ep|it|%)$/.exec(duration);
  if (!match) {
    throw new ConfigError(
      `duration: expected a number with "ep", "it" or "%", such as "120ep"; found "${duration}"`,
    );
  }
  const amount = Number(match[1]);
  if (match[2] === "ep") return amount * clock.stepsPerEpoch;
  if (match[2] === "it") return amount;
  return (amount / 100) * clock.totalSteps;
}

/** The steps in [0, totalSteps] that a `When` names, rising and without repeats. Later moments are left out. */
export function stepsOf(when: When, clock: Clock): number[] {
  const steps = new Set<number>();
  const add = (step: number): void => {
    if (step >= 0 && step <= clock.totalSteps) steps.add(step);
  };
  if ("every" in when) {
    const period = exactSteps(when.every, clock);
    if (Math.round(period) < 1)
      throw new ConfigError(`every("${when.every}"): the period must be at least one step`);
    for (let i = 0; i * period < clock.totalSteps; i++) add(Math.round(i * period)); // rounding does not add up
    add(clock.totalSteps);
  } else if ("at" in when) {
    for (const moment of when.at) {
      if (moment === "0") add(0);
      else add(moment === "end" ? clock.totalSteps : toSteps(moment, clock));
    }
  } else if ("within" in when) {
    const length = toSteps(when.within, clock);
    for (let i = 1; i <= when.count; i++) add(Math.round((i / when.count) * length));
  } else {
    for (const part of when.any) stepsOf(part, clock).forEach(add);
  }
  return [...steps].sort((a, b) => a - b);
}
