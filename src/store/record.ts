import { join } from "node:path";
import type { Config } from "../core/config.js";
import { hashOf, type Json } from "../core/hash.js";
import type { Provenance } from "../core/provenance.js";
import type { When } from "../core/time.js";
import type { Code } from "./code.js";
import { checkUnchanged, writeRecordOf, type FolderKind, type FolderRecord } from "./record-file.js";
import { codeRule, configRule, coverageRule, dataRule, nameRule } from "./record-rules.js";
import { fields, finite, list, named, oneOf, text, time, whole } from "../core/schema.js";

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
  /** false: the optimiser's memory was not taken over, but begun afresh; absent: it was. */
  readonly memory?: false;
}

/**
 * The origin of a branch; the same for all that start with the same weights, memory and edit.
 * @param from.edit as `printEdit` writes it
 * @param from.memory whether the optimiser's memory comes along; default true. At step 0 there is none yet
 */
export function originAt(from: {
  readonly run: string;
  readonly step: number;
  readonly edit?: string;
  readonly memory?: boolean;
}): Origin {
  const { run, step, edit, memory = true } = from;
  return { run, step, ...(edit !== undefined && { edit }), ...(!memory && step > 0 && { memory }) };
}

/** What was measured and kept while a run was trained: recorded, not hashed. */
export interface Coverage {
  /** When each probe measured, by its name. */
  readonly probes: Readonly<Record<string, When>>;
  /** How many leading singular vectors of each matrix the probe `vectors` kept; absent: none. */
  readonly vectors?: number;
  /** Examples that each evaluation set was evaluated on. */
  readonly evaluated: Readonly<Record<string, number>>;
  /** When weights were kept, with the optimiser's memory. */
  readonly weights: When;
}

/** What a run was trained on; `training` and `validation` count what it used. Committed results name no folder. */
export type DataRecord = Omit<Provenance, "source"> & Partial<Pick<Provenance, "source">>;

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

/** Measurements that were made of a finished run's kept weights. */
export interface Filling extends Pick<Stretch, "backend" | "device" | "versions" | "code"> {
  /** Which probes. */
  readonly probes: readonly string[];
  readonly svd: string;
  /** ISO 8601 time. */
  readonly at: string;
}

/** The measured norms of another run that a branch is held at. They stay these, whatever is measured of that run later. */
export interface HeldNorms {
  /** Id of that run. */
  readonly run: string;
  /** Steps at which they were measured; between them they are interpolated. */
  readonly steps: readonly number[];
  /** 12 hexadecimal digits of SHA-256 over steps and norms. */
  readonly hash: string;
}

/** What is known about a run: the content of its run.json. */
export interface RunRecord extends FolderRecord, Omit<RunIdentity, "data"> {
  /** How the configuration was chosen, for the reader: "quick". */
  readonly profile?: string;
  /** The full configuration, measuring fields included. */
  readonly config: Config;
  readonly data: DataRecord;
  readonly coverage: Coverage;
  /** Optimiser steps and epochs reached. */
  readonly step?: number;
  readonly epoch?: number;
  /** In order; the last is the one under way. `timings.training` is their sum. */
  readonly stretches: readonly Stretch[];
  /** In order; absent: all was measured while it trained. */
  readonly fillings?: readonly Filling[];
  /** Of a branch that is held at another run's norms: what those were when it was begun. */
  readonly norms?: HeldNorms;
  /** Steps whose weights a sweep let go of, once all that read them was finished. */
  readonly released?: readonly number[];
  /** Updates made when a loss or a weight was first found NaN or infinite; absent unless that ended it. */
  readonly diverged?: number;
  /** The most memory that the processes that trained it held, in bytes (resident; whatever else they did included). */
  readonly peakMemory?: number;
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
export type RecordChange = Partial<
  Omit<RunRecord, "format" | "created" | keyof RunIdentity | "id" | "files">
>;

/** A run's folder. */
export const RUN: FolderKind = {
  name: "run",
  plural: "runs",
  file: "run.json",
  format: 2,
  older: "npm run migrate -- FOLDER brings such runs up to date",
  fields: {
    task: nameRule,
    training: configRule,
    seed: whole(-Infinity),
    "order?": whole(-Infinity),
    "origin?": fields({ run: nameRule, step: whole(), "edit?": text(10_000), "memory?": oneOf(false) }),
    "profile?": text(100),
    config: configRule,
    data: dataRule,
    coverage: coverageRule,
    "step?": whole(),
    "epoch?": finite(0),
    stretches: list(
      fields({
        from: whole(),
        to: whole(),
        "seconds?": finite(),
        backend: text(100),
        device: text(),
        "svd?": text(),
        versions: named(text()),
        code: codeRule,
      }),
    ),
    "fillings?": list(
      fields({
        probes: list(text(100)),
        at: time,
        svd: text(),
        backend: text(100),
        device: text(),
        versions: named(text()),
        code: codeRule,
      }),
    ),
    "norms?": fields({ run: nameRule, steps: list(whole()), hash: nameRule }),
    "released?": list(whole()),
    "diverged?": whole(),
    "peakMemory?": finite(0),
  },
  nameOf: (record) => runId(identityOf(record as unknown as RunRecord)),
  places: ["steps", "weights", "moments", "checkpoints"],
  kept: ["steps", "weights", "moments"],
  rest: "the last checkpoint",
};

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
  return join(folder, RUN.file);
}

/** The record of a run that starts now. */
export function newRecord({ measuring: _, ...description }: RunDescription): RunRecord {
  return {
    format: RUN.format,
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
  writeRecordOf(RUN, folder, record);
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
  const trains = Object.entries(asked.config).filter(([key]) => !asked.measuring.includes(key));
  checkUnchanged(RUN, folder, [stored.config, Object.fromEntries(trains)], `task ${asked.task}`);
  return trains.map(([key]) => key).filter((key) => !Object.hasOwn(stored.config, key));
}
