import * as fs from "node:fs";
import { DataError, messageOf } from "../core/errors.js";
import { writeAll } from "../core/files/atomic.js";
import { codeOf, storeError } from "../core/files/io-error.js";
import { printable } from "../core/printable.js";
import { fields, finite, text, whole } from "../core/schema.js";
import { type Statement, statedRows } from "./statement.js";

/** One measured row: a flat object, in a fixed order of keys. */
export type Row = Readonly<Record<string, number | string | boolean | null>>;

/** The rows of a file, and what was ignored. */
export interface RowsFile {
  readonly rows: readonly Row[];
  /** Bytes of the whole lines: where an append continues. */
  readonly bytes: number;
  /** Bytes after the last whole line: an append that was cut short. 0 in a file that was closed in order. */
  readonly tornBytes: number;
}

// JSON has no NaN or infinity; these strings stand for them. Python's float() and pandas.read_json(lines=True) read
// them as the numbers they are, and every strict JSON reader still reads the file.
const NON_FINITE: ReadonlyMap<string, number> = new Map([
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
]);

const name = text();

/** The columns that probes and studies of ours have in common, where a row has them. Other columns hold any plain value. */
const COLUMNS = fields({
  "step?": whole(),
  "epoch?": finite(0),
  "depth?": whole(),
  "probe?": name,
  "split?": name,
  "variant?": name,
  "metric?": name,
  "matrix?": name,
  "contact?": name,
  "part?": name,
});

const MOST_TEXT = 10_000; // characters of a text in any other column

/**
 * One line of JSON for a row, without the line end. NaN, Infinity and -Infinity become the strings of those names.
 * @throws DataError if a value is nested, undefined, or one of those three strings (it would come back as a number)
 */
export function encodeRow(row: Row): string {
  checkColumns("row", row);
  const encoded = Object.entries(row).map(([key, value]) => {
    if (typeof value === "number" && !Number.isFinite(value)) return [key, String(value)];
    checkText("row", key, value);
    const isText = typeof value === "string" && !NON_FINITE.has(value);
    if (value === null || isText || typeof value === "number" || typeof value === "boolean")
      return [key, value];
    const found = typeof value === "string" ? JSON.stringify(value) : `${typeof value} ${String(value)}`;
    throw new DataError(
      `row field ${JSON.stringify(key)}: expected a number, text, boolean or null, found ${found}`,
    );
  });
  return `{${encoded.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",")}}`;
}

/**
 * Appends rows as JSON lines and flushes them to the disk: once it returns they survive a power cut. If it fails, the
 * file is cut back to what it was.
 * @throws StoreError naming the file; DataError for a row that cannot be written (then none is)
 */
export function appendRows(path: string, rows: readonly Row[]): void {
  if (rows.length === 0) return;
  const lines = rows.map((row) => `${encodeRow(row)}\n`).join("");
  try {
    const file = fs.openSync(path, "a");
    const before = fs.fstatSync(file).size;
    try {
      writeAll(file, lines);
      fs.fsyncSync(file);
    } catch (error) {
      fs.ftruncateSync(file, before);
      throw error;
    } finally {
      fs.closeSync(file);
    }
  } catch (error) {
    throw storeError("append to", path, error);
  }
}

/**
 * All whole rows of a file; none if it does not exist. A last line without a line end is an append that was cut short:
 * it is ignored and counted in `tornBytes`.
 * @param statement of the finished folder that holds the file: then only what is stated is read, and compared first
 * @throws DataError naming the file and line of a damaged row, or the file that is not what is stated; StoreError if the file cannot be read
 */
export function readRows(path: string, statement?: Statement): RowsFile {
  const found = readContent(path);
  const content = statement ? statedRows(path, found, statement) : found;
  const bytes = content.lastIndexOf(0x0a) + 1;
  const lines = content.subarray(0, bytes).toString("utf8").split("\n").slice(0, -1);
  const rows = lines.map((line, index) => decodeRow(line, `${path} line ${index + 1}`));
  return { rows, bytes, tornBytes: content.length - bytes };
}

/**
 * The rows of a file up to the first that is damaged.
 * @param warn told which one that is
 * @throws StoreError if the file cannot be read
 */
export function soundRows(path: string, warn: (message: string) => void): readonly Row[] {
  const lines = readContent(path).toString("utf8").split("\n").slice(0, -1);
  const rows: Row[] = [];
  for (const [index, line] of lines.entries()) {
    try {
      rows.push(decodeRow(line, `${path} line ${index + 1}`));
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      warn(`${error.message}; dropped from there on`);
      break;
    }
  }
  return rows;
}

/**
 * Cuts a file back to its first `bytes` bytes, where a line must end, and flushes it.
 * @throws DataError if the file is shorter or no line ends there; StoreError if it cannot be changed
 */
export function truncateRows(path: string, bytes: number): void {
  const content = readContent(path);
  if (content.length < bytes) {
    throw new DataError(`${path}: expected at least ${bytes} bytes of rows, found ${content.length}`);
  }
  if (bytes > 0 && content[bytes - 1] !== 0x0a)
    throw new DataError(`${path}: expected a line to end at byte ${bytes}`);
  if (content.length === bytes) return;
  try {
    const file = fs.openSync(path, "r+");
    try {
      fs.ftruncateSync(file, bytes);
      fs.fsyncSync(file);
    } finally {
      fs.closeSync(file);
    }
  } catch (error) {
    throw storeError("cut back", path, error);
  }
}

function decodeRow(line: string, place: string): Row {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new DataError(
      `${place}: expected one JSON object, found damage (${printable(messageOf(error), 200)})`,
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new DataError(`${place}: expected one JSON object, found ${printable(line, 80)}`);
  }
  const decoded = Object.entries(value).map(([key, field]: [string, unknown]) => {
    checkField(place, key, field);
    return [key, typeof field === "string" ? (NON_FINITE.get(field) ?? field) : field];
  });
  const row = Object.fromEntries(decoded) as Row;
  checkColumns(place, row);
  return row;
}

function checkField(place: string, key: string, value: unknown): void {
  checkText(place, key, value);
  const fail = (expected: string): never => {
    throw new DataError(`${place}: expected ${expected}, found another under "${printable(key, 80)}"`);
  };
  if (typeof value === "object" && value !== null) fail("plain values");
  if (typeof value === "number" && !Number.isFinite(value)) fail("numbers that a double can hold");
}

function checkText(place: string, key: string, value: unknown): void {
  if (key === "__proto__" || key.length > 200) {
    throw new DataError(`${place}: expected the name of a column, found "${printable(key, 80)}"`);
  }
  if (typeof value !== "string" || value.length <= MOST_TEXT) return;
  const found = `${value.length} under "${printable(key)}"`;
  throw new DataError(`${place}: expected texts of at most ${MOST_TEXT} characters, found ${found}`);
}

function checkColumns(place: string, row: Row): void {
  const flaw = COLUMNS(row);
  if (!flaw) return;
  throw new DataError(`${place}: expected ${flaw.expected} as "${flaw.place}", found ${flaw.found}`);
}

const MOST_BYTES = 2 ** 29 - 32; // the longest text that Node makes

/** The bytes of a file of rows; none if it does not exist. @throws DataError if it is too large; StoreError if it cannot be read */
export function readContent(path: string): Buffer {
  try {
    const stat = fs.statSync(path);
    if (stat.size > MOST_BYTES)
      throw new DataError(`${path}: expected at most ${MOST_BYTES} bytes of rows, found ${stat.size}`);
    if (!stat.isFile() && !stat.isDirectory())
      throw new DataError(`${path}: expected a file, found a device`);
    return fs.readFileSync(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return Buffer.alloc(0);
    throw storeError("read", path, error);
  }
}
