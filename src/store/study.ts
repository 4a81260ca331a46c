import * as fs from "node:fs";
import { join } from "node:path";
import type { NamedArrays } from "../core/array.js";
import { changedFields, type Config } from "../core/config.js";
import { DataError } from "../core/errors.js";
import { storeError } from "../core/files/io-error.js";
import { hashOf } from "../core/hash.js";
import type { Code } from "./code.js";
import { foldersIn } from "./find-runs.js";
import { currentRecord, openFolder, rowsPath, type OpenFolder, type OpenOptions } from "./folder.js";
import { checkUnchanged, type FolderKind, type FolderRecord } from "./record-file.js";
import type { RunRecord } from "./record.js";
import { encodeRow, readRows, truncateRows, type Row } from "./rows.js";
import { openSafetensors, readSafetensors, writeSafetensors } from "./safetensors.js";

/** The weights of a run at a step, as a study's record names them. */
export interface StudyInput {
  /** The run's id. */
  readonly run: string;
  readonly task: string;
  /** Optimiser steps. */
  readonly step: number;
  /** What was done to the weights before they were looked at; absent: nothing. */
  readonly edit?: string;
  /** The run's seed and data, for the reader. The run's id stands for them already. */
  readonly seed: number;
  readonly data: RunRecord["data"];
}

/** What makes a study that study. */
export interface StudyIdentity {
  /** What is computed: "agreement". */
  readonly kind: string;
  /** Of which weights; the order counts. */
  readonly inputs: readonly StudyInput[];
  /** All parameters. Whatever does not change a number (threads, folders) is none. */
  readonly parameters: Config;
  /** The kind's own defaults. */
  readonly defaults: Config;
}

/** What is known about a study: the content of its study.json. */
export interface StudyRecord extends FolderRecord {
  readonly kind: string;
  readonly inputs: readonly StudyInput[];
  readonly parameters: Config;
  /** The parameters that differ from the kind's defaults. */
  readonly changed: Config;
  /** That last worked on it. */
  readonly code: Code;
}

/** The part of a record that changes while a study goes on. */
export type StudyChanges = Partial<Pick<StudyRecord, "status" | "finished" | "failure" | "timings" | "code">>;

/** A study as tables and figures read it. */
export interface StudyReader {
  /** Where it lies. */
  readonly folder: string;
  readonly record: StudyRecord;
  /** Whole rows, in the order of parts; the first column is `part`. @throws DataError for a damaged row */
  rows(): readonly Row[];
  /**
   * Arrays of a part.
   * @param names which ones; default all
   * @throws DataError if the file or a name is missing or damaged
   */
  readArrays(part: string, names?: readonly string[]): NamedArrays;
}

/**
 * A study that this process computes, part by part. A process killed at any instant leaves one that `resume` puts back
 * to its last whole part, so that it ends with the same bytes as without the interruption.
 */
export interface Study extends StudyReader {
  /** Changes the record. @throws StoreError */
  update(changes: StudyChanges): void;
  /**
   * Writes what a part found: its arrays, then its rows in one append, with the column `part` in front.
   * @param rows at least one
   * @throws StoreError, and then everything written before is there; DataError for a row that cannot be written
   */
  writePart(part: string, rows: readonly Row[], arrays?: NamedArrays): void;
  /**
   * Keeps the parts at the head of the list that are whole, and drops all rows and arrays after them.
   * @param parts all parts, each once, in their order
   * @returns those that are to be computed
   * @throws StoreError
   */
  resume(parts: readonly string[]): readonly string[];
  /** Gives the study back. Writing to it afterwards is an error. */
  close(): void;
}

const STUDY: FolderKind = {
  name: "study",
  plural: "studies",
  file: "study.json",
  format: 1,
  fields: {
    kind: "text",
    inputs: "a list",
    parameters: "an object",
    changed: "an object",
    code: "an object",
  },
  places: ["parts"],
  rest: "the parts",
};

const ROWS = "rows"; // in the metadata of a part's file: how many rows belong to it

/**
 * The name of a study: a hash of its kind, its inputs (run, task, step, edit) and the parameters that differ from the
 * kind's defaults. A parameter that is added later changes no name.
 * @returns 12 hexadecimal digits
 */
export function studyId({ kind, inputs, parameters, defaults }: StudyIdentity): string {
  const named = inputs.map(({ run, task, step, edit }) => ({ run, task, step, ...(edit && { edit }) }));
  return hashOf({ kind, inputs: named, changed: changedFields(parameters, defaults) });
}

/** Where a study lies: <root>/<kind>/<id>. */
export function studyFolder(root: string, identity: StudyIdentity): string {
  return join(root, identity.kind, studyId(identity));
}

/**
 * Opens the study of an identity under `root` for computing, a new one or one that was left, and locks it.
 * @throws StoreError if another process has it, the folder cannot be written, or it was computed with other defaults
 * @throws DataError if its study.json is damaged or missing (see `setAsideDamaged`)
 */
export function openStudy(
  root: string,
  identity: StudyIdentity,
  code: Code,
  options: OpenOptions = {},
): Study {
  const folder = studyFolder(root, identity);
  const opened = openFolder<StudyRecord>(STUDY, folder, {
    ...options,
    create: () => newRecord(identity, code),
    check: (stored) => checkSameParameters(folder, stored, identity),
  });
  return writableStudy(folder, opened);
}

/** The study of an identity under `root`, for reading; undefined if there is none. @throws as openStudy */
export function findStudy(root: string, identity: StudyIdentity): StudyReader | undefined {
  const folder = studyFolder(root, identity);
  if (!isStudy(folder)) return undefined;
  const study = readStudy(folder);
  checkSameParameters(folder, study.record, identity);
  return study;
}

/**
 * All studies of a kind under some folder, for reading.
 * @param kind default all kinds
 * @returns in order of kind and creation
 * @throws DataError naming a damaged study.json; StoreError if a folder cannot be read
 */
export function findStudies(root: string, kind?: string): StudyReader[] {
  const kinds = kind === undefined ? foldersIn(root).sort() : [kind];
  return kinds.flatMap((name) => {
    const folders = foldersIn(join(root, name)).map((id) => join(root, name, id));
    const studies = folders.filter(isStudy).map(readStudy);
    return studies.sort(({ record: a }, { record: b }) => Date.parse(a.created) - Date.parse(b.created));
  });
}

/**
 * Opens a study for reading: takes no lock and writes nothing. One whose process was killed reads as "interrupted".
 * @throws StoreError if there is none in the folder; DataError if its study.json is damaged
 */
export function readStudy(folder: string): StudyReader {
  return { record: currentRecord(STUDY, folder), ...readerOf(folder) };
}

function isStudy(folder: string): boolean {
  return fs.existsSync(join(folder, STUDY.file));
}

function readerOf(folder: string): Omit<StudyReader, "record"> {
  return {
    folder,
    rows: () => readRows(rowsPath(folder)).rows,
    readArrays: (part, names) => readSafetensors(partFile(folder, part), names).arrays,
  };
}

function newRecord({ kind, inputs, parameters, defaults }: StudyIdentity, code: Code): StudyRecord {
  return {
    format: STUDY.format,
    id: studyId({ kind, inputs, parameters, defaults }),
    kind,
    inputs,
    parameters,
    changed: changedFields(parameters, defaults),
    status: "running",
    created: new Date().toISOString(),
    code,
    timings: {},
  };
}

function checkSameParameters(folder: string, stored: StudyRecord, asked: StudyIdentity): void {
  checkUnchanged(STUDY, folder, [stored.parameters, asked.parameters], asked.kind);
}

function writableStudy(folder: string, opened: OpenFolder<StudyRecord>): Study {
  const { update, appendRows, mustBeOurs, close, warn } = opened;
  return {
    ...readerOf(folder),
    get record() {
      return opened.record;
    },
    update,
    close,
    writePart(part, rows, arrays = new Map()) {
      mustBeOurs();
      if (rows.length === 0 || rows.some((row) => "part" in row)) {
        const found = rows.length === 0 ? "none" : "one that has it already";
        throw new RangeError(`study part "${part}": expected rows without a column "part", found ${found}`);
      }
      writeSafetensors(partFile(folder, part), arrays, { [ROWS]: String(rows.length) }, folder);
      appendRows(rows.map((row) => ({ part, ...row })));
    },
    resume(parts) {
      mustBeOurs();
      if (new Set(parts).size !== parts.length)
        throw new RangeError(`study ${folder}: expected each part once, found ${parts.join(", ")}`);
      const { done, bytes } = wholeParts(folder, parts, warn);
      truncateRows(rowsPath(folder), bytes);
      dropOthers(folder, parts.slice(0, done));
      return parts.slice(done);
    },
  };
}

// Which file holds the arrays of a part: its name, with "/" and other signs as in URLs.
function partFile(folder: string, part: string): string {
  return join(folder, "parts", partName(part));
}

function partName(part: string): string {
  return `${encodeURIComponent(part).replaceAll("*", "%2A")}.safetensors`;
}

// How many parts at the head of the list have their file and all rows, and how many bytes these rows take.
function wholeParts(
  folder: string,
  parts: readonly string[],
  warn: (message: string) => void,
): { readonly done: number; readonly bytes: number } {
  const { rows } = readRows(rowsPath(folder));
  let [done, kept] = [0, 0];
  for (; done < parts.length && rows[kept]?.part === parts[done]; done++) {
    const end = kept + rowsOfPart(partFile(folder, parts[done]), warn);
    const whole = end > kept && end <= rows.length;
    if (!whole || rows.slice(kept, end).some(({ part }) => part !== parts[done])) break;
    kept = end;
  }
  const lines = rows.slice(0, kept).map((row) => `${encodeRow(row)}\n`);
  return { done, bytes: Buffer.byteLength(lines.join("")) };
}

// How many rows belong to a part, as its file says; NaN where there is no whole file.
function rowsOfPart(path: string, warn: (message: string) => void): number {
  try {
    const file = openSafetensors(path);
    file.close();
    return Number(file.metadata[ROWS]);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    warn(`${error.message}; computing this part and those after it again`);
    return NaN;
  }
}

function dropOthers(folder: string, parts: readonly string[]): void {
  const kept = new Set(parts.map(partName));
  const place = join(folder, "parts");
  const names = fs.existsSync(place) ? fs.readdirSync(place) : [];
  for (const name of names.filter((name) => name.endsWith(".safetensors") && !kept.has(name))) {
    try {
      fs.rmSync(join(place, name));
    } catch (error) {
      throw storeError("remove", join(place, name), error);
    }
  }
}
