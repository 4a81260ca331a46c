import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { DamagedError, DataError } from "../core/errors.js";
import { type FileSum, sha256Of, sumOfFile } from "../core/files/hash-file.js";
import { codeOf, reasonOf, storeError } from "../core/files/io-error.js";
import { openSafetensors } from "./safetensors.js";
import { fields, named, type Rule, sha256, whole } from "../core/schema.js";

/**
 * What a finished folder holds, as its record states it: whoever reads a file of it compares. Files that are not stated
 * are no part of the result: an addition that was never completed.
 */
export interface Statement {
  /** `rows.jsonl`: its first so many bytes; what lies behind them is not stated. */
  readonly rows: FileSum & { readonly count: number };
  /** Every file of arrays by its path in the folder, "steps/20.safetensors". */
  readonly kept: Readonly<Record<string, FileSum>>;
}

const ROWS = "rows.jsonl";
const NAME = /^([a-z]+\/)?[^/\\\0]+\.safetensors$/; // a path inside the folder

/** What a statement in a record must be. */
export const statementRule: Rule = fields({
  rows: fields({ count: whole(), bytes: whole(), sha256 }),
  kept: (value) => {
    const flaw = named(fields({ bytes: whole(), sha256 }))(value);
    const stray = flaw ? undefined : Object.keys(value as object).find((name) => !NAME.test(name));
    if (stray === undefined) return flaw;
    return {
      place: "",
      expected: "names of files in this folder",
      found: JSON.stringify(stray.slice(0, 80)),
    };
  },
});

/** The name of the file of arrays in a committed result. */
export const RESULT_ARRAYS = "arrays.safetensors";

/**
 * The statement of a folder as it is now. Every file of arrays must be whole.
 * @param places folders in it whose files belong to the result
 * @throws DataError for a file that is damaged; StoreError if one cannot be read
 */
export function stateOf(folder: string, places: readonly string[]): Statement {
  const names = places.flatMap((place) => filesIn(folder, place));
  if (fs.existsSync(join(folder, RESULT_ARRAYS))) names.push(RESULT_ARRAYS);
  return {
    rows: sumOfRows(folder),
    kept: Object.fromEntries(names.map((name) => [name, sumOf(folder, name)])),
  };
}

/** A statement with the rows as they are now, and files that were added. @throws as `stateOf` */
export function restate({ kept }: Statement, folder: string, added: readonly string[]): Statement {
  const sums = added.map((name) => [name, sumOf(folder, name)] as const);
  return { rows: sumOfRows(folder), kept: { ...kept, ...Object.fromEntries(sums) } };
}

/** A name for more of what a stated file holds: the file itself is never replaced. "steps/20+1.safetensors" */
export function additionTo({ kept }: Statement, added: ReadonlySet<string>, name: string): string {
  let free = name;
  for (let n = 1; Object.hasOwn(kept, free) || added.has(free); n++)
    free = name.replace(/\.safetensors$/, `+${n}.safetensors`);
  return free;
}

/** The stated files of a step in a place, in the order in which they were written; by number. */
export function statedSteps({ kept }: Statement, place: string): Map<number, string[]> {
  const found: { step: number; addition: number; name: string }[] = [];
  for (const name of Object.keys(kept)) {
    const match = /^([a-z]+)\/(0|[1-9]\d{0,14})(?:\+(\d{1,9}))?\.safetensors$/.exec(name);
    if (match?.[1] === place) found.push({ step: Number(match[2]), addition: Number(match[3] ?? 0), name });
  }
  found.sort((a, b) => a.step - b.step || a.addition - b.addition);
  const steps = new Map<number, string[]>();
  for (const { step, name } of found) steps.set(step, [...(steps.get(step) ?? []), name]);
  return steps;
}

/**
 * Compares a file of arrays with what is stated of it.
 * @param thorough its content too, not only its length
 * @throws DataError naming the file, what is stated and what was found
 */
export function checkStated(folder: string, name: string, { kept }: Statement, thorough: boolean): void {
  const stated = Object.hasOwn(kept, name) ? kept[name] : undefined;
  if (stated === undefined) throw notAsStated(folder, name, "a stated file", "one that is not");
  const path = join(folder, name);
  const bytes = sizeOf(path);
  if (bytes !== stated.bytes) throw notAsStated(folder, name, `${stated.bytes} bytes`, sizeText(bytes));
  if (thorough) compareSums(folder, name, stated, sumOfFile(path));
}

/** Compares the length of the rows with what is stated: costs no reading. @throws DataError as `checkStated` */
export function checkRowsSize(folder: string, { rows }: Statement): void {
  const bytes = sizeOf(join(folder, ROWS));
  if (bytes === undefined || bytes < rows.bytes)
    throw notAsStated(folder, ROWS, `${rows.bytes} bytes`, sizeText(bytes));
}

/** The stated part of the content of a file of rows. @throws DataError as `checkStated` */
export function statedRows(path: string, content: Buffer, { rows }: Statement): Buffer {
  const folder = dirname(path);
  if (content.length < rows.bytes)
    throw notAsStated(folder, ROWS, `${rows.bytes} bytes`, sizeText(content.length));
  const stated = content.subarray(0, rows.bytes);
  const count = linesIn(stated);
  if (count !== rows.count) throw notAsStated(folder, ROWS, `${rows.count} rows`, `${count} rows`);
  compareSums(folder, ROWS, rows, { bytes: rows.bytes, sha256: sha256Of(stated) });
  return stated;
}

/** The error for a file of a finished folder that is not what its record states. */
function notAsStated(folder: string, name: string, expected: string, found: string): DamagedError {
  return new DamagedError(
    `${join(folder, name)}: expected ${expected}, as the finished record states, found ${found}: it was damaged since. ` +
      `\`spectral runs set-aside ${folder}\` renames the folder, and the command that made it makes it anew`,
  );
}

function compareSums(folder: string, name: string, stated: FileSum, found: FileSum): void {
  if (found.sha256 === stated.sha256) return;
  const short = ({ sha256 }: FileSum): string => `SHA-256 ${sha256.slice(0, 16)}…`;
  throw notAsStated(folder, name, `${stated.bytes} bytes of ${short(stated)}`, short(found));
}

function sizeText(bytes: number | undefined): string {
  return bytes === undefined ? "no such file" : `${bytes} bytes`;
}

function sumOfRows(folder: string): Statement["rows"] {
  const path = join(folder, ROWS);
  let content: Buffer;
  try {
    content = fs.readFileSync(path);
  } catch (error) {
    throw storeError("read", path, error);
  }
  return { count: linesIn(content), bytes: content.length, sha256: sha256Of(content) };
}

function linesIn(content: Buffer): number {
  let count = 0;
  for (let at = content.indexOf(0x0a); at >= 0; at = content.indexOf(0x0a, at + 1)) count++;
  return count;
}

function sumOf(folder: string, name: string): FileSum {
  openSafetensors(join(folder, name)).close(); // its header covers its length
  return sumOfFile(join(folder, name));
}

function filesIn(folder: string, place: string): string[] {
  try {
    const names = fs.readdirSync(join(folder, place)).filter((name) => /^[^.].*\.safetensors$/.test(name));
    return names.sort().map((name) => `${place}/${name}`);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw storeError("list", join(folder, place), error);
  }
}

function sizeOf(path: string): number | undefined {
  try {
    return fs.statSync(path).size;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw new DataError(`cannot read ${path}: ${reasonOf(error)}`, { cause: error });
  }
}
