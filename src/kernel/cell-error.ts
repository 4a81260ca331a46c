import { inspect } from "node:util";
import type { Diagnostic } from "tslab/dist/converter.js";
import { cut } from "./output.js";
import type { Traces } from "./traces.js";

/** Longest text of an error, in characters. */
const LONGEST = 2 ** 20;

/** The content of Jupyter's `error` message. */
export interface CellError extends Record<string, unknown> {
  ename: string;
  evalue: string;
  traceback: string[];
}

/** Anything thrown, with its stack in the lines of the cell and of src. */
export function thrownError(thrown: unknown, traces: Traces): CellError {
  if (!isError(thrown)) {
    const evalue = cut(inspect(thrown), LONGEST);
    return { ename: "Thrown", evalue, traceback: [`Thrown: ${evalue}`] };
  }
  if (thrown.message.length > LONGEST) {
    const evalue = cut(thrown.message, LONGEST);
    return { ename: thrown.name, evalue, traceback: `${thrown.name}: ${evalue}`.split("\n") };
  }
  cleanStacks(thrown, traces);
  const printed = cut(inspect(thrown), LONGEST).replace(/^\[([^\n]*)\]$/, "$1"); // the brackets of an error without frames
  return { ename: thrown.name, evalue: thrown.message, traceback: printed.split("\n") };
}

/** Cleans the stacks of an error and of what caused it in place, so that they also print clean. */
function cleanStacks(error: unknown, traces: Traces, seen = new Set<unknown>()): void {
  if (!isError(error) || seen.has(error)) return;
  seen.add(error);
  if (typeof error.stack === "string") Reflect.set(error, "stack", traces.clean(error.stack)); // unless it is frozen
  cleanStacks(error.cause, traces, seen);
  const { errors } = error as { errors?: unknown };
  if (Array.isArray(errors)) for (const inner of errors) cleanStacks(inner, traces, seen);
}

/** Type and syntax errors, each with its line. */
export function compileError(diagnostics: Diagnostic[], source: string, fileName: string): CellError {
  const lines = source.split("\n");
  const traceback: string[] = [];
  for (const [i, { start, messageText, fileName: other }] of diagnostics.entries()) {
    const place = `${other ?? fileName}:${start.line + 1}:${start.character + 1}`;
    const previous = diagnostics[i - 1]?.start;
    if (previous && previous.offset === start.offset) {
      traceback.push(`  ${messageText}`); // the compiler's explanation of the message before
      continue;
    }
    traceback.push(`${place} - ${messageText}`);
    if (!other && lines[start.line] !== undefined) {
      traceback.push(`    ${lines[start.line]}`, `    ${" ".repeat(start.character)}^`);
    }
  }
  return { ename: "TypeScriptError", evalue: traceback[0] ?? "", traceback };
}

/** Errors come from other realms too (vm, jsdom), so their shape is asked for rather than their class. */
export function isError(value: unknown): value is Error {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as Error).message === "string" &&
    typeof (value as Error).name === "string" &&
    "stack" in value
  );
}
