/**
 * Brings folders of runs and studies up to date, without changing a number:
 *
 *     npm run migrate -- FOLDER [--data ROOT]
 *
 * FOLDER holds <task>/<id>/ (data/runs, data/results) or <kind>/<id>/ (data/studies). A finished one whose record does not
 * state its files gets that statement: its files as they are now; an interrupted run the checksums of its checkpoints.
 *
 * Runs of format 1 become format 2. A run is named by what it was trained on, so its data must lie on
 * this machine: they are opened as the run's configuration says, and a run whose numbers of examples differ is left as it
 * is, with a line that says so. Its record gets fingerprint, coverage and stretches, its folder the new name, its
 * alignment rows the columns `entries` and `pairs`; every other value is compared with what it was before anything is
 * replaced.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { startBackend } from "spectral-lab/backend/start";
import type { Config } from "spectral-lab/core/config";
import { at } from "spectral-lab/core/time";
import { pairsOf } from "spectral-lab/nn/contacts";
import type { Contact, Model } from "spectral-lab/nn/model";
import { messageOf } from "spectral-lab/core/errors";
import { foldersIn } from "spectral-lab/store/find-runs";
import type { FolderKind } from "spectral-lab/store/record-file";
import {
  identityOf,
  RUN,
  type RunRecord,
  runFolder,
  type Stretch,
  writeRecord,
} from "spectral-lab/store/record";
import { readRun } from "spectral-lab/store/stored-run";
import { encodeRow, readRows, type Row } from "spectral-lab/store/rows";
import { isResult } from "spectral-lab/store/results";
import { STUDY } from "spectral-lab/store/study";
import { addWhatLacks } from "spectral-lab/store/upgrade";
import { coverageOf } from "spectral-lab/tasks/coverage";
import { taskNamed } from "spectral-lab/tasks/index";
import { configOf, trainingFields } from "spectral-lab/tasks/task";

/** What is read of a record of format 1. */
interface OldRecord {
  readonly format: number;
  readonly task: string;
  readonly profile?: string;
  readonly seed: number;
  readonly config: Config & { readonly standIn?: boolean };
  readonly status: RunRecord["status"];
  readonly created: string;
  readonly finished?: string;
  readonly step?: number;
  readonly epoch?: number;
  readonly versions: Readonly<Record<string, string>>;
  readonly backend?: string;
  readonly device?: string;
  readonly earlier?: readonly { readonly backend: string; readonly device: string; readonly until: number }[];
  readonly timings: Readonly<Record<string, number>>;
  readonly peakMemory?: number;
  readonly failure?: string;
  readonly data?: { readonly name: string; readonly source?: string; readonly examples?: number };
}

const { values, positionals } = parseArgs({ options: { data: { type: "string" } }, allowPositionals: true });
if (positionals.length !== 1) throw new Error("expected one folder of runs");
let failed = false;
for (const task of foldersIn(positionals[0])) {
  for (const folder of foldersIn(join(positionals[0], task)).map((id) => join(positionals[0], task, id))) {
    for (const kind of [RUN, STUDY].filter(({ file }) => existsSync(join(folder, file)))) {
      const found = await broughtUpToDate(kind, folder).catch((error: unknown) => {
        failed = true;
        return `left as it is: ${messageOf(error)}`;
      });
      if (found !== undefined) console.log(`${task}/${basename(folder)}: ${found}`);
    }
  }
}
process.exitCode = failed ? 1 : 0;

/** @returns what was done; undefined if there was nothing to do */
async function broughtUpToDate(kind: FolderKind, folder: string): Promise<string | undefined> {
  const old = JSON.parse(readFileSync(join(folder, kind.file), "utf8")) as OldRecord;
  if (kind !== RUN || old.format !== 1) return addWhatLacks(kind, folder);
  await startBackend({ backend: "wasm" });
  return migrate(positionals[0], folder, old);
}

/** @returns the new id */
async function migrate(root: string, folder: string, old: OldRecord): Promise<string> {
  const task = taskNamed(old.task);
  const config = configOf(task, { profile: "paper", set: old.config });
  const data = await task.open(config, old.seed, {
    root: values.data,
    allowDownload: false,
    standIn: old.config.standIn ? "always" : "never",
  });
  const experiment = task.build(config, old.seed, data);
  const { training, validation } = data.provenance;
  if (old.data?.examples !== undefined && old.data.examples !== training + validation) {
    throw new Error(
      `trained on ${old.data.examples} examples of ${old.data.name}, here are ${training + validation}`,
    );
  }
  const { source: _, ...record } = data.provenance;
  const description = {
    task: old.task,
    training: trainingFields(task, config),
    seed: old.seed,
    profile: old.profile,
    config,
    data: old.data?.source === undefined ? record : { ...record, source: old.data.source },
    coverage: { ...coverageOf(experiment), ...(isResult(folder) && { weights: at() }) },
  };
  const target = runFolder(root, identityOf(description));
  const { status, created, finished, step, epoch, timings, peakMemory, failure } = old;
  const migrated: RunRecord = {
    format: 2,
    id: basename(target),
    ...description,
    status,
    created,
    finished,
    step,
    epoch,
    stretches: stretchesOf(old),
    timings,
    peakMemory,
    failure,
  };
  const rowsFile = join(folder, "rows.jsonl");
  const before = readRows(rowsFile).rows;
  const { model } = experiment;
  const added = new Map(model.contacts.map((contact) => [contact.name, columnsOf(contact, model)]));
  const after = before.map((row) => withColumns(row, added));
  if (!isDeepStrictEqual(after.map(withoutColumns), before.map(withoutColumns)))
    throw new Error("a row would change");
  writeFileSync(rowsFile, after.map((row) => `${encodeRow(row)}\n`).join(""));
  if (target !== folder) renameSync(folder, target);
  writeRecord(target, migrated);
  readRun(target); // throws if it cannot be
  addWhatLacks(RUN, target);
  return basename(target);
}

type Added = { readonly entries: number; readonly pairs: number };

/** What the probe writes today of a contact besides what it wrote before: a function of the network's shapes. */
function columnsOf(contact: Contact, { matrices }: Pick<Model<never>, "matrices">): Added {
  const ranks = pairsOf(contact).flatMap(({ from, to }) =>
    [from, to].map(({ matrix, rows, columns }) => {
      const view = matrices.find(({ name }) => name === matrix)!;
      const sizes = [rows ?? [0, view.rows], columns ?? [0, view.columns]].map(([a, b]) => b - a);
      return Math.min(...sizes);
    }),
  );
  return { entries: Math.min(10, ...ranks), pairs: pairsOf(contact).length };
}

function withColumns(row: Row, added: ReadonlyMap<string, Added>): Row {
  if (row.probe !== "alignment") return row;
  const columns = added.get(String(row.contact));
  if (columns === undefined) throw new Error(`the network has no contact ${String(row.contact)}`);
  return { ...row, ...columns };
}

function withoutColumns({ entries: _, pairs: __, ...row }: Row): Row {
  return row;
}

/** A stretch for each machine that is named. Only of a run that never moved is it known how long its one stretch took. */
function stretchesOf({ backend, device, earlier = [], step = 0, timings, versions }: OldRecord): Stretch[] {
  if (backend === undefined || device === undefined) return [];
  const { "spectral-lab": version = "unknown", ...software } = versions;
  const starts = [0, ...earlier.map(({ until }) => until)];
  return [...earlier, { backend, device, until: step }].map((one, i) => ({
    from: starts[i],
    to: one.until,
    ...(earlier.length === 0 && timings.training !== undefined && { seconds: timings.training }),
    backend: one.backend,
    device: one.device,
    versions: i === earlier.length ? software : {},
    code: { version: i === earlier.length ? version : "unknown" },
  }));
}
