import type { ColumnTable } from "arquero";
import type { Row } from "../store/rows.js";
import type { StudyReader } from "../store/study.js";
import { barrierOf } from "./barrier-of.js";
import { tableOf, facetsOf } from "./study-table.js";

/**
 * The barriers of studies of the kind `barrier`, a row per study and metric: the columns that `studyTable` puts in front, then
 * metric, barrier (Eqn 6, over the inner points), alpha (where it is), first and last (the values at the ends). Of a study
 * that is not finished all four are NaN.
 * @throws DataError for damaged rows
 * @example barriersTable(findStudies(studiesFolder(), "barrier"));
 */
export function barriersTable(studies: readonly StudyReader[]): ColumnTable {
  return tableOf(
    studies.flatMap((study) => barriersOf(study).map((row) => ({ ...facetsOf(study.record), ...row }))),
  );
}

function barriersOf(study: StudyReader): Row[] {
  const rows = study.rows();
  const metrics = [...new Set(rows.map(({ metric }) => String(metric)))];
  const unknown = { barrier: NaN, alpha: NaN, first: NaN, last: NaN };
  return metrics.map((metric) => {
    const own = rows.filter((row) => row.metric === metric);
    const [alphas, values] = [own.map(({ alpha }) => Number(alpha)), own.map(({ value }) => Number(value))];
    return { metric, ...(study.record.status === "finished" ? barrierOf(alphas, values) : unknown) };
  });
}
