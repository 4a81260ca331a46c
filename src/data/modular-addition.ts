import { ConfigError } from "../core/errors.js";
import { randomStream } from "../core/random.js";
import type { Dataset, HostExamples, IntArray } from "./dataset.js";
import { checkIndices } from "./examples.js";
import { fingerprintOf } from "./fingerprint.js";

/** One batch of sums; the loss is taken at the last position only. */
export interface AdditionBatch {
  /** I32 [batch, 3]: a, b and the "=" token, which is p; a and b in [0, p). */
  readonly tokens: IntArray;
  /** I32 [batch]: (a + b) mod p. */
  readonly targets: IntArray;
}

export interface ModularAdditionOptions {
  /** The modulus p, an integer >= 2; 113 or 97 in the paper. Tokens are 0 .. p, so the vocabulary has p + 1. */
  readonly modulus: number;
  /** Share of the p^2 ordered pairs that is trained on, in (0, 1); 0.3, 0.7 or 0.9 in the paper. */
  readonly trainingFraction: number;
  /** Seed of the shuffle (stream `data/modular-addition`). */
  readonly seed: number;
}

/**
 * a + b mod p (PAPER.md section 2): all p^2 ordered pairs, shuffled by the seed; the first
 * floor(fraction * p^2) train, the rest validate.
 * @throws ConfigError if the modulus or the fraction leaves its range or one side would be empty
 */
export function modularAddition(options: ModularAdditionOptions): Dataset<AdditionBatch> {
  const { modulus: p, trainingFraction, seed } = options;
  if (!Number.isInteger(p) || p < 2 || p > 4096) {
    throw new ConfigError(`modularAddition: modulus must be an integer in [2, 4096], found ${p}`);
  }
  const pairs = p * p;
  const trained = Math.floor(trainingFraction * pairs);
  if (!(trained >= 1 && trained < pairs)) {
    throw new ConfigError(
      `modularAddition: trainingFraction must leave pairs on both sides, found ${trainingFraction} of ${pairs}`,
    );
  }
  const order = randomStream(seed, "data/modular-addition").permutation(pairs);
  return {
    provenance: {
      name: `a + b mod ${p}`,
      standIn: false,
      source: `all ${pairs} ordered pairs`,
      fingerprint: fingerprintOf("a + b modulo", String(p)), // of all pairs; the split is the seed's
      training: trained,
      validation: pairs - trained,
      unit: "pairs",
      verified: true,
    },
    training: sums(p, order.subarray(0, trained)),
    validation: sums(p, order.subarray(trained)),
  };
}

/** The sums whose pair number a p + b is listed in `pairs`. */
function sums(p: number, pairs: Int32Array): HostExamples<AdditionBatch> {
  return {
    count: pairs.length,
    batch(indices) {
      checkIndices("modular addition", indices, pairs.length);
      const size = indices.length;
      const tokens = new Int32Array(3 * size);
      const targets = new Int32Array(size);
      for (let i = 0; i < size; i++) {
        const pair = pairs[indices[i]];
        const a = Math.floor(pair / p);
        const b = pair % p;
        tokens.set([a, b, p], 3 * i);
        targets[i] = (a + b) % p;
      }
      return {
        tokens: { dtype: "I32", shape: [size, 3], data: tokens },
        targets: { dtype: "I32", shape: [size], data: targets },
      };
    },
  };
}
