/** A table by columns and cells, of any make. */
export interface CellTable {
  readonly names: readonly string[];
  readonly total: number;
  cell(name: string, row: number): unknown;
}

/**
 * A table as CSV (RFC 4180: comma, CRLF, quotes doubled), numbers in full precision, missing values empty.
 * NaN and infinities are written as NaN, Infinity and -Infinity.
 */
export function toCsv(table: CellTable): string {
  const lines = [table.names.map(field).join(",")];
  for (let row = 0; row < table.total; row++) {
    lines.push(table.names.map((name) => field(table.cell(name, row))).join(","));
  }
  return lines.map((line) => `${line}\r\n`).join("");
}

function field(value: unknown): string {
  if (value === null || value === undefined) return "";
  const text = value instanceof Date ? value.toISOString() : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
