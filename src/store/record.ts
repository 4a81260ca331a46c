import { join } from "node:path";
import { changedFields, type Config } from "../core/config.js";
import { StoreError } from "../core/errors.js";
import { hashOf } from "../core/hash.js";
import { writeRecordOf, type FolderKind, type FolderRecord } from "./record-file.js";

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

/** What is known about a run: the content of its run.json. */
export interface RunRecord extends FolderRecord {
  readonly task: string;
  readonly profile?: string;
  readonly seed: number;
  readonly config: Config;
  /** The fields of `config` that differ from the task's defaults. */
  readonly changed: Config;
  /** Optimiser steps and epochs reached. */
  readonly step?: number;
  readonly epoch?: number;
  /** Of Node, of this package, of TensorFlow.js, ... */
  readonly versions: Readonly<Record<string, string>>;
  readonly backend?: string;
  readonly device?: string;
  /** What it was trained on before it went on elsewhere, in order; each until a step. */
  readonly earlier?: readonly { readonly backend: string; readonly device: string; readonly until: number }[];
  /** The most memory that the processes that trained it held, in bytes (resident; whatever else they did included). */
  readonly peakMemory?: number;
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

/** A run's folder. */
export const RUN: FolderKind = {
  name: "run",
  file: "run.json",
  format: 1,
  fields: {
    task: "text",
    config: "an object",
    changed: "an object",
    versions: "an object",
    seed: "a whole number",
  },
  places: ["steps", "weights", "checkpoints"],
  rest: "the last checkpoint",
};

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
  return join(folder, RUN.file);
}

/** The record of a run that starts now. */
export function newRecord(identity: RunIdentity): RunRecord {
  const { task, profile, seed, config, defaults } = identity;
  return {
    format: RUN.format,
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
  writeRecordOf(RUN, folder, record);
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
