import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Config } from "../core/config.js";
import { DataError, messageOf, StoreError } from "../core/errors.js";
import { writeFileAtomic } from "../core/files/atomic.js";
import { codeOf, storeError } from "../core/files/io-error.js";

/** Where a run or a study stands. "interrupted" can be resumed; so can "failed", once its cause is gone. */
export type Status = "running" | "interrupted" | "finished" | "failed";

/** What every record has: its kind may add fields. */
export interface FolderRecord {
  /** Version of the folder's layout. */
  readonly format: number;
  /** The folder's name. */
  readonly id: string;
  readonly status: Status;
  /** ISO 8601 times. */
  readonly created: string;
  readonly finished?: string;
  /** Seconds, by what they were spent on. */
  readonly timings: Readonly<Record<string, number>>;
  /** Why it failed. */
  readonly failure?: string;
}

/** A kind of folder: one that holds a JSON record, `rows.jsonl`, and places (folders in it) whose files are written whole. */
export interface FolderKind {
  /** What errors call it: "run". */
  readonly name: string;
  /** Many of it: "runs". */
  readonly plural: string;
  /** The file that holds its record: "run.json". */
  readonly file: string;
  readonly format: number;
  /** What brings records of a smaller format up to date. */
  readonly older?: string;
  /** The fields that its record must have, besides those of `FolderRecord`, and their types. */
  readonly fields: Readonly<Record<string, FieldType>>;
  /** The name that a record with all its fields gives its folder: content that was tampered with is noticed. */
  readonly nameOf?: (record: Readonly<Record<string, unknown>>) => string;
  readonly places: readonly string[];
  /** What can be gone on from where the record was lost: "the last checkpoint". */
  readonly rest: string;
}

/** The type of a record's field, as errors name it. */
export type FieldType = keyof typeof FIELD_TYPES;

const STATUSES: readonly unknown[] = ["running", "interrupted", "finished", "failed"] satisfies Status[];

const FIELD_TYPES = {
  text: (value: unknown) => typeof value === "string",
  "a whole number": Number.isSafeInteger,
  "an object": isObject,
  "a list": Array.isArray,
};

/** Writes the record of a folder that is there, atomically. @throws StoreError */
export function writeRecordOf(kind: FolderKind, folder: string, record: FolderRecord): void {
  writeFileAtomic(join(folder, kind.file), `${JSON.stringify(record, null, 2)}\n`, folder);
}

/**
 * Reads the record of a folder as it was written; undefined if there is none.
 * @throws DataError naming the file, what is wrong and what to do; StoreError if it cannot be read
 */
export function readRecordOf<R extends FolderRecord>(kind: FolderKind, folder: string): R | undefined {
  const path = join(folder, kind.file);
  let text: string;
  try {
    text = fs.readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw storeError("read", path, error);
  }
  let record: unknown;
  try {
    record = JSON.parse(text);
  } catch (error) {
    throw damaged(kind, path, "JSON", messageOf(error));
  }
  checkFields(kind, path, record);
  return record as R;
}

/** An error for a record that cannot be used: it says how to go on without losing anything. */
export function damaged(kind: FolderKind, path: string, expected: string, found: string): DataError {
  const way =
    `Nothing was changed. Repair the file, or open the ${kind.name} with { setAsideDamaged: true }: it renames the file to ` +
    `${kind.file}.damaged-<n> and goes on from ${kind.rest} in ${dirname(path)}`;
  return new DataError(`${path}: expected ${expected}, found ${found}. ${way}`);
}

/**
 * Checks a stored configuration against the one that is asked for under the same name: they differ where a default was
 * changed since. Fields that the stored one does not have say nothing.
 * @param owner whose defaults they are: "task vgg"
 * @throws StoreError naming the fields that differ
 */
export function checkUnchanged(
  { name, plural }: FolderKind,
  folder: string,
  [stored, asked]: readonly [Config, Config],
  owner: string,
): void {
  const differing = Object.keys(asked).filter(
    (key) => Object.hasOwn(stored, key) && stored[key] !== asked[key],
  );
  if (differing.length === 0) return;
  const list = (config: Config): string => differing.map((key) => `${key} = ${config[key]}`).join(", ");
  throw new StoreError(
    `${folder}: expected a ${name} with ${list(asked)}, found one with ${list(stored)}: a default of ${owner} was ` +
      `changed since. Move that folder away, or use another ${plural} folder`,
  );
}

function checkFields(kind: FolderKind, path: string, record: unknown): void {
  if (!isObject(record)) throw damaged(kind, path, "an object", describe(record));
  if (record.format !== kind.format) {
    const expected = `format ${kind.format}, which this version reads`;
    const way = Number(record.format) < kind.format && kind.older ? ` (${kind.older})` : "";
    throw damaged(kind, path, expected, `format ${describe(record.format)}${way}`);
  }
  const check = (field: string, right: boolean, expected: string): void => {
    if (!right) throw damaged(kind, path, `${expected} as "${field}"`, describe(record[field]));
  };
  const fields: FolderKind["fields"] = { ...kind.fields, created: "text", timings: "an object" };
  for (const [field, type] of Object.entries(fields)) check(field, FIELD_TYPES[type](record[field]), type);
  check("status", STATUSES.includes(record.status), `one of ${STATUSES.join(", ")}`);
  const name = basename(dirname(path));
  check("id", record.id === name, `the folder's name ${name}`);
  const content = kind.nameOf?.(record) ?? name;
  if (content !== name) throw damaged(kind, path, `content whose name is ${name}`, `that of ${content}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function describe(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value).slice(0, 80);
}
