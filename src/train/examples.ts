import type { Tensor } from "@tensorflow/tfjs";
import type { NdArray } from "../core/array.js";
import type { Random } from "../core/random.js";
import { randomStream } from "../core/random.js";
import type { HostExamples } from "../data/dataset.js";
import { toTensors } from "../nn/parameters.js";

/** A data set as batches of tensors. */
export interface Examples<Batch> {
  readonly count: number;
  /**
   * The examples at these positions as tensors, which the caller disposes. Whatever is random in a batch (noise,
   * diffusion times) is drawn from `random`.
   */
  batch(indices: Int32Array, random: Random): Batch;
  /** True where `batch` is a function of `indices` alone, so that a full batch needs making only once. */
  readonly fixed?: boolean;
}

/** Host examples whose batches are nothing but arrays, as tensors under the same names. */
export function asTensors<Host extends { readonly [K in keyof Host]: NdArray }>(
  examples: HostExamples<Host>,
): Examples<{ readonly [K in keyof Host]: Tensor }> {
  return {
    count: examples.count,
    fixed: true,
    batch: (indices) =>
      Object.fromEntries(toTensors(new Map(Object.entries(examples.batch(indices))))) as {
        [K in keyof Host]: Tensor;
      },
  };
}

/**
 * A fixed random choice of `count` of the examples in their order, the same for every run (stream `evaluation/sample` of seed 0);
 * all of them where there are no more. The first ones would be no sample: utterances lie by speaker, and texts by article.
 */
export function sampleOf<Batch>(examples: Examples<Batch>, count: number): Examples<Batch> {
  if (count >= examples.count) return examples;
  const chosen = randomStream(0, "evaluation/sample").permutation(examples.count).slice(0, count).sort();
  return {
    ...examples,
    count,
    batch: (indices, random) =>
      examples.batch(
        indices.map((index) => chosen[index]),
        random,
      ),
  };
}

/** How an epoch of `count` examples is cut into optimiser steps. */
export interface Batching {
  readonly batchSize: number;
  /** Batches whose gradients are averaged into one optimiser step. Default 1. */
  readonly accumulation?: number;
}

/** Optimiser steps in one epoch; the last may have fewer or smaller batches. */
export function stepsPerEpoch(count: number, { batchSize, accumulation = 1 }: Batching): number {
  return Math.ceil(count / (batchSize * accumulation));
}

/**
 * The order of examples in an epoch (counted from 0): a function of seed and epoch alone, so that a resumed run sees
 * what the uninterrupted one would have. A full batch has no order and keeps that of the data.
 */
export function epochOrder(count: number, batchSize: number, seed: number, epoch: number): Int32Array {
  if (batchSize >= count) return Int32Array.from({ length: count }, (_, i) => i);
  return randomStream(seed, `order/epoch/${epoch}`).permutation(count);
}

/** The index lists of the batches that make up one optimiser step, `stepInEpoch` counted from 0. */
export function batchesOfStep(
  order: Int32Array,
  { batchSize, accumulation = 1 }: Batching,
  stepInEpoch: number,
): Int32Array[] {
  const batches: Int32Array[] = [];
  for (let i = 0; i < accumulation; i++) {
    const start = (stepInEpoch * accumulation + i) * batchSize;
    if (start < order.length) batches.push(order.subarray(start, Math.min(start + batchSize, order.length)));
  }
  return batches;
}
