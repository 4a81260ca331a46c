import { createHash } from "node:crypto";
import { printable } from "../core/printable.js";
import { html } from "./html.js";
import { currentNotebook } from "./notebook.js";

/** Decides whether an answer is right: true, or what is wrong with it. */
export type Judge<Answer> = (answer: Answer) => true | string;

/** A "Try it" with an instant check. */
export interface Exercise<Answer> {
  readonly name: string;
  /** Shows whether `answer` is right, and after a wrong one the next hint. */
  check(answer: Answer): void;
}

/**
 * An exercise. Every wrong answer brings the next hint; the last one stays.
 *
 *     const half = exercise("how many ranks hold half of the sum?", nearly(() => count(spectrum)), ["sort first"]);
 *     half.check(12);
 */
export function exercise<Answer>(
  name: string,
  judge: Judge<Answer>,
  hints: readonly string[] = [],
): Exercise<Answer> {
  let wrong = 0;
  return {
    name,
    check(answer) {
      const verdict = judge(answer);
      if (verdict === true) tell(true, `${name}: right.`);
      else {
        const hint = hints[Math.min(wrong++, hints.length - 1)];
        tell(false, `${name}: not yet; ${verdict}.${hint ? ` Hint: ${hint}` : ""}`);
      }
    },
  };
}

/**
 * A number within `tolerance`, relative, of one computed from the data when the answer is checked.
 * @param expected not called before the first check
 */
export function nearly(expected: () => number, tolerance = 0.01): Judge<number> {
  return (answer) => {
    const wrong = notANumber(answer);
    if (wrong) return wrong;
    const value = expected();
    if (Math.abs(answer - value) <= tolerance * Math.max(Math.abs(value), Number.MIN_VALUE)) return true;
    return answer < value ? `${answer} is too small` : `${answer} is too large`;
  };
}

/**
 * An answer known by its hash only, so that the notebook does not give it away. Numbers are compared as rounded to
 * `digits` significant digits, text without regard to case and outer space.
 * @param digest what `answerHash` gives for the right answer
 */
export function hashed(digest: string, digits = 3): Judge<number | string> {
  return (answer) => {
    if (typeof answer !== "string") {
      const wrong = notANumber(answer);
      if (wrong) return wrong;
    }
    return answerHash(answer, digits) === digest ? true : `${answer} is not the answer`;
  };
}

/** The hash of a right answer, for `hashed`. */
export function answerHash(answer: number | string, digits = 3): string {
  const text = typeof answer === "number" ? answer.toExponential(digits - 1) : answer.trim().toLowerCase();
  return createHash("sha256").update(`spectral-lab/answer/${text}`).digest("hex").slice(0, 16);
}

function notANumber(answer: unknown): string | undefined {
  if (typeof answer === "number" && Number.isFinite(answer)) return undefined;
  return `expected a number, found ${typeof answer === "number" ? answer : typeof answer}`;
}

/** Characters shown of what is said to an answer, which is part of it. */
const LONGEST = 2000;

function tell(right: boolean, text: string): void {
  const line = printable(`${right ? "✓" : "✗"} ${text}`, LONGEST);
  const notebook = currentNotebook();
  if (!notebook) return console.log(line);
  const color = right ? "#1a7f37" : "#9a6700";
  const shown = html`<div style="border-left:3px solid ${color};padding:2px 10px">${line}</div>`;
  notebook.display({ "text/html": shown, "text/plain": line });
}
