import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import { type Facet, type Facets, requireColumns } from "../core/facets.js";
import type { Row } from "../store/rows.js";
import type { StudyReader } from "../store/study.js";

/** A study, and what tells it from others: facets that its inputs share, and those in which they differ, numbered ("order1"). */
export interface FacetedStudy {
  readonly facets: Facets;
  readonly study: StudyReader;
}

/**
 * A study with the facets of its inputs: one that all of them have alike under its own name, others as `<name>1`, `<name>2`, ...
 * @param inputs of the study, in its order; a facet that one lacks is null
 * @example
 *     facetedStudy(study, [{ seed: 0, order: 3 }, { seed: 0, order: 4 }]).facets // { seed: 0, order1: 3, order2: 4 }
 */
export function facetedStudy(study: StudyReader, inputs: readonly Facets[]): FacetedStudy {
  const names = [...new Set(inputs.flatMap((facets) => Object.keys(facets)))];
  const facets = names.flatMap((name) => {
    const values = inputs.map((input) => input[name] ?? null);
    const alike = values.every((value) => value === values[0]);
    return alike ? [[name, values[0]]] : values.map((value, i) => [`${name}${i + 1}`, value]);
  });
  return { facets: Object.fromEntries(facets) as Facets, study };
}

/**
 * A table of studies with their facets in front, in place of columns of the same names.
 * @param table with a column `study`, such as `studyTable` gives
 * @throws DataError if it has none; a row of a study that is not among `studies` is left out
 */
export function withFacets(table: ColumnTable, studies: readonly FacetedStudy[]): ColumnTable {
  requireColumns(table, ["study"]);
  const known = new Map(studies.map(({ facets, study }) => [study.record.id, facets]));
  const facetNames = new Set(studies.flatMap(({ facets }) => Object.keys(facets)));
  const rest = table.columnNames().filter((name) => !facetNames.has(name));
  const columns = new Map<string, Facet[]>([...facetNames, ...rest].map((name) => [name, []]));
  table.scan((row) => {
    const facets = known.get(String(table.get("study", row)));
    if (!facets) return;
    for (const name of facetNames) columns.get(name)?.push(facets[name] ?? null);
    for (const name of rest) columns.get(name)?.push(table.get(name, row) as Facet);
  });
  return aq.table([...columns]);
}

/**
 * Arrays of studies, an entry per row.
 *
 * Columns: the facets; study (its id); step and epoch of the part (null where it has none); matrix; rank (from 1); value.
 * @param prefix of the arrays' names: "agreement/" stands before the matrix
 * @param only which matrices, by name; default all
 */
export function studyArrays(
  studies: readonly FacetedStudy[],
  prefix: string,
  only: (matrix: string) => boolean = () => true,
): ColumnTable {
  const rows: Row[] = [];
  for (const { study } of studies) {
    const parts = new Map(study.rows().map((row) => [String(row.part), row]));
    for (const [part, { step = null, epoch = null }] of parts) {
      for (const [name, { data }] of study.readArrays(part)) {
        const matrix = name.slice(prefix.length);
        if (!name.startsWith(prefix) || !only(matrix)) continue;
        const origin = { study: study.record.id, step, epoch, matrix };
        for (let i = 0; i < data.length; i++) rows.push({ ...origin, rank: i + 1, value: Number(data[i]) });
      }
    }
  }
  const names = ["study", "step", "epoch", "matrix", "rank", "value"];
  const table = aq.table(names.map((name) => [name, rows.map((row) => row[name])] as const));
  return withFacets(table, studies);
}
