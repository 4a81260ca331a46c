import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { changedFields, type Config } from "../core/config.js";
import { DataError, StoreError, messageOf } from "../core/errors.js";
import { hashOf } from "../core/hash.js";
import { writeFileAtomic } from "../core/files/atomic.js";
import { codeOf, storeError } from "../core/files/io-error.js";

/** What makes a run that run. */
export interface RunIdentity {
  readonly task: string;
  readonly seed: number;
  /** The full configuration. */
  readonly config: Config;
  /** The task's own defaults, whatever the profile. */
  readonly defaults: Config;
  /** How the configuration was chosen, for the reader: "quick". Not part of the identity. */
  readonly profile?: string;
}

/** Where a run stands. "interrupted" can be resumed; so can "failed", once its cause is gone. */
export type RunStatus = "running" | "interrupted" | "finished" | "failed";

/** What is known about a run: the content of its run.json. */
export interface RunRecord {
  /** Version of the layout of the run's folder. */
  readonly format: number;
  readonly id: string;
  readonly task: string;
  readonly profile?: string;
  readonly seed: number;
  readonly config: Config;
  /** The fields of `config` that differ from the task's defaults. */
  readonly changed: Config;
  readonly status: RunStatus;
  /** ISO 8601 times. */
  readonly created: string;
  readonly finished?: string;
  /** Optimiser steps and epochs reached. */
  readonly step?: number;
  readonly epoch?: number;
  /** Of Node, of this package, of TensorFlow.js, ... */
  readonly versions: Readonly<Record<string, string>>;
  readonly backend?: string;
  readonly device?: string;
  /** What it was trained on before it went on elsewhere, in order; each until a step. */
  readonly earlier?: readonly { readonly backend: string; readonly device: string; readonly until: number }[];
  /** Seconds, by what they were spent on. */
  readonly timings: Readonly<Record<string, number>>;
  /** The most memory that the processes that trained it held, in bytes (resident; whatever else they did included). */
  readonly peakMemory?: number;
  /** Why it failed. */
  readonly failure?: string;
  /** What it was trained on; `standIn` where generated examples took the place of the real ones. */
  readonly data?: {
    readonly name: string;
    readonly standIn: boolean;
    readonly source?: string;
    readonly examples?: number;
  };
}

/** The part of a record that changes while a run goes on. */
export type RunProgress = Partial<
  Omit<RunRecord, "format" | "id" | "task" | "profile" | "seed" | "config" | "changed" | "created">
>;

const FORMAT = 1;
const STATUSES: readonly string[] = ["running", "interrupted", "finished", "failed"];

/**
 * The name of a run: a hash of task, seed and the configuration fields that differ from the task's defaults. A default
 * field that is added later changes no name.
 * @returns 12 hexadecimal digits
 */
export function runId({ task, seed, config, defaults }: RunIdentity): string {
  return hashOf({ task, seed, changed: changedFields(config, defaults) });
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
export function newRecord(identity: RunIdentity): RunRecord {
  const { task, profile, seed, config, defaults } = identity;
  return {
    format: FORMAT,
    id: runId(identity),
    task,
    ...(profile === undefined ? {} : { profile }),
    seed,
    config,
    changed: changedFields(config, defaults),
    status: "running",
    created: new Date().toISOString(),
    versions: { node: process.versions.node },
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
 * Checks that a stored run has the configuration that is asked for. The name says so unless a default was changed.
 * @throws StoreError naming the fields that differ
 */
export function checkSameConfig(folder: string, stored: RunRecord, asked: RunIdentity): void {
  const differing = Object.keys(asked.config).filter(
    (key) => Object.hasOwn(stored.config, key) && stored.config[key] !== asked.config[key],
  );
  if (differing.length === 0) return;
  const list = (config: Config): string => differing.map((key) => `${key} = ${config[key]}`).join(", ");
  throw new StoreError(
    `${folder}: expected a run with ${list(asked.config)}, found one with ${list(stored.config)}: ` +
      `a default of task ${asked.task} was changed since. Move that folder away, or use another runs folder`,
  );
}

function problemOf(record: unknown, folder: string): { expected: string; found: string } | undefined {
  if (!isObject(record)) return { expected: "an object", found: describe(record) };
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
  for (const field of ["config", "changed", "versions", "timings"]) {
    if (!isObject(record[field])) return wrong(field, "an object");
  }
  if (!Number.isSafeInteger(record.seed)) return wrong("seed", "a whole number");
  if (!STATUSES.includes(record.status as string)) return wrong("status", `one of ${STATUSES.join(", ")}`);
  if (record.id !== basename(folder)) return wrong("id", `the folder's name ${basename(folder)}`);
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function describe(value: unknown): string {
  return value === undefined ? "nothing" : JSON.stringify(value).slice(0, 80);
}
