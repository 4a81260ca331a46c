/**
 * Copies the compact part of finished runs (and of those that diverged) and studies into data/results/, from where notebooks and figures open them:
 *
 *     node build/tools/export-results.js RUNS... [--studies DIR] [--max-steps 60]
 *
 * Kept are the record, all rows, and at no more than so many evenly spaced steps what the figures show in detail: the
 * singular values of one matrix and the alignment diagonal of one contact; of studies the agreement of that matrix and of
 * figure 10's. Of all others the scores are in the rows.
 */
import { parseArgs } from "node:util";
import * as aq from "arquero";
import { messageOf } from "spectral-lab/core/errors";
import { maskedMatrix } from "spectral-lab/paper/figure10";
import { shownMatrix, shownOf } from "spectral-lab/paper/shown";
import { findRuns } from "spectral-lab/store/find-runs";
import { resultsFolder, studyResultsFolder } from "spectral-lab/store/paths";
import type { RunRecord } from "spectral-lab/store/record";
import { exportRun } from "spectral-lab/store/results";
import { exportStudy, findStudies, type StudyReader } from "spectral-lab/store/study";

const { values, positionals } = parseArgs({
  options: { "max-steps": { type: "string", default: "60" }, studies: { type: "string" } },
  allowPositionals: true,
});
if (positionals.length === 0) throw new Error("expected at least one folder of runs");
const ended = ({ status, diverged }: RunRecord): boolean => status === "finished" || diverged !== undefined;
for (const run of findRuns(positionals, { where: ended })) {
  const { matrix, contact } = shownOf(run);
  exported(`${run.record.task} ${run.record.id} (seed ${run.record.seed})`, () =>
    exportRun(run, resultsFolder(), {
      arrays: (name) => name === `singular-values/${matrix}` || name === `alignment/${contact}`,
      maxSteps: Number(values["max-steps"]),
    }),
  );
}
const studies = values.studies === undefined ? [] : findStudies(values.studies);
for (const study of studies.filter(({ record }) => record.status === "finished")) {
  exported(`${study.record.kind} ${study.record.id}`, () =>
    exportStudy(study, studyResultsFolder(), shown(study)),
  );
}

/** The arrays of the matrices that the paper shows: of a task, and of masked networks. */
function shown(study: StudyReader): { arrays(name: string): boolean } {
  const rows = study.rows().filter(({ matrix }) => typeof matrix === "string");
  const matrices = rows.map(({ matrix }) => String(matrix));
  const depths = rows.map(({ depth }) => Number(depth));
  const { name } = shownMatrix(study.record.inputs[0].task, [...new Set(matrices)]);
  const kept = [name, maskedMatrix(aq.table({ matrix: matrices, depth: depths }))];
  return {
    arrays: (array) =>
      kept.some((one) => array === `agreement/${one}` || array === `agreement-matrix/${one}`),
  };
}

/** Exports one; what is damaged is left out, and the others are not. */
function exported(name: string, action: () => string): void {
  try {
    console.log(`${name}: ${action()}`);
  } catch (error) {
    console.error(`${name}: left out: ${messageOf(error)}`);
    process.exitCode = 1;
  }
}
