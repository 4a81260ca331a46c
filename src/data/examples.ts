import { ConfigError, DataError } from "../core/errors.js";
import { randomStream } from "../core/random.js";
import type { HostExamples } from "./dataset.js";

/** @throws DataError unless `indices` is non-empty and holds integers in [0, count). */
export function checkIndices(place: string, indices: ArrayLike<number>, count: number): void {
  if (indices.length === 0) throw new DataError(`${place}: a batch needs at least one index`);
  for (let i = 0; i < indices.length; i++) {
    const index = indices[i];
    if (!Number.isInteger(index) || index < 0 || index >= count) {
      throw new DataError(
        `${place}: index ${i} of the batch must be an integer in [0, ${count}), found ${index}`,
      );
    }
  }
}

/** 0 .. count - 1: the index of every example, in order. */
export function allIndices(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => i);
}

/**
 * A fixed random choice of `count` of the examples, for a profile that trains on less: the same for every run (stream
 * `data/subset` of seed 42). All of them, in their order, where there are no more.
 * @param part 0, 1, ...: which of several such choices without an example in common
 * @throws ConfigError if `count` is not an integer >= 1, or if there are not enough examples for the part
 */
export function subset<Batch>(examples: HostExamples<Batch>, count: number, part = 0): HostExamples<Batch> {
  if (!Number.isInteger(count) || count < 1) {
    throw new ConfigError(`subset: count must be an integer >= 1, found ${count}`);
  }
  if (count >= examples.count && part === 0) return examples;
  const [from, to] = [part * count, (part + 1) * count];
  if (to > examples.count) {
    throw new ConfigError(
      `subset: part ${part} of ${count} examples each needs ${to}, found ${examples.count}: choose fewer examples`,
    );
  }
  const chosen = randomStream(42, "data/subset").permutation(examples.count).subarray(from, to);
  return {
    count,
    batch(indices) {
      checkIndices("subset", indices, count);
      return examples.batch(Array.from(indices, (index) => chosen[index]));
    },
  };
}
