/**
 * Copies the compact part of finished runs (and of those that diverged) and studies into data/results/, from where notebooks and figures open them:
 *
 *     node build/tools/export-results.js RUNS... [--studies DIR] [--max-steps 60]
 *
 * Kept are the record, all rows, and, at no more than so many evenly spaced steps, what of the arrays figures and claims read.
 */
import { parseArgs } from "node:util";
import { messageOf } from "spectral-lab/core/errors";
import { arraysRead, studyArraysRead } from "spectral-lab/paper/compact";
import { findRuns } from "spectral-lab/store/find-runs";
import { resultsFolder, studyResultsFolder } from "spectral-lab/store/paths";
import type { RunRecord } from "spectral-lab/store/record";
import { exportRun } from "spectral-lab/store/results";
import { exportStudy, findStudies } from "spectral-lab/store/study";

const { values, positionals } = parseArgs({
  options: { "max-steps": { type: "string", default: "60" }, studies: { type: "string" } },
  allowPositionals: true,
});
if (positionals.length === 0) throw new Error("expected at least one folder of runs");
const ended = ({ status, diverged }: RunRecord): boolean => status === "finished" || diverged !== undefined;
for (const run of findRuns(positionals, { where: ended })) {
  exported(`${run.record.task} ${run.record.id} (seed ${run.record.seed})`, () =>
    exportRun(run, resultsFolder(), {
      arrays: arraysRead(run),
      maxSteps: Number(values["max-steps"]),
    }),
  );
}
const studies = values.studies === undefined ? [] : findStudies(values.studies);
for (const study of studies.filter(({ record }) => record.status === "finished")) {
  exported(`${study.record.kind} ${study.record.id}`, () =>
    exportStudy(study, studyResultsFolder(), { arrays: studyArraysRead(study) }),
  );
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
