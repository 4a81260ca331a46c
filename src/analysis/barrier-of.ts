import { SpectralError } from "../core/errors.js";

/** How far a curve rises above the line between its ends. */
export interface Barrier {
  /** The largest rise over the inner points; negative where the curve lies below the line. NaN if a value is. */
  readonly barrier: number;
  /** Where it is; NaN if a value is. */
  readonly alpha: number;
  /** The values at 0 and 1. */
  readonly first: number;
  readonly last: number;
}

/**
 * The barrier of a curve (PAPER.md section 1, Eqn 6): the largest of f(alpha) - ((1 - alpha) f(0) + alpha f(1)) over all alphas
 * but 0 and 1.
 * @param alphas rising from 0 to 1, three or more
 * @param values of the curve, as many
 * @throws SpectralError for other alphas, or another number of values
 * @example barrierOf([0, 0.5, 1], [1, 3, 2]); // { barrier: 1.5, alpha: 0.5, first: 1, last: 2 }
 */
export function barrierOf(alphas: readonly number[], values: readonly number[]): Barrier {
  const [count, end] = [alphas.length, alphas.length - 1];
  const rising = alphas.every((alpha, i) => i === 0 || alpha > alphas[i - 1]);
  if (count < 3 || alphas[0] !== 0 || alphas[end] !== 1 || !rising || values.length !== count) {
    const found = `${values.length} values at [${alphas.join(", ")}]`;
    throw new SpectralError(`barrierOf: expected values at alphas that rise from 0 to 1, found ${found}`);
  }
  const [first, last] = [values[0], values[end]];
  if (values.some(Number.isNaN)) return { barrier: NaN, alpha: NaN, first, last };
  let best = { barrier: -Infinity, alpha: NaN };
  for (let i = 1; i < end; i++) {
    const barrier = values[i] - ((1 - alphas[i]) * first + alphas[i] * last);
    if (barrier > best.barrier) best = { barrier, alpha: alphas[i] };
  }
  return { ...best, first, last };
}
