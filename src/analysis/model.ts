import type { Model } from "../nn/model.js";
import type { RunRecord } from "../store/record.js";
import { taskNamed } from "../tasks/index.js";

/**
 * The network that a run trained, a function of the run's task and configuration. Starts no backend, but opens the
 * task's data, which it never downloads.
 * @throws ConfigError for a task that does not exist; DataError if its data are not on this machine
 */
export async function modelOf(record: RunRecord, signal?: AbortSignal): Promise<Model<unknown>> {
  const task = taskNamed(record.task);
  const { config, seed, data } = record;
  const standIn = data.standIn ? "always" : "never";
  const opened = await task.open(config, seed, { signal, allowDownload: false, standIn });
  return task.build(config, seed, opened).model;
}
