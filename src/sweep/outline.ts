import { ConfigError } from "../core/errors.js";
import type { Config } from "../core/config.js";
import type { Clock } from "../core/time.js";
import type { DataName } from "../data/sources.js";
import { at } from "../optim/optimiser.js";
import { type DescribedRun, describeRun } from "../tasks/run.js";
import type { Choice, Opened, Task } from "../tasks/task.js";
import { clockOf } from "../train/loop.js";

/** The sizes of a public set, as far as steps and networks depend on them. */
interface Sizes {
  readonly training: number;
  readonly validation: number;
  /** Height, width and channels of images; the size of a vocabulary. */
  readonly [other: string]: unknown;
}

const images = (
  training: number,
  validation: number,
  [height, width, channels]: readonly [number, number, number],
): ((config: Config) => Sizes) => {
  return ({ trainingExamples }) => ({
    training: Math.min(training, Number(trainingExamples) || Infinity),
    validation,
    ...{ height, width, channels, classNames: Array.from({ length: 10 }, (_, i) => String(i)) },
  });
};

/** By public set: its sizes after the split, as its tasks open it. Of texts about: their tokens are counted when they are read. */
const SIZES: Partial<Record<DataName, (config: Config) => Sizes>> = {
  mnist: images(54_000, 6_000, [28, 28, 1]),
  cifar10: images(45_000, 5_000, [32, 32, 3]),
  librispeech: ({ utterances }) => ({
    training: Math.min(28_539, Number(utterances) || Infinity),
    validation: Math.min(2_703, Number(utterances) || Infinity),
  }),
  wikitext103: ({ tokeniser, words, sequenceLength, vocabularySize }) => {
    const perWord = tokeniser === "words" ? 1 : 1.25;
    const sequences = (count: number): number =>
      Math.max(1, Math.floor((perWord * count) / (Number(sequenceLength) + 1)));
    return {
      training: sequences(Math.min(86_000_000, Number(words) || Infinity)),
      validation: sequences(180_000),
      tokeniser: { size: tokeniser === "words" ? Number(vocabularySize) : 50_277 },
    };
  },
};

/**
 * What a task opens, as far as sizes go, without reading or generating anything: no example can be drawn. A task without
 * a public set is opened as always, and so are generated data that are asked for.
 * @throws ConfigError for a public set whose sizes are not known here
 */
export async function openOutline(
  task: Pick<Task, "dataSet" | "open">,
  config: Config,
  seed: number,
): Promise<Opened> {
  if (task.dataSet === undefined || config.standIn === true) return task.open(config, seed);
  const sizesOf = SIZES[task.dataSet];
  if (sizesOf === undefined)
    throw new ConfigError(`${task.dataSet}: its sizes are not known without reading it`);
  const { training, validation, ...more } = sizesOf(config);
  const examples = (count: number): object => ({
    count,
    batch(): never {
      throw new RangeError("an outline has no examples");
    },
  });
  const outline = {
    ...more,
    training: examples(training),
    validation: examples(validation),
    provenance: {
      ...{ name: `sizes of ${task.dataSet}`, standIn: false, source: "none", fingerprint: "outline" },
      ...{ training, validation, unit: "examples", verified: false },
    },
  };
  return outline as Opened;
}

/** An experiment on data of which only the sizes are known, and its steps. */
export interface OutlinedExperiment extends DescribedRun {
  readonly clock: Clock;
}

/**
 * The experiment of a choice, as `openOutline` opens its data: what it is made of can be read, and nothing computed.
 * @throws ConfigError
 */
export async function outlinedExperiment(task: Task, choice: Choice): Promise<OutlinedExperiment> {
  const open: Task["open"] = (config, seed) => openOutline(task, config, seed);
  const described = await describeRun({ ...choice, task: { ...task, open } });
  return { ...described, clock: clockOf(described.experiment) };
}

/** The learning rate of the update that follows `step` updates, of a schedule or a constant. */
export function rateAt({ experiment }: Pick<OutlinedExperiment, "experiment">, step: number): number {
  return at(experiment.optimiser.settings.learningRate, step);
}
