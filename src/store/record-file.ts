import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Config } from "../core/config.js";
import { DamagedError, messageOf, StoreError } from "../core/errors.js";
import { writeFileAtomic } from "../core/files/atomic.js";
import { codeOf, storeError } from "../core/files/io-error.js";
import { printable } from "../core/printable.js";
import {
  excerpt,
  fields,
  finite,
  isDeeper,
  isObject,
  named,
  oneOf,
  type Rule,
  text,
  time,
} from "../core/schema.js";
import { type Statement, statementRule } from "./statement.js";

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
  /** What a finished folder holds; missing in records that were finished before there was such a statement. */
  readonly files?: Statement;
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
  /** What its record must be, besides what is true of every `FolderRecord`. */
  readonly fields: Readonly<Record<string, Rule>>;
  /** The name that a record with all its fields gives its folder: content that was tampered with is noticed. */
  readonly nameOf?: (record: Readonly<Record<string, unknown>>) => string;
  readonly places: readonly string[];
  /** Those of the places whose files belong to the result. */
  readonly kept: readonly string[];
  /** What can be gone on from where the record was lost: "the last checkpoint". */
  readonly rest: string;
}

const STATUSES: readonly Status[] = ["running", "interrupted", "finished", "failed"];

/** What every record must be. */
const COMMON: FolderKind["fields"] = {
  id: text(200),
  status: oneOf(...STATUSES),
  created: time,
  "finished?": time,
  timings: named(finite()),
  "failure?": text(100_000),
  "files?": statementRule,
};

const MOST_BYTES = 64 * 2 ** 20; // of a record: one with the sums of 100,000 files has 13 MiB
const MOST_LEVELS = 100; // of objects and lists inside each other, in fields that nobody here knows too
const MOST_FAILURE = 10_000; // characters of a message that are kept

/**
 * Writes the record of a folder that is there, atomically. One that says "finished" is never made to say anything else: a finished
 * folder is only moved aside as a whole.
 * @throws StoreError
 */
export function writeRecordOf(kind: FolderKind, folder: string, record: FolderRecord): void {
  const path = join(folder, kind.file);
  if (record.status !== "finished" && statusIn(path) === "finished") {
    throw new StoreError(
      `${path}: this ${kind.name} is finished: it cannot become ${record.status}. Only training it again on purpose ` +
        `(--retrain) moves it aside`,
    );
  }
  const failure = record.failure?.slice(0, MOST_FAILURE);
  writeFileAtomic(path, `${JSON.stringify({ ...record, failure }, null, 2)}\n`, folder);
}

/** What a record says of its status, however damaged the rest may be; undefined if it says nothing. */
function statusIn(path: string): unknown {
  try {
    return (JSON.parse(fs.readFileSync(path, "utf8").replace(/^\ufeff/, "")) as Partial<FolderRecord> | null)
      ?.status;
  } catch {
    return undefined;
  }
}

/**
 * Reads the record of a folder as it was written; undefined if there is none.
 * @throws DataError naming the file, what is wrong and what to do; StoreError if it cannot be read
 */
export function readRecordOf<R extends FolderRecord>(kind: FolderKind, folder: string): R | undefined {
  const path = join(folder, kind.file);
  let content: string;
  try {
    const stat = fs.statSync(path);
    const { size } = stat;
    if (!stat.isFile()) throw damaged(kind, path, "a file", "a folder or device");
    if (size > MOST_BYTES) throw damaged(kind, path, `at most ${MOST_BYTES} bytes`, `${size} bytes`);
    content = fs.readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw storeError("read", path, error);
  }
  let record: unknown;
  try {
    record = JSON.parse(content.replace(/^\ufeff/, "")); // some editors put a mark in front
  } catch (error) {
    throw damaged(kind, path, "JSON", printable(messageOf(error), 200));
  }
  checkFields(kind, path, record);
  return record as R;
}

/** An error for a record that cannot be used: it says how to go on without losing anything. */
export function damaged(kind: FolderKind, path: string, expected: string, found: string): DamagedError {
  const way =
    `Nothing was changed. Repair the file; or open the ${kind.name} with { setAsideDamaged: true }: it renames the file to ` +
    `${kind.file}.damaged-<n> and goes on from ${kind.rest}; or set the folder aside, so that it is made anew: ` +
    `spectral runs set-aside ${dirname(path)}`;
  return new DamagedError(`${path}: expected ${expected}, found ${found}. ${way}`);
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
  if (!isObject(record)) throw damaged(kind, path, "an object", excerpt(record));
  if (record.format !== kind.format) {
    const expected = `format ${kind.format}, which this version reads`;
    const way = Number(record.format) < kind.format && kind.older ? ` (${kind.older})` : "";
    throw damaged(kind, path, expected, `format ${excerpt(record.format)}${way}`);
  }
  const flaw = fields({ ...kind.fields, ...COMMON })(record);
  if (flaw) throw damaged(kind, path, `${flaw.expected} as "${flaw.place}"`, flaw.found);
  if (isDeeper(record, MOST_LEVELS)) throw damaged(kind, path, `at most ${MOST_LEVELS} levels`, "more");
  const name = basename(dirname(path));
  if (record.id !== name) throw damaged(kind, path, `the folder's name ${name} as "id"`, excerpt(record.id));
  const content = kind.nameOf?.(record) ?? name;
  if (content !== name) throw damaged(kind, path, `content whose name is ${name}`, `that of ${content}`);
}
