import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import type { RunRecord } from "./record.js";
import type { Row } from "./rows.js";
import type { RunReader } from "./stored-run.js";

/** Rows as an arquero table. Columns come in the order in which rows first name them; a missing field is null. */
export function tableOf(rows: readonly Row[]): ColumnTable {
  const names = new Set(rows.flatMap((row) => Object.keys(row)));
  const columns = [...names].map((name) => [name, rows.map((row) => row[name] ?? null)] as const);
  return aq.table(columns);
}

/**
 * The rows of several runs as one arquero table.
 * @param describe columns that tell the runs apart, put before the run's own; default run, task, profile, seed and the
 *   fields in which the run's configuration differs from the task's defaults
 */
export function tableOfRuns(
  runs: readonly RunReader[],
  describe: (record: RunRecord) => Row = describeRun,
): ColumnTable {
  return tableOf(
    runs.flatMap((run) => {
      const columns = describe(run.record);
      return run.rows().map((row) => ({ ...columns, ...row }));
    }),
  );
}

function describeRun({ id, task, profile, seed, changed }: RunRecord): Row {
  return { run: id, task, profile: profile ?? null, seed, ...changed };
}
