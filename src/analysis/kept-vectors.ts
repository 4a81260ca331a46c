import { StoreError } from "../core/errors.js";
import type { SingularPairs } from "../linalg/agreement.js";
import type { SvdPool } from "../linalg/pool.js";
import type { Model } from "../nn/model.js";
import { pairsOf, vectorNames } from "../probes/vectors.js";
import { commandToRemake } from "../store/remake.js";
import type { RunReader } from "../store/stored-run.js";
import { singularPairs } from "./singular-pairs.js";

/**
 * The leading `pairs` singular vectors of a run's matrices, at the steps at which they are known: kept as such, or to be
 * had from kept weights.
 */
export class KeptVectors {
  /** Rising. */
  readonly steps: readonly number[];
  /** Steps at which vectors were kept, not weights alone. */
  readonly #kept: ReadonlySet<number>;

  /** @throws StoreError if at some step fewer vectors were kept, and no weights */
  constructor(
    readonly run: RunReader,
    readonly model: Model<unknown>,
    readonly pairs: number,
  ) {
    const most = Math.max(...model.matrices.map(({ rows, columns }) => Math.min(rows, columns)));
    const weights = new Set(run.weightSteps());
    const kept = new Set<number>();
    for (const { probe, step, vectors } of run.rows()) {
      if (probe !== "vectors") continue;
      if (Number(vectors) >= Math.min(pairs, most)) kept.add(Number(step));
      else if (!weights.has(Number(step))) throw this.#fewer(Number(step), Number(vectors));
    }
    this.#kept = kept;
    this.steps = [...new Set([...kept, ...weights])].sort((a, b) => a - b);
  }

  /** The command that trains the run again and keeps its vectors. */
  get command(): string {
    return commandToRemake(this.run.record, { vectors: this.pairs });
  }

  /**
   * The pairs of every matrix at one of the steps, in the order of the model: min(pairs, rows, columns) of each, NaN where
   * they are mere rounding.
   * @param svd what decomposes, if it has to be done
   * @throws DataError if what was kept is missing or damaged
   */
  async at(step: number, svd: () => SvdPool, signal: AbortSignal): Promise<readonly SingularPairs[]> {
    const { run, pairs } = this;
    const { matrices } = this.model;
    if (this.#kept.has(step)) {
      const names = matrices.flatMap(({ name }) => vectorNames(name));
      const arrays = run.readArrays(step, names);
      return matrices.map(({ name }) => {
        const [left, right] = vectorNames(name).map((side) => arrays.get(side)!);
        return pairsOf(left, right, pairs);
      });
    }
    const of = `run ${run.record.id}, step ${step}`;
    return singularPairs(matrices, run.readWeights(step), { pairs, svd: svd(), of, signal });
  }

  #fewer(step: number, found: number): StoreError {
    const instead = `compare fewer (--set pairs=${found}), or train it again with: ${this.command}`;
    return new StoreError(
      `run ${this.run.folder}: expected the ${this.pairs} leading singular vectors of step ${step}, found ${found}: ${instead}`,
    );
  }
}
