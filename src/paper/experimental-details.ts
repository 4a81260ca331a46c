import { sizeOf } from "../core/array.js";
import type { Config, ConfigValue } from "../core/config.js";
import { toSteps, type When } from "../core/time.js";
import { PUBLIC_SETS } from "../data/sources.js";
import { type OutlinedExperiment, outlinedExperiment, rateAt } from "../sweep/outline.js";
import { fixedNumbers } from "../tasks/fixed.js";
import { taskNamed } from "../tasks/index.js";
import { type ProfileName, PROFILES, type Task } from "../tasks/task.js";
import { type Difference, ONLY_MEASURE, PAPER_TASKS, type PaperDetail, type PaperTask } from "./details.js";

/**
 * How a value of the `paper` profile stands to the paper's: "explained" differs with a declared reason, "unexplained" without
 * one (or is not the one that the reason is for); "not stated" has nothing to be compared with.
 */
export type Standing = "equal" | "explained" | "unexplained" | "not stated";

/** One hyper-parameter of one experiment. */
export interface DetailRow {
  readonly task: string;
  readonly setting: string | null;
  readonly detail: PaperDetail;
  /** The paper's value in this setting; undefined where it does not state it. */
  readonly paper: ConfigValue | undefined;
  /** The value in each profile; undefined where the profile has no such setting, or nothing of the kind. */
  readonly here: Readonly<Record<ProfileName, ConfigValue | undefined>>;
  readonly standing: Standing;
  /** Where the paper's value is from. */
  readonly from: string;
}

/**
 * Everything that is declared or built for one experiment, by name: the fields of the configuration, the numbers that no
 * field changes (`fixedNumbers`), and what the experiment itself says of its optimiser, network, data and moments. Only the sizes of
 * public data sets are looked at, and nothing is drawn or trained. Of texts, whose tokens are counted when they are read, numbers
 * of examples and updates are left out.
 * @param moments at which the learning rate is asked for: the fields "rates:..."
 * @throws ConfigError for a setting that the profile does not have
 */
export async function builtValues(
  task: Task,
  profile: ProfileName,
  setting: string | null,
  moments: readonly string[] = [],
): Promise<Config> {
  const run = await outlinedExperiment(task, { profile, setting: setting ?? undefined });
  const { experiment, clock, description } = run;
  const { model, optimiser, probes, training, evaluations } = experiment;
  const whenOf = (name: string): string => {
    const probe = probes.find((one) => one.name === name);
    return probe ? momentsText(probe.when) : "never";
  };
  const counted = task.dataSet === "wikitext103" && description.config.standIn !== true;
  return {
    ...description.config,
    ...fixedNumbers(task.name),
    ...optimiser.settings.constants,
    optimiser: optimiser.settings.name,
    data: task.dataSet ? PUBLIC_SETS[task.dataSet].title : description.data.name,
    parameters: [...model.shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0),
    matrices: model.matrices.length,
    inputs: model.matrices[0].columns,
    ...(!counted && {
      training: training.count,
      validation: evaluations.validation.examples.count,
      stepsPerEpoch: clock.stepsPerEpoch,
      steps: clock.totalSteps,
    }),
    measured: whenOf("spectra"),
    pruned: whenOf("pruning"),
    ...Object.fromEntries(moments.map((field) => [field, ratesAt(field, run)])),
  };
}

/** What stands where there is no value. */
const NONE = "–";

/** "1, 0.1, –" for "rates:0ep,82ep,500ep": the learning rate over the configuration's, to two digits; – behind the end. */
function ratesAt(field: string, run: OutlinedExperiment): string {
  const peak = Number(run.description.config.learningRate);
  const moments = field.slice(field.indexOf(":") + 1).split(",");
  const rates = moments.map((moment) => {
    const step = toSteps(moment, run.clock);
    return step > run.clock.totalSteps ? NONE : String(Number((rateAt(run, step) / peak).toPrecision(2)));
  });
  return rates.some((rate) => rate !== NONE) ? rates.join(", ") : NONE;
}

/** Moments in words: "start, 5 within epoch 1, every epoch". */
export function momentsText(when: When): string {
  if ("any" in when) return when.any.map(momentsText).join(", ");
  if ("every" in when) return `every ${durationText(when.every)}`;
  if ("within" in when) return `${when.count} within ${when.within === "1ep" ? "epoch 1" : when.within}`;
  return when.at.map((moment) => (moment === "0" ? "start" : moment)).join(", ");
}

function durationText(duration: string): string {
  const epochs = /^([\d.]+)ep$/.exec(duration)?.[1];
  if (epochs === undefined) return duration;
  return epochs === "1" ? "epoch" : `${valueText(Number(epochs))} epochs`;
}

/**
 * The rows of one experiment: the paper's values beside those of every profile.
 * @param setting default the one that the paper's values are of
 * @throws ConfigError for a setting that the `paper` profile does not have
 */
export async function experimentalDetails(
  task: Task,
  setting: string | null = paperTask(task).setting ?? null,
): Promise<readonly DetailRow[]> {
  const { details, where, settings = {} } = paperTask(task);
  const moments = details.map(({ field }) => field).filter((field) => field.startsWith("rates:"));
  const values: Partial<Record<ProfileName, Config>> = {};
  for (const profile of PROFILES) {
    const has = setting === null || Object.hasOwn(task.profiles[profile].settings, setting);
    if (has || profile === "paper") values[profile] = await builtValues(task, profile, setting, moments);
  }
  return details.map((detail) => {
    const { field, from = (setting && settings[setting]) ?? where } = detail;
    const paper = (setting && detail.inSettings?.[setting]) ?? detail.paper;
    const of = (profile: ProfileName): ConfigValue | undefined => values[profile]?.[field];
    return {
      ...{ task: task.name, setting, detail, paper, from },
      here: { quick: of("quick"), lab: of("lab"), paper: of("paper") },
      standing: standingOf(detail.differs, paper, of("paper")),
    };
  });
}

/** The paper's experiment of a task; of a task that the paper does not have, one of which it states nothing. */
function paperTask(task: Task): PaperTask {
  const found = PAPER_TASKS.find(({ task: name }) => name === task.name);
  if (found) return found;
  const fields = Object.keys(task.defaults).filter((field) => !ONLY_MEASURE.includes(field));
  const all = [...fields, "optimiser", "parameters", "matrices", "steps"];
  return { task: task.name, where: NOT_IN_PAPER, details: all.map((field) => ({ field, label: field })) };
}

const NOT_IN_PAPER = "not in the paper";

/** How a value stands to the paper's, given what is declared of their difference. */
export function standingOf(
  differs: Difference | undefined,
  paper: ConfigValue | undefined,
  here: ConfigValue | undefined,
): Standing {
  if (paper === undefined) return "not stated";
  if (here === paper) return "equal";
  return differs !== undefined && differs.here === here ? "explained" : "unexplained";
}

/** The rows of a setting in which the paper's value or that of the `paper` profile is another than in `base`. */
export function changedFrom(base: readonly DetailRow[], rows: readonly DetailRow[]): readonly DetailRow[] {
  return rows.filter(({ detail, paper, here }) => {
    const before = base.find((row) => row.detail.field === detail.field);
    return before?.paper !== paper || before?.here.paper !== here.paper;
  });
}

/** All rows of the paper's experiments; of their other settings those that change something. */
export async function allDetails(): Promise<readonly DetailRow[]> {
  const all: DetailRow[] = [];
  for (const { task: name, settings = {} } of PAPER_TASKS) {
    const task = taskNamed(name);
    const base = await experimentalDetails(task);
    all.push(...base);
    for (const setting of Object.keys(settings))
      all.push(...changedFrom(base, await experimentalDetails(task, setting)));
  }
  return all;
}

/** A row as it is shown: every cell is text. */
export type ShownDetail = Readonly<Record<string, string>>;

/**
 * Rows as a table: the paper's value and those of the profiles, "≠" before each that is not the paper's, and a remark. Rows of
 * several tasks or settings say which they are of.
 */
export function detailsTable(rows: readonly DetailRow[]): ShownDetail[] {
  const several = (of: (row: DetailRow) => string | null): boolean => new Set(rows.map(of)).size > 1;
  const [tasks, settings] = [several(({ task }) => task), several(({ setting }) => setting)];
  return rows.map((row) => {
    const { task, setting, detail, paper, here, from } = row;
    const cell = (value: ConfigValue | undefined): string => {
      if (value === undefined || value === NONE) return NONE;
      const text = valueText(value, detail.words);
      return paper === undefined || sameAs(paper, value) ? text : `≠ ${text}`;
    };
    const unstated = from === NOT_IN_PAPER ? NOT_IN_PAPER : "not stated";
    return {
      ...(tasks && { task }),
      ...(settings && { setting: setting ?? "" }),
      "hyper-parameter": detail.label,
      paper: paper === undefined ? unstated : valueText(paper, detail.words),
      "paper profile": cell(here.paper),
      lab: cell(here.lab),
      quick: cell(here.quick),
      remark: remarkOf(row),
    };
  });
}

/** Whether a value is the paper's; of several rates those count that lie within the run. */
function sameAs(paper: ConfigValue, value: ConfigValue): boolean {
  if (value === paper) return true;
  if (typeof value !== "string" || typeof paper !== "string" || !value.includes(NONE)) return false;
  const wanted = paper.split(", ");
  return value.split(", ").every((part, i) => part === NONE || part === wanted[i]);
}

/** What is said of a value's standing; nothing of one that is the paper's, or that the paper does not state. */
export function standingText(standing: Standing, differs: Difference | undefined): string {
  if (standing === "explained") return `differs: ${differs!.why}`;
  return standing === "unexplained" ? "DIFFERS, and no reason is declared" : "";
}

function remarkOf({ standing, paper, detail: { differs, note, from, ...detail } }: DetailRow): string {
  const parts = [
    standingText(standing, differs),
    paper === detail.paper ? (note ?? "") : "",
    from === undefined ? "" : `from ${from}`,
  ];
  return parts.filter(Boolean).join("; ");
}

/** A value as it is read: "40,000", "3e-4", "yes", or the word for a special one. */
export function valueText(value: ConfigValue, words: Readonly<Record<string, string>> = {}): string {
  if (Object.hasOwn(words, String(value))) return words[String(value)];
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") return /^[\d.,]+$/.test(value) ? value.replaceAll(",", ", ") : value;
  if (value !== 0 && Math.abs(value) < 1e-3) return value.toExponential();
  return value.toLocaleString("en", { maximumFractionDigits: 6 });
}

/** How many values stand how. */
export function standings(rows: readonly { readonly standing: Standing }[]): Record<Standing, number> {
  const counts = { equal: 0, explained: 0, unexplained: 0, "not stated": 0 };
  for (const { standing } of rows) counts[standing]++;
  return counts;
}
