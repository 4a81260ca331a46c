import { DataError } from "../core/errors.js";

/*
 * The tables that figures and claims read. A table is an array of rows, an arquero table, or an object of columns;
 * columns that are not named here are ignored. `label` says which experiment a row belongs to ("decay 1", "vgg"): one
 * row or column of panels. Rows of several `seed`s are shown as mean and spread. `epoch` may be fractional.
 */

/** What every row says about where it comes from. */
export interface Origin {
  readonly label: string;
  readonly seed: number;
  /** Optimiser steps so far, >= 0; 0 is the initialisation. */
  readonly step: number;
  readonly epoch: number;
}

/** One evaluated number. */
export interface MetricsRow extends Origin {
  /** "train" or "validation". */
  readonly split: string;
  /** "loss", "error" (in [0, 1]), "characterError", ... */
  readonly metric: string;
  readonly value: number;
  /** Which singular triplets were kept: "full" (also where it is absent or null), "top" or "bottom" half. */
  readonly variant?: string | null;
}

/** One singular value. */
export interface SpectrumRow extends Origin {
  readonly matrix: string;
  /** Counted from 1; 1 is the largest. */
  readonly rank: number;
  readonly value: number;
}

/** The effective rank of one matrix. */
export interface RanksRow extends Origin {
  readonly matrix: string;
  /** Position in the network, from the input. */
  readonly depth: number;
  /** In (0, 1]. */
  readonly effectiveRank: number;
}

/** One entry of an alignment diagonal, Eqn 3. */
export interface AlignmentRow extends Origin {
  readonly contact: string;
  /** Counted from 1. */
  readonly rank: number;
  /** In [0, 1]. */
  readonly value: number;
}

/** The alignment score of one pair of layers, Eqn 4. */
export interface ScoreRow extends Origin {
  readonly contact: string;
  /** Position in the network, from the input. */
  readonly depth: number;
  /** In [0, 1]. */
  readonly score: number;
  /**
   * Length of the singular vectors compared. Where one of the two is cut out of a longer one (a gate, a kernel's
   * centre), the longer one's: the other, padded with zeros, is a unit vector of that space.
   */
  readonly dimension: number;
}

/** A table of rows of one kind. */
export type Table<Row> = readonly Row[] | ArqueroTable | Columns<Row>;

/** An arquero table, by shape. */
export interface ArqueroTable {
  numRows(): number;
  columnNames(): string[];
  get(name: string, row: number): unknown;
}

/** One array per column, of equal lengths. */
export type Columns<Row> = { readonly [Name in keyof Row]-?: ArrayLike<Row[Name]> };

type Names<Row> = readonly (keyof Row & string)[];

export const originColumns = ["label", "seed", "step", "epoch"] as const;
export const metricsColumns: Names<MetricsRow> = [...originColumns, "split", "metric", "value"];
export const spectrumColumns: Names<SpectrumRow> = [...originColumns, "matrix", "rank", "value"];
export const ranksColumns: Names<RanksRow> = [...originColumns, "matrix", "depth", "effectiveRank"];
export const alignmentColumns: Names<AlignmentRow> = [...originColumns, "contact", "rank", "value"];
export const scoreColumns: Names<ScoreRow> = [...originColumns, "contact", "depth", "score", "dimension"];

/** The values that some columns must have. */
export type Where<Row> = { readonly [Name in keyof Row]?: Row[Name] };

/**
 * The rows of a table that match `where`, in the table's order.
 * @param columns what the rows must have; optional columns are added where the table has them
 * @throws DataError if a column is missing from a table that is not empty
 */
export function rowsOf<Row extends object>(
  table: Table<Row>,
  columns: Names<Row>,
  where: Where<Row> = {},
  optional: Names<Row> = [],
): Row[] {
  const { length, names, cell } = reader(table, columns);
  const conditions = Object.entries(where);
  const kept = [...columns, ...optional.filter((name) => names.includes(name))];
  const rows: Row[] = [];
  for (let i = 0; i < length; i++) {
    if (!conditions.every(([name, value]) => cell(name, i) === value)) continue;
    if (Array.isArray(table)) rows.push(table[i] as Row);
    else rows.push(Object.fromEntries(kept.map((name) => [name, cell(name, i)])) as Row);
  }
  return rows;
}

/**
 * The different values of one column of a table in the order of their first appearance.
 * @throws DataError if the column is missing from a table that is not empty
 */
export function valuesIn<Row extends object, Name extends keyof Row & string>(
  table: Table<Row>,
  name: Name,
  where: Where<Row> = {},
): Row[Name][] {
  const { length, cell } = reader(table, [name]);
  const conditions = Object.entries(where);
  const values = new Set<Row[Name]>();
  for (let i = 0; i < length; i++) {
    if (conditions.every(([other, value]) => cell(other, i) === value))
      values.add(cell(name, i) as Row[Name]);
  }
  return [...values];
}

/** The different values of a column of rows in the order of their first appearance. */
export function distinct<Row, Name extends keyof Row>(rows: readonly Row[], name: Name): Row[Name][] {
  return [...new Set(rows.map((row) => row[name]))];
}

/** Rows by the value of a column, groups in the order of first appearance. */
export function groupBy<Row, Name extends keyof Row>(
  rows: readonly Row[],
  name: Name,
): Map<Row[Name], Row[]> {
  const groups = new Map<Row[Name], Row[]>();
  for (const row of rows) {
    const group = groups.get(row[name]);
    if (group) group.push(row);
    else groups.set(row[name], [row]);
  }
  return groups;
}

interface Reader {
  readonly length: number;
  readonly names: readonly string[];
  cell(name: string, row: number): unknown;
}

function reader<Row extends object>(table: Table<Row>, required: readonly string[]): Reader {
  const found = open(table);
  const missing = required.some((name) => !found.names.includes(name));
  if (found.length > 0 && missing) {
    throw new DataError(`table: expected columns ${required.join(", ")}; found ${found.names.join(", ")}`);
  }
  return found;
}

function open<Row extends object>(table: Table<Row>): Reader {
  if (Array.isArray(table)) {
    const rows = table as readonly Record<string, unknown>[];
    return { length: rows.length, names: Object.keys(rows[0] ?? {}), cell: (name, row) => rows[row][name] };
  }
  if (isArquero(table)) {
    return { length: table.numRows(), names: table.columnNames(), cell: (name, row) => table.get(name, row) };
  }
  const columns = table as unknown as Record<string, ArrayLike<unknown>>;
  const names = Object.keys(columns);
  return { length: columns[names[0]]?.length ?? 0, names, cell: (name, row) => columns[name][row] };
}

function isArquero(table: object): table is ArqueroTable {
  return "numRows" in table && typeof table.numRows === "function";
}
