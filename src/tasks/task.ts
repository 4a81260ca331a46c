import type { Checks, Config } from "../core/config.js";
import { changedFields, configure, unknownName } from "../core/config.js";
import type { Provenance } from "../core/provenance.js";
import type { DataOptions } from "../data/dataset.js";
import type { DataName } from "../data/sources.js";
import type { Experiment } from "../train/experiment.js";

/** How large a reproduction is: minutes on two CPU cores, minutes on one GPU, or the paper's own settings. */
export type ProfileName = "quick" | "lab" | "paper";

export const PROFILES: readonly ProfileName[] = ["quick", "lab", "paper"];

/** One size of a task. */
export interface Profile<C extends Config> {
  /** What is smaller than in the paper, and about how long it takes on what: printed before a run starts. */
  readonly summary: string;
  /** What differs from the task's defaults. */
  readonly config: Partial<C>;
  /** Named variants, such as the rows of a figure: what differs from this profile's configuration. */
  readonly settings: Readonly<Record<string, Partial<C>>>;
}

/** What a task trains on, once it is open. */
export interface Opened {
  readonly provenance: Provenance;
}

/** An experiment of the paper, declared: data, model, optimiser, length, probes. */
export interface Task<C extends Config = Config, Data extends Opened = Opened> {
  /** "modular-addition": what the command line calls it. */
  readonly name: string;
  readonly title: string;
  /** Where it stands in the paper. */
  readonly section: string;
  /** The public data set that it trains on, if any; its configuration then has a field `standIn`. */
  readonly dataSet?: DataName;
  /** The paper's settings. A run is named by the training fields that differ from these, so a default is never changed. */
  readonly defaults: C;
  readonly checks: Checks<C>;
  /**
   * Fields that change no weight: how often and on how much is measured, and (`standIn`) where data come from, which
   * their fingerprint says better. They are recorded as a run's coverage. All other fields name the run.
   */
  readonly measuring: readonly (keyof C & string)[];
  readonly profiles: Readonly<Record<ProfileName, Profile<C>>>;
  /** Opens what a configuration trains on, the first of two stages; what is opened twice is read once. */
  open(config: C, seed: number, options?: DataOptions): Promise<Data>;
  /** Makes the experiment on data that are open. Needs a started backend. @throws ConfigError, DataError */
  build(config: C, seed: number, data: Data): Experiment;
}

/** A task whose configuration is checked against its own defaults when it is used, not by the compiler. */
export function defineTask<C extends Config, Data extends Opened>(task: Task<C, Data>): Task {
  return task as unknown as Task;
}

/** The data options of a configuration with a field `standIn`: true asks for generated data without looking for others. */
export function standInOf({ standIn }: { standIn: boolean }, options: DataOptions = {}): DataOptions {
  return { ...options, standIn: standIn ? "always" : options.standIn };
}

/** The fields of a configuration that a run is named by: those that train, where they differ from the defaults. */
export function trainingFields(
  { defaults, measuring }: Pick<Task, "defaults" | "measuring">,
  config: Config,
): Config {
  const changed = Object.entries(changedFields(config, defaults));
  return Object.fromEntries(changed.filter(([key]) => !(measuring as readonly string[]).includes(key)));
}

/** Which run of a task: a profile, one of its settings, and single fields on top. */
export interface Choice {
  readonly profile?: ProfileName;
  readonly setting?: string;
  readonly set?: Readonly<Record<string, unknown>>;
}

/**
 * The full configuration of a choice; the profile defaults to "quick".
 * @throws ConfigError for an unknown profile, setting or key, or a value out of range
 */
export function configOf<C extends Config>(
  task: Pick<Task<C>, "name" | "defaults" | "checks" | "profiles">,
  { profile = "quick", setting, set = {} }: Choice,
): C {
  if (!Object.hasOwn(task.profiles, profile)) throw unknownName(`${task.name}: profile`, profile, PROFILES);
  const { config, settings } = task.profiles[profile];
  if (setting !== undefined && !Object.hasOwn(settings, setting)) {
    throw unknownName(`${task.name}: setting of profile ${profile}`, setting, Object.keys(settings));
  }
  const variant = setting === undefined ? {} : settings[setting];
  return configure(task.name, task.defaults, { ...config, ...variant, ...set }, task.checks);
}
