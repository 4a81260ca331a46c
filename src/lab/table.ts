import { columnFormat } from "./format.js";
import { largest } from "../core/extent.js";
import { printable } from "../core/printable.js";
import { html, type Html } from "./html.js";
import { currentNotebook } from "./notebook.js";

/** An arquero table, by shape: no `instanceof` across cells. */
export interface ArqueroLike {
  numRows(): number;
  columnNames(): string[];
  get(name: string, row: number): unknown;
}

/** A danfo DataFrame, by shape. */
export interface DanfoLike {
  readonly columns: string[];
  /** Names of the rows; numbers from 0 where they have none. */
  readonly index?: readonly (string | number)[];
  readonly shape: readonly number[];
  readonly values: unknown;
}

/** Every kind of table that is shown. */
export type AnyTable = readonly object[] | ArqueroLike | DanfoLike;

export interface TableOptions {
  /** Shown above the table. */
  readonly caption?: string;
  /** Rows shown at most, default 12; the first and the last of a longer table. */
  readonly rows?: number;
  /** Significant digits of the largest number of a column, default 4. */
  readonly digits?: number;
}

/** What is shown of a table, as text. */
interface Grid {
  readonly names: readonly string[];
  readonly numeric: readonly boolean[];
  /** Cells of the rows shown. */
  readonly cells: readonly (readonly string[])[];
  /** Where rows are left out: after this many shown rows. */
  readonly cut: number | undefined;
  /** What is left out, a line each. */
  readonly notes: readonly string[];
}

/** Whether `value` is a table of any kind. */
export function isTable(value: unknown): value is AnyTable {
  if (Array.isArray(value)) return value.every((row) => typeof row === "object" && row !== null);
  return isArquero(value) || isDanfo(value);
}

/** Shows a table as output of the running cell; prints it outside a notebook. */
export function showTable(table: AnyTable, options: TableOptions = {}): void {
  const text = tableText(table, options);
  const notebook = currentNotebook();
  if (notebook) notebook.display({ "text/html": tableElement(table, options), "text/plain": text });
  else console.log(text);
}

/** A table as HTML: numbers right-aligned with equal decimals, a caption, and what was left out. */
export function tableHtml(table: AnyTable, options: TableOptions = {}): string {
  return tableElement(table, options).source;
}

function tableElement(table: AnyTable, options: TableOptions): Html {
  const grid = gridOf(table, options);
  const align = (column: number): string => `text-align:${grid.numeric[column] ? "right" : "left"}`;
  const head = grid.names.map((name, i) => html`<th style="${align(i)}">${name}</th>`);
  const rows = grid.cells.map(
    (cells) => html`<tr>${cells.map((cell, i) => html`<td style="${align(i)}">${cell}</td>`)}</tr>`,
  );
  if (grid.cut !== undefined) {
    rows.splice(
      grid.cut,
      0,
      html`<tr>${grid.names.map((_, i) => html`<td style="${align(i)}">…</td>`)}</tr>`,
    );
  }
  const caption = options.caption
    ? html`<caption style="caption-side:top;text-align:left;font-weight:600">${options.caption}</caption>`
    : "";
  const notes = grid.notes.map((note) => html`<div style="color:#666">${note}</div>`);
  const style = "font-variant-numeric:tabular-nums";
  return html`<div><table class="dataframe" style="${style}">${caption}<thead><tr>${head}</tr></thead><tbody>${rows}</tbody></table>${notes}</div>`;
}

/** A table as aligned plain text. */
export function tableText(table: AnyTable, options: TableOptions = {}): string {
  const grid = gridOf(table, options);
  const widths = grid.names.map((name, i) =>
    largest([name.length, 1, ...grid.cells.map((row) => row[i].length)]),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (grid.numeric[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join("  ")
      .trimEnd();
  const lines = grid.cells.map(line);
  if (grid.cut !== undefined) lines.splice(grid.cut, 0, line(grid.names.map(() => "…")));
  const text = [line(grid.names), ...lines];
  if (options.caption) text.unshift(printable(options.caption));
  return [...text, ...grid.notes].join("\n");
}

/** Columns shown at most, the first ones; characters shown of a name or a cell. */
const SHOWN = { columns: 60, name: 200, cell: 300 } as const;

function gridOf(table: AnyTable, { rows: limit = 12, digits }: TableOptions): Grid {
  const { names: all, total, cell } = access(table);
  const names = all.slice(0, SHOWN.columns);
  const shown = Math.min(total, Math.max(1, limit));
  const head = total > shown ? Math.ceil(shown / 2) : shown;
  const indices = Array.from({ length: shown }, (_, i) => (i < head ? i : total - shown + i));
  const formats = names.map((name) =>
    columnFormat(
      indices.map((row) => cell(name, row)),
      digits,
    ),
  );
  return {
    names: names.map((name) => printable(name, SHOWN.name)),
    numeric: formats.map((format) => format.numeric),
    cells: indices.map((row) =>
      names.map((name, i) => printable(formats[i].format(cell(name, row)), SHOWN.cell)),
    ),
    cut: total > shown ? head : undefined,
    notes: [
      ...(total > shown ? [`${shown} of ${total} rows`] : []),
      ...(all.length > names.length ? [`${names.length} of ${all.length} columns`] : []),
    ],
  };
}

/** One way of reading all kinds of tables. */
export interface TableAccess {
  readonly names: readonly string[];
  readonly total: number;
  cell(name: string, row: number): unknown;
}

/** Names, length and cells of a table of any kind. */
export function access(table: AnyTable): TableAccess {
  if (isArquero(table)) {
    return { names: table.columnNames(), total: table.numRows(), cell: (name, row) => table.get(name, row) };
  }
  if (isDanfo(table)) {
    const values = table.values as unknown[][];
    const place = new Map(table.columns.map((name, i) => [name, i]));
    const rowNames = table.index?.some((name) => typeof name === "string") ? table.index : undefined;
    return {
      names: rowNames ? ["", ...table.columns] : table.columns,
      total: table.shape[0],
      cell: (name, row) => (rowNames && name === "" ? rowNames[row] : values[row][place.get(name) ?? -1]),
    };
  }
  const rows = table as readonly Record<string, unknown>[];
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return { names, total: rows.length, cell: (name, row) => rows[row][name] };
}

function isArquero(value: unknown): value is ArqueroLike {
  return has(value, "numRows") && has(value, "columnNames") && typeof value.numRows === "function";
}

function isDanfo(value: unknown): value is DanfoLike {
  return has(value, "columns") && has(value, "shape") && has(value, "values") && Array.isArray(value.shape);
}

function has<Key extends string>(value: unknown, key: Key): value is { [K in Key]: unknown } {
  return typeof value === "object" && value !== null && key in value;
}
