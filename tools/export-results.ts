/**
 * Copies the compact part of finished runs into data/results/, from where notebooks and figures open them:
 *
 *     node build/tools/export-results.js RUNS [--max-steps 60]
 *
 * Kept are the record, all rows, and at no more than so many evenly spaced steps what the figures show in detail: the
 * singular values of one matrix and the alignment diagonal of one contact. Of all others the scores are in the rows.
 */
import { parseArgs } from "node:util";
import { messageOf } from "spectral-lab/core/errors";
import { shownOf } from "spectral-lab/paper/shown";
import { findRuns } from "spectral-lab/store/find-runs";
import { resultsFolder } from "spectral-lab/store/paths";
import { exportRun } from "spectral-lab/store/results";

const { values, positionals } = parseArgs({
  options: { "max-steps": { type: "string", default: "60" } },
  allowPositionals: true,
});
if (positionals.length === 0) throw new Error("expected at least one folder of runs");
for (const run of findRuns(positionals, { where: ({ status }) => status === "finished" })) {
  const name = `${run.record.task} ${run.record.id} (seed ${run.record.seed})`;
  try {
    const { matrix, contact } = shownOf(run);
    const folder = exportRun(run, resultsFolder(), {
      arrays: (name) => name === `singular-values/${matrix}` || name === `alignment/${contact}`,
      maxSteps: Number(values["max-steps"]),
    });
    console.log(`${name}: ${folder}`);
  } catch (error) {
    console.error(`${name}: left out: ${messageOf(error)}`); // damaged: the others are not
    process.exitCode = 1;
  }
}
