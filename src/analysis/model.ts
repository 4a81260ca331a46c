import type { Provenance } from "../core/provenance.js";
import { DataError } from "../core/errors.js";
import { printable } from "../core/printable.js";
import type { Model } from "../nn/model.js";
import type { RunRecord } from "../store/record.js";
import { taskNamed } from "../tasks/index.js";
import type { Experiment } from "../train/experiment.js";

/** A run's experiment, and what its data are on this machine. */
export interface OpenedExperiment {
  readonly experiment: Experiment;
  readonly provenance: Provenance;
}

/**
 * The experiment that a run carried out, a function of the run's task, configuration and seed. Starts no backend, but opens
 * the task's data, which it never downloads.
 * @throws ConfigError for a task that does not exist; DataError if its data are not on this machine
 */
export async function openExperiment(record: RunRecord, signal?: AbortSignal): Promise<OpenedExperiment> {
  const task = taskNamed(record.task);
  const { config, seed, data } = record;
  const standIn = data.standIn ? "always" : "never";
  const opened = await task.open(config, seed, { signal, allowDownload: false, standIn });
  return { experiment: task.build(config, seed, opened), provenance: opened.provenance };
}

/** The network that a run trained. @throws as openExperiment */
export async function modelOf(record: RunRecord, signal?: AbortSignal): Promise<Model<unknown>> {
  return (await openExperiment(record, signal)).experiment.model;
}

/** @throws DataError unless the data opened here are those that the run was trained on */
export function checkSameData({ id, task, data }: RunRecord, opened: Provenance): void {
  if (opened.fingerprint === data.fingerprint) return;
  const was = `${printable(data.name)} (fingerprint ${data.fingerprint})`;
  throw new DataError(
    `run ${task}/${id}: expected the data that it was trained on, ${was}; found ${opened.name} in ${printable(opened.source)} ` +
      `(fingerprint ${opened.fingerprint}): put the former where the task looks for them`,
  );
}
