import type { ColumnTable } from "arquero";
import { DataError, SpectrumError } from "../core/errors.js";
import { printable } from "../core/printable.js";
import { openCheckpoints, SpectraTables, type OpenCheckpoints } from "../analysis/checkpoint-spectra.js";
import type { Choice } from "../analysis/readings.js";
import { spectraOverSteps } from "../analysis/step-spectra.js";
import { hasMatrices, matricesOf } from "../analysis/weight-spectra.js";
import { checkpointFigures, spectraDrawn } from "../figures/checkpoints.js";
import { save } from "../lab/export.js";
import { UsageError, type Given } from "./command.js";
import type { spectra } from "./declarations.js";
import { progressLines } from "./spectra-progress.js";
import { countsOf, jsonReport, matrixCount, named, tableReport, type Report } from "./spectra-report.js";

/**
 * Spectra of every matrix in files of weights, ours or anybody's, each printed as soon as it is there; then what the files
 * hold besides. Over steps, figures too. @throws DataError, SpectrumError at the end, for what could not be read or decomposed
 */
export async function run({ values, positionals }: Given<typeof spectra>): Promise<number> {
  const { stack, flatten, integers, json, output, "over-steps": overSteps } = values;
  if (stack && flatten) throw new UsageError("--stack and --flatten exclude each other");
  if (positionals.length > 1 && !overSteps)
    throw new UsageError("several FILEs are the steps of one training: it needs --over-steps");
  if (output !== undefined && !overSteps)
    throw new UsageError("--output draws what happens over steps: it needs --over-steps");
  const choice: Choice = stack ? "stack" : flatten ? "flatten" : "auto";
  const opened = await openCheckpoints(positionals, overSteps, { choice, integers });
  const report: Report = json ? jsonReport(opened) : tableReport(opened);
  const drawn = output === undefined ? [] : spectraDrawn(matricesAtEnd(opened));
  const tables = new SpectraTables(opened.checkpoints, (matrix) => drawn.includes(matrix));
  const failures: string[] = [];
  try {
    for (const { step, plans } of opened.checkpoints)
      for (const plan of plans) if (!hasMatrices(plan)) report.leftOut?.(plan, step);
    for await (const results of spectraOverSteps(opened.checkpoints, progressLines(printToStderr))) {
      tables.add(results);
      for (const result of results) {
        report.matrix(result);
        const at = result.step === null ? "" : ` at step ${result.step}`;
        if ("failed" in result.outcome)
          failures.push(`${named(result.matrix)}${at}: ${result.outcome.failed}`);
      }
    }
  } finally {
    opened.close();
  }
  const { equal, ...rest } = tables.tables();
  report.end(countsOf(opened, failures.length), equal);
  if (output !== undefined && rest.ranks.numRows() > 0) {
    for (const [name, figure] of Object.entries(checkpointFigures(rest))) {
      const { ranks, agreement, spectra } = rest;
      const behind: Readonly<Record<string, ColumnTable>> =
        name === "matrices" ? { ranks, agreement } : { values: spectra };
      const paths = await save(figure, `spectra-${name}`, { folder: output, tables: behind });
      for (const path of paths) printToStderr(path);
    }
  }
  failWith(failures, opened.faults);
  return 0;
}

function printToStderr(line: string): void {
  process.stderr.write(`${printable(line)}\n`);
}

function matricesAtEnd({ checkpoints }: OpenCheckpoints): string[] {
  const plans = checkpoints.at(-1)?.plans ?? [];
  return [...matricesOf(plans.filter(hasMatrices))].map(({ matrix }) => matrix);
}

function failWith(failures: readonly string[], faults: readonly string[]): void {
  const first = failures.slice(0, 3).join("; ");
  const more = failures.length > 3 ? `; and ${failures.length - 3} more` : "";
  const undone =
    failures.length === 0 ? [] : [`${matrixCount(failures.length)} could not be decomposed: ${first}${more}`];
  if (faults.length > 0) throw new DataError(printable([...faults, ...undone].join("; ")));
  if (undone.length > 0) throw new SpectrumError(undone[0]);
}
