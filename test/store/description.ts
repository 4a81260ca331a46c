import type { RunRequest } from "spectral-lab/tasks/run";
import { configOf } from "spectral-lab/tasks/task";
import { changedFields, type Config } from "spectral-lab/core/config";
import { at, every } from "spectral-lab/core/time";
import type { DataRecord, RunDescription } from "spectral-lab/store/record";

/** Data of an invented run. */
export const inventedData: DataRecord = {
  name: "pairs",
  standIn: false,
  fingerprint: "0123456789abcdef",
  training: 90,
  validation: 10,
  unit: "pairs",
  verified: true,
};

/** The description of an invented run, measured every ten steps. */
export function describeRun(of: {
  readonly task: string;
  readonly config: Config;
  /** Default the configuration. */
  readonly defaults?: Config;
  readonly seed?: number;
  readonly profile?: string;
  readonly data?: Partial<DataRecord>;
  readonly measuring?: readonly string[];
}): RunDescription {
  const { task, config, defaults = config, seed = 0, profile = "quick", measuring = [] } = of;
  const changed = Object.entries(changedFields(config, defaults));
  return {
    task,
    training: Object.fromEntries(changed.filter(([key]) => !measuring.includes(key))),
    seed,
    profile,
    config,
    data: { ...inventedData, ...of.data },
    coverage: { probes: { metrics: every("10it") }, evaluated: { train: 90 }, weights: at("end") },
    measuring,
  };
}

/** The description of a request's run, on invented data. */
export function describeRequest(
  { task, seed, ...choice }: RunRequest,
  data: Partial<DataRecord> = {},
): RunDescription {
  const { name, defaults, measuring } = task;
  const { profile } = choice;
  return describeRun({
    task: name,
    seed,
    profile,
    config: configOf(task, choice),
    defaults,
    measuring,
    data,
  });
}
