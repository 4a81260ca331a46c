import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import { DataError } from "./errors.js";

/** What tells one run from another: a value, or null where a run has none. */
export type Facet = string | number | boolean | null;

/** Facets by name: `{ task: "vgg", setting: null, seed: 0 }`. They are columns of every table of several runs. */
export type Facets = Readonly<Record<string, Facet>>;

/**
 * The rows of a table that have these values, in the table's order.
 *
 * @example
 *     where(ranks, { task: "vgg", setting: null, matrix: "fc.weight" })
 *
 * @throws DataError naming a column that the table lacks
 */
export function where(table: ColumnTable, facets: Facets): ColumnTable {
  requireColumns(table, Object.keys(facets));
  const wanted = Object.entries(facets);
  const matches = (row: Facets): boolean => wanted.every(([name, value]) => row[name] === value);
  return table.filter(aq.escape(matches)).reify();
}

/** @throws DataError naming the first of the columns that the table lacks */
export function requireColumns(table: ColumnTable, names: readonly string[]): void {
  const found = table.columnNames();
  const missing = names.find((name) => !found.includes(name));
  if (missing === undefined) return;
  throw new DataError(`table: expected a column "${missing}", found ${found.join(", ") || "none"}`);
}

/** The facets of a table of runs: its columns before "step". */
export function facetNames(table: ColumnTable): string[] {
  requireColumns(table, ["step"]);
  return table.columnNames().slice(0, table.columnIndex("step"));
}

/** Facets without the seed: what the runs of one experiment share. */
export function withoutSeed(facets: Facets): Facets {
  return Object.fromEntries(Object.entries(facets).filter(([name]) => name !== "seed"));
}

/** Facets in words, without the seed and what is null: "modular-addition, decay, order 3". */
export function facetsText(facets: Facets): string {
  return Object.entries(withoutSeed(facets))
    .filter(([, value]) => value !== null)
    .map(([name, value]) => (typeof value === "string" ? value : `${name} ${value}`))
    .join(", ");
}
