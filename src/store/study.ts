import * as fs from "node:fs";
import { join } from "node:path";
import type { NamedArrays, NdArray } from "../core/array.js";
import { changedFields, type Config } from "../core/config.js";
import { DataError, StoreError } from "../core/errors.js";
import { writeFileAtomic } from "../core/files/atomic.js";
import { storeError } from "../core/files/io-error.js";
import { hashOf } from "../core/hash.js";
import { checksumOf } from "./checksum.js";
import type { Code } from "./code.js";
import { foldersIn, recordedIn, unlessDamaged } from "./find-runs.js";
import {
  currentRecord,
  openFolder,
  rowsOf,
  rowsPath,
  warnOnce,
  type OpenFolder,
  type OpenOptions,
} from "./folder.js";
import { openPacked } from "./packed.js";
import { checkUnchanged, type FolderKind, type FolderRecord, writeRecordOf } from "./record-file.js";
import type { RunRecord } from "./record.js";
import { codeRule, configRule, dataRule, nameRule } from "./record-rules.js";
import { isResult } from "./results.js";
import { encodeRow, soundRows, type Row } from "./rows.js";
import { readSafetensors, writeSafetensors } from "./safetensors.js";
import { fields, list, text, whole } from "../core/schema.js";
import { checkStated, RESULT_ARRAYS, stateOf } from "./statement.js";

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
  /** The engines that decomposed matrices for it, in the order in which they were first used; absent: none did. */
  readonly svd?: readonly string[];
  /** The backends that evaluated networks for it, likewise. */
  readonly backend?: readonly string[];
}

/** The part of a record that changes while a study goes on. */
export type StudyChanges = Partial<
  Pick<StudyRecord, "status" | "finished" | "failure" | "timings" | "code" | "svd" | "backend">
>;

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

/** A study's folder. */
export const STUDY: FolderKind = {
  name: "study",
  plural: "studies",
  file: "study.json",
  format: 1,
  fields: {
    kind: nameRule,
    inputs: list(
      fields({
        run: nameRule,
        task: nameRule,
        step: whole(),
        "edit?": text(10_000),
        seed: whole(-Infinity),
        "data?": dataRule,
      }),
    ),
    parameters: configRule,
    changed: configRule,
    code: codeRule,
    "svd?": list(text()),
    "backend?": list(text()),
  },
  places: ["parts"],
  kept: ["parts"],
  rest: "the parts",
};

// In the metadata of a part's file: how many rows belong to it, and the sum of its arrays and these rows.
const ROWS = "rows";
const SHA256 = "sha256";

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
 * @param onLeftOut told of every one that is left out because it is damaged; default a process warning, once for each
 * @throws StoreError if `root` cannot be read
 */
export function findStudies(
  root: string,
  kind?: string,
  { onLeftOut = warnOnce }: { readonly onLeftOut?: (message: string) => void } = {},
): StudyReader[] {
  const kinds = kind === undefined ? foldersIn(root, onLeftOut).sort() : [kind];
  return kinds.flatMap((name) => {
    const folders = recordedIn(STUDY, join(root, name), onLeftOut);
    const studies = folders.flatMap((folder) => unlessDamaged(onLeftOut, () => openFound(folder)) ?? []);
    return studies.sort(({ record: a }, { record: b }) => Date.parse(a.created) - Date.parse(b.created));
  });
}

function openFound(folder: string): StudyReader {
  const study = readStudy(folder);
  if (study.record.status === "finished") study.rows(); // studies are few and small
  return study;
}

/**
 * Opens a study for reading, or what `exportStudy` kept of one: takes no lock and writes nothing. One whose process was
 * killed reads as "interrupted".
 * @throws StoreError if there is none in the folder; DataError if its study.json is damaged
 */
export function readStudy(folder: string): StudyReader {
  const record = currentRecord<StudyRecord>(STUDY, folder);
  const study = { record, ...readerOf(folder, () => record) };
  if (!isResult(folder)) return study;
  const valid = (place: string): boolean => !place.includes("/");
  const packed = openPacked(folder, record.files, { valid, noun: "part", example: "matrix%2Fa/agreement/a" });
  return {
    ...study,
    readArrays(part, names) {
      const place = placeOf(part);
      const none = names === undefined && !packed.names.has(place);
      if (none && study.rows().some((row) => String(row.part) === part)) return new Map(); // its arrays were left out
      return packed.read(place, names);
    },
  };
}

/**
 * Copies the compact part of a finished study to <root>/<kind>/<id>: its record (without the paths of its data), all rows, and
 * chosen arrays in one file. `readStudy` reads it back as the same study.
 * @param arrays which ones; default none
 * @returns the folder
 * @throws StoreError if the study is not finished or the folder cannot be written
 */
export function exportStudy(
  study: StudyReader,
  root: string,
  { arrays = () => false }: { readonly arrays?: (name: string) => boolean } = {},
): string {
  const { record } = study;
  if (record.status !== "finished") {
    throw new StoreError(`exportStudy: expected a finished study, found ${study.folder} ${record.status}`);
  }
  const folder = join(root, record.kind, record.id);
  const rows = study.rows();
  const packed = new Map<string, NdArray>();
  for (const part of new Set(rows.map((row) => String(row.part)))) {
    for (const [name, array] of study.readArrays(part)) {
      if (arrays(name)) packed.set(`${placeOf(part)}/${name}`, array);
    }
  }
  writeSafetensors(join(folder, RESULT_ARRAYS), packed);
  writeFileAtomic(rowsPath(folder), linesOf(rows));
  const inputs = record.inputs.map((input) => ({ ...input, data: { ...input.data, source: undefined } }));
  const kept: StudyRecord = { ...record, inputs, files: stateOf(folder, []) };
  writeRecordOf(STUDY, folder, kept);
  return folder;
}

/** Compares a finished study with what its record states, as `verifyRun` does. @throws DataError */
export function verifyStudy({ folder, record: { files } }: Pick<StudyReader, "folder" | "record">): void {
  if (!files) return;
  rowsOf(folder, { status: "finished", files });
  for (const name of Object.keys(files.kept)) checkStated(folder, name, files, true);
}

function isStudy(folder: string): boolean {
  return fs.existsSync(join(folder, STUDY.file));
}

function readerOf(
  folder: string,
  record: () => Pick<StudyRecord, "status" | "files">,
): Omit<StudyReader, "record"> {
  return {
    folder,
    rows: () => rowsOf(folder, record()),
    readArrays(part, names) {
      const path = partFile(folder, part);
      const { files } = record();
      if (files && fs.existsSync(path)) checkStated(folder, partName(part), files, true);
      return readSafetensors(path, names).arrays;
    },
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
  const mustBeUnfinished = (): void => {
    if (opened.record.status === "finished")
      throw new StoreError(`study ${folder} is finished: there is nothing to compute`);
  };
  return {
    ...readerOf(folder, () => opened.record),
    get record() {
      return opened.record;
    },
    update,
    close,
    writePart(part, rows, arrays = new Map()) {
      mustBeOurs();
      mustBeUnfinished();
      if (rows.length === 0 || rows.some((row) => "part" in row)) {
        const found = rows.length === 0 ? "none" : "one that has it already";
        throw new RangeError(`study part "${part}": expected rows without a column "part", found ${found}`);
      }
      const named = rows.map((row) => ({ part, ...row }));
      const sum = checksumOf(arrays, linesOf(named));
      const metadata = { [ROWS]: String(rows.length), [SHA256]: sum };
      writeSafetensors(opened.pathToWrite(partName(part)), arrays, metadata, folder);
      appendRows(named);
    },
    resume(parts) {
      mustBeOurs();
      mustBeUnfinished();
      if (new Set(parts).size !== parts.length)
        throw new RangeError(`study ${folder}: expected each part once, found ${parts.join(", ")}`);
      const { done, bytes } = wholeParts(folder, parts, warn);
      opened.cutRows(bytes);
      dropOthers(folder, parts.slice(0, done));
      return parts.slice(done);
    },
  };
}

// Which file holds the arrays of a part: its name, with "/" and other signs as in URLs.
function partFile(folder: string, part: string): string {
  return join(folder, partName(part));
}

function partName(part: string): string {
  return `parts/${placeOf(part)}.safetensors`;
}

// A part's name as one that holds no "/".
function placeOf(part: string): string {
  return encodeURIComponent(part).replaceAll("*", "%2A");
}

// How many parts at the head of the list have their file and all rows, and how many bytes these rows take.
function wholeParts(
  folder: string,
  parts: readonly string[],
  warn: (message: string) => void,
): { readonly done: number; readonly bytes: number } {
  const rows = soundRows(rowsPath(folder), warn);
  let [done, kept, bytes] = [0, 0, 0];
  for (; done < parts.length && rows[kept]?.part === parts[done]; done++) {
    const found = wholePart(partFile(folder, parts[done]), parts[done], rows, kept, warn);
    if (found === undefined) break;
    kept += found.count;
    bytes += found.bytes;
  }
  return { done, bytes };
}

/** How many rows from one on belong to a part, and their bytes; undefined where its file or a row is not as it was written. */
function wholePart(
  path: string,
  part: string,
  rows: readonly Row[],
  from: number,
  warn: (message: string) => void,
): { readonly count: number; readonly bytes: number } | undefined {
  try {
    const { arrays, metadata } = readSafetensors(path);
    const count = Number(metadata[ROWS]);
    const own = rows.slice(from, from + count);
    if (!(count > 0) || own.length < count || own.some((row) => row.part !== part)) return undefined;
    const lines = linesOf(own);
    // Parts of earlier versions have no sum.
    if (metadata[SHA256] !== undefined && metadata[SHA256] !== checksumOf(arrays, lines))
      throw new DataError(`${path}: expected the arrays and rows that were written, found others`);
    return { count, bytes: Buffer.byteLength(lines) };
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    warn(`${error.message}; computing this part and those after it again`);
    return undefined;
  }
}

function linesOf(rows: readonly Row[]): string {
  return rows.map((row) => `${encodeRow(row)}\n`).join("");
}

function dropOthers(folder: string, parts: readonly string[]): void {
  const kept = new Set(parts.map(partName));
  const place = join(folder, "parts");
  const names = fs.existsSync(place) ? fs.readdirSync(place) : [];
  for (const name of names.filter((name) => name.endsWith(".safetensors") && !kept.has(`parts/${name}`))) {
    try {
      fs.rmSync(join(place, name));
    } catch (error) {
      throw storeError("remove", join(place, name), error);
    }
  }
}
