import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Config } from "../core/config.js";
import { DataError, StoreError, messageOf } from "../core/errors.js";
import { writeFileAtomic } from "../core/files/atomic.js";
import { codeOf, storeError } from "../core/files/io-error.js";
import { hashOf, type Json } from "../core/hash.js";
import type { When } from "../core/time.js";
import type { Code } from "./code.js";

/**
 * What makes a run that run: all that its weights depend on, and nothing else. Hashed into its name.
 * @see RunRecord.coverage for what was measured meanwhile, which is not part of it
 */
export interface RunIdentity {
  readonly task: string;
  /** Fields of the configuration that change the weights, where they differ from the task's defaults. */
  readonly training: Config;
  /** Fingerprint of the examples trained on (`Provenance.fingerprint`), not the name of a folder. */
  readonly data: string;
  /** Stream of the initialisation, and of the split where a task splits by it. */
  readonly seed: number;
  /** Stream of the order of examples and of the noise in batches; absent: the seed's own. */
  readonly order?: number;
  /** The run whose weights this one started from; absent: an initialisation. */
  readonly origin?: Origin;
}

/** Where a branch comes from. */
export interface Origin {
  /** Id of the run, of the same task. */
  readonly run: string;
  readonly step: number;
  /** What was done to the weights before training went on, as `printEdit` writes it: "magnitude:0.05". */
  readonly edit?: string;
}

/** What was measured and kept while a run was trained: recorded, not hashed. */
export interface Coverage {
  /** When each probe measured, by its name. */
  readonly probes: Readonly<Record<string, When>>;
  /** Examples that each evaluation set was evaluated on. */
  readonly evaluated: Readonly<Record<string, number>>;
  /** When weights were kept, with the optimiser's memory. */
  readonly weights: When;
}

/** What a run was trained on: the provenance of its examples (data/dataset.ts), and how many of them it used. */
export interface DataRecord {
  /** What the examples truly are: "CIFAR-10", "generated textures (stand-in for CIFAR-10)". */
  readonly name: string;
  /** Generated examples took the place of the real ones. */
  readonly standIn: boolean;
  readonly fingerprint: string;
  /** Examples used of each split, in `unit`. */
  readonly training: number;
  readonly validation: number;
  /** What one counts, in the plural: "images". */
  readonly unit: string;
  /** The public set that they are or come from, and how many training examples it has, where known. */
  readonly of?: { readonly set: string; readonly training: number };
  /** Whether the name is certain. */
  readonly verified: boolean;
  /** What else a reader must know. */
  readonly note?: string;
  /** The folder that was read, or why a stand-in was generated; not in committed results. */
  readonly source?: string;
}

/** One uninterrupted piece of training, on one machine, by one state of the code. */
export interface Stretch {
  /** Optimiser steps at which it began, and which it had reached when it last said so (at each checkpoint). */
  readonly from: number;
  readonly to: number;
  /** Time until then; unknown in records older than stretches. */
  readonly seconds?: number;
  /** TensorFlow.js's backend, and what it computed on. */
  readonly backend: string;
  readonly device: string;
  /** What decomposed matrices. */
  readonly svd?: string;
  /** Software by name: Node, TensorFlow.js, ... */
  readonly versions: Readonly<Record<string, string>>;
  readonly code: Code;
}

/** Where a run stands. "interrupted" can be resumed; so can "failed", once its cause is gone. */
export type RunStatus = "running" | "interrupted" | "finished" | "failed";

/** What is known about a run: the content of its run.json. */
export interface RunRecord extends Omit<RunIdentity, "data"> {
  /** Version of the layout of the run's folder. */
  readonly format: number;
  readonly id: string;
  /** How the configuration was chosen, for the reader: "quick". */
  readonly profile?: string;
  /** The full configuration, measuring fields included. */
  readonly config: Config;
  readonly data: DataRecord;
  readonly coverage: Coverage;
  readonly status: RunStatus;
  /** ISO 8601 times. */
  readonly created: string;
  readonly finished?: string;
  /** Optimiser steps and epochs reached. */
  readonly step?: number;
  readonly epoch?: number;
  /** In order; the last is the one under way. */
  readonly stretches: readonly Stretch[];
  /** Seconds, by what they were spent on; `training` adds up over stretches. */
  readonly timings: Readonly<Record<string, number>>;
  /** The most memory that the processes that trained it held, in bytes (resident; whatever else they did included). */
  readonly peakMemory?: number;
  /** Why it failed. */
  readonly failure?: string;
}

/** A run that is to be opened: its identity, and what its record says beside it. */
export interface RunDescription extends Pick<RunRecord, "task" | "training" | "seed" | "order" | "origin"> {
  readonly profile?: string;
  readonly config: Config;
  readonly data: DataRecord;
  readonly coverage: Coverage;
  /** Fields of `config` that only say what is measured, or where data come from. Not recorded. */
  readonly measuring: readonly string[];
}

/** The part of a record that changes while a run goes on. */
export type RecordChange = Partial<Omit<RunRecord, "format" | "created" | keyof RunIdentity | "id">>;

const FORMAT = 2;
const STATUSES: readonly string[] = ["running", "interrupted", "finished", "failed"];

/** The identity of a run that is described or stored. */
export function identityOf(of: Pick<RunRecord, keyof RunIdentity>): RunIdentity {
  const { task, training, seed, order, origin } = of;
  return {
    task,
    training,
    data: of.data.fingerprint,
    seed,
    ...(order !== undefined && { order }),
    ...(origin && { origin }),
  };
}

/**
 * The name of a run: a hash of its identity. Since only fields that differ from the task's defaults are in it, a field
 * that is added later changes no name.
 * @returns 12 hexadecimal digits
 */
export function runId(identity: RunIdentity): string {
  return hashOf(identity as unknown as Json);
}

/** Where a run lies: <root>/<task>/<id>. */
export function runFolder(root: string, identity: RunIdentity): string {
  return join(root, identity.task, runId(identity));
}

/** The path of a run's record. */
export function recordPath(folder: string): string {
  return join(folder, "run.json");
}

/** The record of a run that starts now. */
export function newRecord({ measuring: _, ...description }: RunDescription): RunRecord {
  return {
    format: FORMAT,
    id: runId(identityOf(description)),
    ...description,
    status: "running",
    created: new Date().toISOString(),
    stretches: [],
    timings: {},
  };
}

/** Writes a record, atomically. @throws StoreError */
export function writeRecord(folder: string, record: RunRecord): void {
  writeFileAtomic(recordPath(folder), `${JSON.stringify(record, null, 2)}\n`);
}

/**
 * Reads the record of a run; undefined if there is none.
 * @throws DataError naming the file, what is wrong and what to do; StoreError if it cannot be read
 */
export function readRecord(folder: string): RunRecord | undefined {
  const path = recordPath(folder);
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
    throw damaged(path, "JSON", messageOf(error));
  }
  const problem = problemOf(record, folder);
  if (problem !== undefined) throw damaged(path, problem.expected, problem.found);
  return record as RunRecord;
}

/** An error for a run.json that cannot be used: it says how to go on without losing anything. */
export function damaged(path: string, expected: string, found: string): DataError {
  const way =
    `Nothing was changed. Repair the file, or open the run with { setAsideDamaged: true }: it renames the file to ` +
    `run.json.damaged-<n> and goes on from the last checkpoint in ${dirname(path)}`;
  return new DataError(`${path}: expected ${expected}, found ${found}. ${way}`);
}

/**
 * Checks that a stored run was trained as is asked: its name says so unless a default was changed since.
 * @returns training fields that were added since: the stored run does not say what it had there
 * @throws StoreError naming the fields that differ
 */
export function checkSameTraining(
  folder: string,
  stored: Pick<RunRecord, "config">,
  asked: Pick<RunDescription, "config" | "task" | "measuring">,
): readonly string[] {
  const fields = Object.keys(asked.config).filter((key) => !asked.measuring.includes(key));
  const known = fields.filter((key) => Object.hasOwn(stored.config, key));
  const differing = known.filter((key) => stored.config[key] !== asked.config[key]);
  if (differing.length === 0) return fields.filter((key) => !Object.hasOwn(stored.config, key));
  const list = (config: Config): string => differing.map((key) => `${key} = ${config[key]}`).join(", ");
  throw new StoreError(
    `${folder}: expected a run with ${list(asked.config)}, found one with ${list(stored.config)}: ` +
      `a default of task ${asked.task} was changed since. Move that folder away, or use another runs folder`,
  );
}

function problemOf(record: unknown, folder: string): { expected: string; found: string } | undefined {
  if (!isObject(record)) return { expected: "an object", found: describe(record) };
  if (record.format === 1) {
    return {
      expected: `format ${FORMAT}`,
      found: "format 1, of an earlier version (npm run migrate -- FOLDER brings such runs up to date)",
    };
  }
  if (record.format !== FORMAT) {
    return {
      expected: `format ${FORMAT}, which this version reads`,
      found: `format ${describe(record.format)}`,
    };
  }
  const wrong = (field: string, expected: string): { expected: string; found: string } => ({
    expected: `${expected} as "${field}"`,
    found: describe(record[field]),
  });
  for (const field of ["task", "created"]) if (typeof record[field] !== "string") return wrong(field, "text");
  for (const field of ["config", "training", "data", "coverage", "timings"]) {
    if (!isObject(record[field])) return wrong(field, "an object");
  }
  if (!Array.isArray(record.stretches)) return wrong("stretches", "a list");
  if (!Number.isSafeInteger(record.seed)) return wrong("seed", "a whole number");
  if (!STATUSES.includes(record.status as string)) return wrong("status", `one of ${STATUSES.join(", ")}`);
  if (record.id !== basename(folder)) return wrong("id", `the folder's name ${basename(folder)}`);
  const named = runId(identityOf(record as unknown as RunRecord));
  if (record.id !== named)
    return { expected: `content whose name is ${record.id}`, found: `that of ${named}` };
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function describe(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value).slice(0, 80);
}
