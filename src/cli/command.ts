import { parseArgs, type ParseArgsConfig } from "node:util";
import { messageOf } from "../core/errors.js";

/** One command of the command line. */
export interface Command {
  readonly name: string;
  /** What follows `spectral`: "train TASK [--profile P] ..." */
  readonly usage: string;
  readonly summary: string;
  /** @returns the exit status */
  run(args: readonly string[]): Promise<number>;
}

/** A command line that cannot be understood; the usage is printed with it. */
export class UsageError extends Error {}

/** `parseArgs` of Node with positionals. @throws UsageError instead of its own errors */
export function parse<T extends NonNullable<ParseArgsConfig["options"]>>(
  args: readonly string[],
  options: T,
): ReturnType<typeof parseArgs<{ args: string[]; options: T; allowPositionals: true; strict: true }>> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

/** Lines of columns, padded to equal width; numbers to the right. */
export function columns(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [header, ...rows.map((row) => row.map(String))];
  const widths = header.map((_, i) => Math.max(...cells.map((row) => row[i].length)));
  const right = header.map((_, i) => rows.length > 0 && rows.every((row) => typeof row[i] === "number"));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (right[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join("  ")
      .trimEnd();
  return cells.map(line).join("\n");
}
