import { escape, type ColumnTable } from "arquero";
import { DataError } from "./errors.js";

/** What rows say of the run they come from: `{ task: "vgg", setting: "decay", seed: 0 }`. */
export type Facets = Readonly<Record<string, string | number | boolean | null>>;

/**
 * The rows of a table whose columns have the values named by `facets`.
 * @throws DataError if the table has no such column
 */
export function where(table: ColumnTable, facets: Facets): ColumnTable {
  const conditions = Object.entries(facets);
  const missing = conditions.find(([name]) => !table.columnNames().includes(name));
  if (missing) {
    throw new DataError(
      `where: expected a column ${missing[0]}; the table has ${table.columnNames().join(", ")}`,
    );
  }
  const matches = (row: Record<string, unknown>): boolean =>
    conditions.every(([name, value]) => row[name] === value);
  return table.filter(escape(matches));
}
