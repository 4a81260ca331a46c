import type { FacetedStudy } from "spectral-lab/analysis/faceted-study";
import type { FacetedRun } from "spectral-lab/analysis/tables";
import { float32 } from "spectral-lab/core/array";
import { randomStream } from "spectral-lab/core/random";
import type { Row } from "spectral-lab/store/rows";
import type { RunReader } from "spectral-lab/store/stored-run";
import type { StudyReader } from "spectral-lab/store/study";
import { inventedData } from "../store/description.js";

/** One of two networks that are compared: a whole run, or a branch of one. */
export interface End {
  readonly seed: number;
  readonly order?: number;
  /** Epoch, of ten steps, at which it left its trunk; none: the trunk itself. */
  readonly split?: number;
  readonly edit?: string;
  readonly part?: number;
}

/** What is invented of a pair. */
export interface Invented {
  readonly ends: readonly [End, End];
  readonly barrier: number;
  readonly agreement: number;
  readonly distance?: number;
  /** Parameters of the barrier. */
  readonly set?: Readonly<Record<string, string | number>>;
  /** What is done to the second network before it is looked at. */
  readonly aligned?: boolean;
}

/** Runs and studies as readers of folders give them, of invented pairs. */
export interface Invention {
  readonly runs: readonly FacetedRun[];
  readonly studies: readonly FacetedStudy[];
}

const EPOCHS = 8;
const STEPS = 10;
const MATRICES = ["layers.0.conv.weight", "layers.1.conv.weight", "fc.weight"];
/** Of the untrained network, and of both ends of every line. */
export const [UNTRAINED, TRAINED] = [2.3, 0.3];

/** A network's name: what tells it from others. */
const idOf = (task: string, { seed, order = seed, split, edit = "", part = 0 }: End): string =>
  split === undefined ? `${task} ${seed}` : `${task} ${seed} ${order} ${split} ${edit} ${part}`;

/** Stored runs and studies of a task, with invented numbers; barriers have five points and are highest in the middle. */
export function invention(task: string, pairs: readonly Invented[]): Invention {
  const runs = new Map<string, FacetedRun>();
  for (const end of pairs.flatMap(({ ends }) => ends)) {
    const trunk: End = { seed: end.seed };
    for (const one of [trunk, end]) runs.set(idOf(task, one), runOf(task, one));
  }
  const studies = pairs.flatMap((pair, i) => studiesOf(task, pair, `${task} ${i}`));
  return { runs: [...runs.values()], studies };
}

function runOf(task: string, end: End): FacetedRun {
  const { seed, order = seed, split, edit, part = 0 } = end;
  const id = idOf(task, end);
  const origin = { run: idOf(task, { seed }), step: STEPS * (split ?? 0), ...(edit && { edit }) };
  const record = {
    ...{ id, task, seed, order, step: STEPS * EPOCHS, epoch: EPOCHS, status: "finished" },
    config: { trainingExamples: 100, trainingPart: part },
    data: inventedData,
    ...(split !== undefined && { origin }),
  };
  const loss = (step: number, value: number): Row => {
    return { probe: "metrics", step, split: "train", metric: "loss", variant: "full", value };
  };
  const rows = [loss(0, UNTRAINED), loss(STEPS * EPOCHS, TRAINED)];
  const run = { folder: id, record, rows: () => rows } as unknown as RunReader;
  return { run, facets: { task, setting: null, seed } };
}

function studiesOf(task: string, pair: Invented, name: string): FacetedStudy[] {
  const { ends, barrier, agreement, distance, set = {}, aligned = false } = pair;
  const random = randomStream(0, name);
  const inputs = ends.map((end, i) => ({
    ...{ run: idOf(task, end), task, step: STEPS * EPOCHS, seed: end.seed, data: inventedData },
    ...(aligned && i === 1 && { edit: "align:0123456789ab@end" }),
  }));
  const study = (
    kind: string,
    rows: readonly Row[],
    parameters: object = {},
    arrays: StudyReader["readArrays"] = () => new Map(),
  ): FacetedStudy => {
    const record = { kind, id: `${name} ${kind}`, inputs, parameters, status: "finished" };
    const reader = { folder: name, record, rows: () => rows, readArrays: arrays } as unknown as StudyReader;
    return { facets: { task, setting: null }, study: reader };
  };
  const points = [0, 0.25, 0.5, 0.75, 1].flatMap((alpha) => {
    const rise = alpha === 0.5 ? barrier : (barrier * (alpha * (1 - alpha))) / 0.25 / 2;
    const part = `alpha/${alpha}`;
    return [
      { part, alpha, metric: "loss", value: TRAINED + rise, count: 90 },
      { part, alpha, metric: "error", value: 0.1 + rise / 4, count: 90 },
    ];
  });
  const scores = MATRICES.map((matrix, depth) => {
    const score = Math.min(1, Math.max(0, agreement + 0.05 * (depth - 1)));
    return { part: `matrix/${matrix}`, matrix, depth, rows: 8 * 2 ** depth, columns: 12, score };
  });
  const diagonal = (part: string): ReturnType<StudyReader["readArrays"]> => {
    const own = Array.from({ length: 6 }, (_, i) => agreement * Math.exp(-i / 5) + random.uniform(0, 0.02));
    return new Map([[part.replace("matrix/", "agreement/"), float32([6], Float32Array.from(own))]]);
  };
  const defaults = { points: 5, components: "all", rest: "moves", half: "full", split: "train" };
  return [
    study("barrier", points, { ...defaults, ...set }),
    study("agreement", scores, { pairs: 6 }, diagonal),
    ...(distance === undefined
      ? []
      : [study("distance", [{ part: "matrices", difference: distance, norm1: 1, norm2: 1 }])]),
  ];
}

/** Pairs as the twin of the paper's VGG found them: branches of each trunk, and of different trunks, by the split. */
export function connected(trunks = 2, splits: readonly number[] = [0, 1, 4]): Invented[] {
  const random = randomStream(0, "connected");
  const near = (value: number, spread = 0.05): number => value * (1 + random.normal(0, spread));
  const orders = [3, 4, 5];
  const pairs: Invented[] = [];
  for (const split of splits) {
    for (let seed = 0; seed < trunks; seed++) {
      const level = 1.6 * Math.exp(-1.5 * split);
      for (const [a, b] of [
        [3, 4],
        [3, 5],
        [4, 5],
      ]) {
        const ends = [
          { seed, order: a, split },
          { seed, order: b, split },
        ] as const;
        const agreement = near(0.06 + 0.15 * split);
        pairs.push({ ends, barrier: near(level), agreement, distance: near(1.4 - 0.2 * split) });
      }
      for (const other of Array.from({ length: trunks - seed - 1 }, (_, i) => seed + 1 + i)) {
        for (const order of orders) {
          const ends = [
            { seed, order, split },
            { seed: other, order, split },
          ] as const;
          pairs.push({ ends, barrier: near(1.7), agreement: near(0.012, 0.2), distance: near(1.41, 0.005) });
        }
      }
    }
  }
  return pairs;
}

/** Pairs of perturbed branches, and unperturbed ones, from epoch 4. */
export function perturbed(trunks = 2, sizes: readonly number[] = [0.25, 1, 2.5]): Invented[] {
  const random = randomStream(0, "perturbed");
  const near = (value: number): number => value * (1 + random.normal(0, 0.05));
  const pairs: Invented[] = [];
  for (let seed = 0; seed < trunks; seed++) {
    const end = (order: number, edit?: string): End => ({ seed, order, split: 4, ...(edit && { edit }) });
    const add = (edits: readonly [string?, string?], barrier: number, agreement: number): void => {
      const ends = [end(3, edits[0]), end(4, edits[1])] as const;
      pairs.push({ ends, barrier: near(barrier), agreement: near(agreement) });
    };
    add([], 0.04, 0.6);
    for (const eta of sizes) {
      const [own, shared] = [eta / (1.6 + eta), eta / (4 + eta)];
      add([`perturb:${eta}#3`, `perturb:${eta}#4`], 0.04 + 2.6 * own ** 3, 0.6 - 0.9 * own ** 1.2);
      add([`perturb:${eta}`, `perturb:${eta}`], 0.04 + 0.5 * shared, 0.6 - 0.5 * shared);
    }
  }
  return pairs;
}
