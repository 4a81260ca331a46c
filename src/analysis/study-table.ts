import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import { SpectralError } from "../core/errors.js";
import type { Row } from "../store/rows.js";
import type { StudyReader, StudyRecord } from "../store/study.js";

/**
 * The rows of studies as one table. In front, the same on every row of a study: kind, study (its id); of its inputs run1, task1,
 * seed1, step1, run2, ... (and edit1, ... where weights were edited); its parameters under their own names. Then part and
 * the columns of the rows. What a study has not is null. To see more of a run, join with a table of runs by its id.
 * @throws SpectralError if a column of the rows has the name of one in front
 */
export function studyTable(studies: readonly StudyReader[]): ColumnTable {
  const facets = studies.map(({ record }) => facetsOf(record));
  const rows = studies.flatMap((study, i) => study.rows().map((row) => joined(study, facets[i], row)));
  return tableOf(rows, facets);
}

/** Rows as a table with the columns of all of them, and before these of `first`; what a row lacks is null. */
export function tableOf(rows: readonly Row[], first: readonly Row[] = []): ColumnTable {
  const names = new Set([...first, ...rows].flatMap((row) => Object.keys(row)));
  return aq.table([...names].map((name) => [name, rows.map((row) => row[name] ?? null)] as const));
}

/** What tells a study from others: the columns in front of its rows. */
export function facetsOf({ kind, id, inputs, parameters }: StudyRecord): Row {
  const ofInputs = inputs.flatMap(({ run, task, seed, step, edit }, i) => {
    const facets = { run, task, seed, step, ...(edit && { edit }) };
    return Object.entries(facets).map(([name, value]) => [`${name}${i + 1}`, value]);
  });
  return { kind, study: id, ...(Object.fromEntries(ofInputs) as Row), ...parameters };
}

function joined({ folder }: StudyReader, facets: Row, row: Row): Row {
  const twice = Object.keys(row).find((name) => name in facets);
  if (twice === undefined) return { ...facets, ...row };
  throw new SpectralError(
    `studyTable: ${folder}: "${twice}" is a column of the rows and of what tells studies apart`,
  );
}
