import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import { messageOf, SpectralError } from "../core/errors.js";
import { groupBy } from "../core/group-by.js";
import { openWeights } from "../store/weights.js";
import { stepsOf } from "./checkpoint-steps.js";
import type { ReadingOptions } from "./readings.js";
import { spectraOverSteps, type Checkpoint, type SpectraProgress, type StepResult } from "./step-spectra.js";
import { plansOf } from "./weight-spectra.js";

/** Checkpoints that are open; `close` them afterwards. */
export interface OpenCheckpoints {
  /** In the order of their steps. */
  readonly checkpoints: readonly Checkpoint[];
  /** What is missing or cannot be read, a sentence each; all else can be read. */
  readonly faults: readonly string[];
  close(): void;
}

/**
 * Opens the weights of one model, or of one at several steps.
 * @param overSteps the paths are steps of one training (see `stepsOf`)
 * @throws DataError if nothing can be read; of one step among several that cannot be, `faults` tells
 */
export async function openCheckpoints(
  paths: readonly string[],
  overSteps: boolean,
  options: ReadingOptions,
): Promise<OpenCheckpoints> {
  const checkpoints: Checkpoint[] = [];
  const faults: string[] = [];
  let failed: SpectralError | undefined;
  const series = overSteps ? stepsOf(paths) : paths.slice(0, 1).map((path) => ({ path, step: null }));
  for (const { step, path } of series) {
    try {
      const weights = await openWeights(path);
      const before = step === null ? "" : `step ${step}: `;
      faults.push(...weights.faults.map((fault) => before + fault));
      checkpoints.push({ step, weights, plans: plansOf(weights, options) });
    } catch (error) {
      if (!(error instanceof SpectralError)) throw error;
      failed ??= error;
      faults.push(messageOf(error));
    }
  }
  if (checkpoints.length === 0 && failed !== undefined) throw failed;
  return { checkpoints, faults, close: () => checkpoints.forEach(({ weights }) => weights.close()) };
}

export interface SpectraOptions extends Partial<ReadingOptions> {
  /** Whose singular values the table `spectra` has, by the matrix's name: of large models it is long. Default all. */
  readonly only?: (matrix: string) => boolean;
  readonly onProgress?: (progress: SpectraProgress) => void;
}

/** Spectra of checkpoints, as tables. `step` is null where there is one checkpoint alone. */
export interface CheckpointSpectra {
  /**
   * step; matrix; depth (place in the model, from 0); rows; columns; the measures of the probe `spectra`; the fits (`fitsOf`): alpha, ...,
   * mpEdge, mpAbove; equalTo (the first step at which the matrix had the same numbers, else null).
   */
  readonly ranks: ColumnTable;
  /** step; matrix; depth; rank (from 1, the largest); value. */
  readonly spectra: ColumnTable;
  /** step; matrix; depth; score: agreement of the leading singular vectors with the last step, in [0, 1]. Of several steps. */
  readonly agreement: ColumnTable;
  /** step; tensor; dtype; shape; why: what has no spectrum (not vectors and scalars). */
  readonly skipped: ColumnTable;
  /** Files that are missing or cannot be read. */
  readonly faults: readonly string[];
  /** What had the same numbers at two steps, a sentence each. */
  readonly equal: readonly string[];
}

/**
 * Spectra of every matrix of a model in foreign files, read as `spectral spectra` reads them: a safetensors file, a PyTorch
 * checkpoint, an index of shards or a folder; or several of them, the steps of one training.
 *
 * @example
 *     const { ranks, skipped } = await spectraOf("model.safetensors");
 *     const { agreement } = await spectraOf(["step1000", "step2000", "step4000"]);
 *
 * @param paths one path: one model; a list: steps, whose numbers are in their names (a list of one folder: what is in it)
 * @throws DataError if nothing can be read
 */
export async function spectraOf(
  paths: string | readonly string[],
  { choice = "auto", integers = false, only, onProgress }: SpectraOptions = {},
): Promise<CheckpointSpectra> {
  const [list, overSteps] = typeof paths === "string" ? [[paths], false] : [paths, true];
  const { checkpoints, faults, close } = await openCheckpoints(list, overSteps, { choice, integers });
  try {
    const tables = new SpectraTables(checkpoints, only);
    for await (const results of spectraOverSteps(checkpoints, onProgress)) tables.add(results);
    return { ...tables.tables(), faults };
  } finally {
    close();
  }
}

type Cell = number | string | null;

/** A table that grows by rows. */
class Rows<Name extends string> {
  readonly #columns: ReadonlyMap<Name, Cell[]>;

  constructor(names: readonly Name[]) {
    this.#columns = new Map(names.map((name) => [name, []]));
  }

  add(row: Readonly<Record<Name, Cell>>): void {
    for (const [name, column] of this.#columns) column.push(row[name] ?? null);
  }

  table(): ColumnTable {
    return aq.table([...this.#columns]);
  }
}

/** Collects results of `spectraOverSteps` as the tables of `spectraOf`. */
export class SpectraTables {
  readonly #ranks: Readonly<Record<string, Cell>>[] = [];
  readonly #spectra = new Rows(["step", "matrix", "depth", "rank", "value"]);
  readonly #agreement = new Rows(["step", "matrix", "depth", "score"]);
  readonly #skipped = new Rows(["step", "tensor", "dtype", "shape", "why"]);
  readonly #equal: Equality[] = [];

  constructor(
    private readonly checkpoints: readonly Checkpoint[],
    private readonly only: (matrix: string) => boolean = () => true,
  ) {
    for (const { step, plans } of checkpoints) {
      for (const { tensor, reading } of plans)
        if (reading.as === "left out") this.#skip(step, tensor.name, tensor, reading.why);
    }
  }

  #skip(
    step: number | null,
    name: string,
    { dtype, shape }: { readonly dtype: string; readonly shape: readonly number[] },
    why: string,
  ): void {
    this.#skipped.add({ step, tensor: name, dtype, shape: `[${shape.join(", ")}]`, why });
  }

  add(results: readonly StepResult[]): void {
    for (const { step, matrix, depth, plan, outcome } of results) {
      if ("failed" in outcome) {
        this.#skip(step, matrix, plan.tensor, outcome.failed);
        continue;
      }
      const { rows, columns } = plan.reading;
      const { measures, values, agreement, equalTo = null } = outcome;
      const origin = { step, matrix, depth };
      const numbers = Object.entries(measures).map(([name, value]) => [name, Number(value)]);
      this.#ranks.push({
        ...origin,
        rows,
        columns,
        ...(Object.fromEntries(numbers) as Record<string, number>),
        equalTo,
      });
      if (agreement !== undefined) this.#agreement.add({ ...origin, score: agreement });
      if (this.only(matrix))
        values.forEach((value, i) => this.#spectra.add({ ...origin, rank: i + 1, value }));
      if (step !== null && equalTo !== null) this.#equal.push({ matrix, step, equalTo });
    }
  }

  tables(): Omit<CheckpointSpectra, "faults"> {
    return {
      ranks: aq.from([...this.#ranks]) as ColumnTable,
      spectra: this.#spectra.table(),
      agreement: this.#agreement.table(),
      skipped: this.#skipped.table(),
      equal: equalities(this.#equal, this.#countAt()),
    };
  }

  /** How many matrices have a spectrum at each step. */
  #countAt(): Map<number, number> {
    const counts = new Map<number, number>();
    for (const { step } of this.#ranks)
      if (typeof step === "number") counts.set(step, (counts.get(step) ?? 0) + 1);
    return counts;
  }
}

/** A matrix that had the same numbers at an earlier step. */
export interface Equality {
  readonly matrix: string;
  readonly step: number;
  readonly equalTo: number;
}

const MOST_NAMED = 5;

/**
 * Equal weights in words, a sentence for each pair of steps: "steps 100 and 200: equal in all 12 matrices".
 * @param countAt how many matrices each step has
 */
export function equalities(equal: readonly Equality[], countAt: ReadonlyMap<number, number>): string[] {
  const pairs = groupBy(equal, ({ equalTo, step }) => `${equalTo} and ${step}`);
  return [...pairs].map(([steps, list]) => {
    const all = countAt.get(list[0].step);
    if (list.length === all) return `steps ${steps}: equal in all ${all} matrices`;
    const names = list.slice(0, MOST_NAMED).map(({ matrix }) => matrix);
    const more = list.length > MOST_NAMED ? ` and ${list.length - MOST_NAMED} more` : "";
    return `steps ${steps}: equal in ${list.length} of ${all ?? "all"} matrices: ${names.join(", ")}${more}`;
  });
}
