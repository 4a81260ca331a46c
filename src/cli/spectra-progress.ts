import type { SpectraProgress } from "../analysis/step-spectra.js";
import { printable } from "../core/printable.js";

/** Milliseconds before the first line, and between two. */
const [FIRST, BETWEEN] = [3000, 5000];

/**
 * Says where a long work is: "matrix 12 of 300 (layers.3.weight at step 500), 40 s left". Nothing is said of a short one.
 * @param print takes a line
 * @param now milliseconds
 */
export function progressLines(
  print: (line: string) => void,
  now = (): number => performance.now(),
): (progress: SpectraProgress) => void {
  const started = now();
  let next = started + FIRST;
  return ({ index, count, matrix, step, done }) => {
    const time = now();
    if (time < next) return;
    next = time + BETWEEN;
    const at = step === null ? "" : ` at step ${step}`;
    const left = done > 0 ? `, ${durationOf(((time - started) * (1 - done)) / done)} left` : "";
    print(`matrix ${index + 1} of ${count} (${printable(matrix, 80)}${at})${left}`);
  };
}

function durationOf(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${Math.ceil(minutes / 60)} h`;
}
