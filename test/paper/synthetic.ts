import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import { randomStream } from "spectral-lab/core/random";

interface Origin {
  task: string;
  setting: null;
  seed: number;
  step: number;
  epoch: number;
}

/** Rows of an invented training run with the paper's shapes: what figures and claims are tested on. */
export interface Synthetic {
  metrics: (Origin & { split: string; variant: string; metric: string; value: number })[];
  spectra: (Origin & { matrix: string; rank: number; value: number })[];
  ranks: (Origin & { matrix: string; depth: number; effectiveRank: number })[];
  alignment: (Origin & { contact: string; rank: number; value: number })[];
  scores: (Origin & { contact: string; depth: number; score: number; dimension: number })[];
}

/** The rows as tables. */
export function tablesOf(rows: Synthetic): { [Name in keyof Synthetic]: ColumnTable } {
  const { metrics, spectra, ranks, alignment, scores } = rows;
  return {
    metrics: aq.from(metrics),
    spectra: aq.from(spectra),
    ranks: aq.from(ranks),
    alignment: aq.from(alignment),
    scores: aq.from(scores),
  };
}

export interface SyntheticOptions {
  /** The experiment: its facets are `{ task, setting: null }`. */
  task: string;
  /** Number of singular values of every matrix. */
  size: number;
  matrices: readonly string[];
  epochs: number;
  moments: number;
  seeds?: readonly number[];
  /** How far the effective rank falls by the end, 0 to 1. */
  collapse?: number;
  /** Part of training after which validation error falls; above 1: never. */
  generalisesAt?: number;
  /** Losses of pruned models too. */
  pruned?: boolean;
}

export function synthetic(options: SyntheticOptions): Synthetic {
  const tables: Synthetic = { metrics: [], spectra: [], ranks: [], alignment: [], scores: [] };
  for (const seed of options.seeds ?? [0]) run(tables, options, seed);
  return tables;
}

/** Several runs in one set of tables. */
export function together(...runs: Synthetic[]): Synthetic {
  return {
    metrics: runs.flatMap((run) => run.metrics),
    spectra: runs.flatMap((run) => run.spectra),
    ranks: runs.flatMap((run) => run.ranks),
    alignment: runs.flatMap((run) => run.alignment),
    scores: runs.flatMap((run) => run.scores),
  };
}

function run(tables: Synthetic, options: SyntheticOptions, seed: number): void {
  const {
    task,
    size,
    matrices,
    epochs,
    moments,
    collapse = 0.6,
    generalisesAt = 0.5,
    pruned = false,
  } = options;
  const random = randomStream(seed, `synthetic/${task}`);
  const shift = random.uniform(-0.05, 0.05);
  for (let i = 0; i < moments; i++) {
    const part = i / (moments - 1);
    const origin: Origin = { task, setting: null, seed, step: i * 100, epoch: part * epochs };
    const fallen = collapse / (1 + Math.exp(-14 * (part - generalisesAt - shift)));
    metricsAt(tables, origin, part - shift, generalisesAt, pruned, () => random.normal(0, 0.008));
    for (const [depth, matrix] of matrices.entries()) {
      const decay = 3 * fallen * (1 + 0.2 * depth) + 0.4 + part;
      for (let rank = 1; rank <= size; rank++) {
        const x = (rank - 1) / size;
        const value = (1 + 2.5 * part * Math.exp(-20 * x)) * Math.exp(-decay * x) * (1.02 - x);
        tables.spectra.push({ ...origin, matrix, rank, value });
      }
      const effectiveRank = Math.min(
        1,
        0.9 * (1 - fallen * (0.7 + (0.3 * depth) / matrices.length)) + random.normal(0, 0.004),
      );
      tables.ranks.push({ ...origin, matrix, depth, effectiveRank });
    }
    contactsAt(tables, origin, part, fallen, size, matrices, random);
  }
}

function metricsAt(
  { metrics }: Synthetic,
  origin: Origin,
  part: number,
  generalisesAt: number,
  pruned: boolean,
  noise: () => number,
): void {
  const trainError = Math.max(0, Math.exp(-40 * part) - 0.001);
  const validationError = Math.max(0, 0.97 / (1 + Math.exp(25 * (part - generalisesAt))) + 0.01 + noise());
  const loss = 2.3 * Math.exp(-4 * part) + 0.02;
  for (const [split, error, gap] of [
    ["train", trainError, 0],
    ["validation", Math.min(1, validationError), 0.3 * part],
  ] as const) {
    metrics.push({ ...origin, split, metric: "error", value: error, variant: "full" });
    const full = (loss + gap) * Math.exp(5 * noise());
    metrics.push({ ...origin, split, metric: "loss", value: full, variant: "full" });
    if (!pruned) continue;
    metrics.push({
      ...origin,
      split,
      metric: "loss",
      value: full * (1 + 0.3 * Math.exp(-3 * part)),
      variant: "top",
    });
    metrics.push({
      ...origin,
      split,
      metric: "loss",
      value: full + 2.5 * (1 - Math.exp(-6 * part)),
      variant: "bottom",
    });
  }
}

function contactsAt(
  { alignment, scores }: Synthetic,
  origin: Origin,
  part: number,
  fallen: number,
  size: number,
  matrices: readonly string[],
  random: ReturnType<typeof randomStream>,
): void {
  for (let depth = 0; depth + 1 < matrices.length; depth++) {
    const contact = `${matrices[depth]} -> ${matrices[depth + 1]}`;
    let sum = 0;
    for (let rank = 1; rank <= Math.min(size, 100); rank++) {
      const noise = Math.abs(random.normal(0, 1 / Math.sqrt(size)));
      const value = Math.min(1, noise + 0.6 * fallen * part * Math.exp(-rank / 8));
      if (rank <= 10) sum += value;
      if (depth === 0) alignment.push({ ...origin, contact, rank, value });
    }
    scores.push({ ...origin, contact, depth, score: sum / Math.min(size, 10), dimension: size });
  }
}
