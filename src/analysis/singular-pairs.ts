import type { NamedArrays } from "../core/array.js";
import { resolved, type SingularPairs } from "../linalg/agreement.js";
import type { SvdPool } from "../linalg/pool.js";
import type { MatrixView } from "../nn/model.js";
import { matrixOf } from "../nn/views.js";

/** What decomposes weights, and how far. */
export interface PairsOptions {
  /** At most so many of each matrix. */
  readonly pairs: number;
  readonly svd: Pick<SvdPool, "svdMany">;
  /** Whose weights: named in errors. */
  readonly of: string;
  readonly signal?: AbortSignal;
}

/**
 * The leading pairs of singular vectors of matrices, in their order: min(pairs, rows, columns) of each, NaN where they are
 * mere rounding (see `resolved`).
 */
export async function singularPairs(
  views: readonly MatrixView[],
  weights: NamedArrays,
  { pairs, svd, of, signal }: PairsOptions,
): Promise<SingularPairs[]> {
  const requests = views.map((view) => ({
    ...matrixOf(view, weights),
    left: pairs,
    right: pairs,
    name: `${view.name} (${of})`,
    signal,
  }));
  return (await svd.svdMany(requests)).map(resolved);
}
