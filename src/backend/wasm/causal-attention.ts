import * as tf from "@tensorflow/tfjs";
import type { Product } from "../../linalg/blas.js";
import { address, type WasmHeap } from "./heap.js";
import type { Kernel } from "./kernel.js";
import type { ProductTeam } from "./product-team.js";

/**
 * Causal attention (see FusedOps) by a BLAS, which reads queries, keys and values and writes results where they lie among
 * those of other heads: nothing is transposed, and of the scores only the weights are kept.
 */
export function causalAttention(
  kernel: Kernel,
  team: ProductTeam,
  heap: WasmHeap,
  projected: tf.Tensor3D,
  bias: tf.Tensor,
  heads: number,
): tf.Tensor3D {
  const [n, T, triple] = projected.shape;
  const width = triple / 3;
  const size = width / heads;
  const make = (shape: number[]): tf.Tensor =>
    tf.engine().makeTensorFromTensorInfo(heap.makeOutput(shape, "float32"));
  const at = (tensor: tf.Tensor): number => address(heap, tensor);

  /** Where a head's part of [n, T, ...] begins, its rows' distance and the distance of examples. */
  const part = (tensor: tf.Tensor, head: number, third?: number): Operand => {
    const pitch = third === undefined ? width : triple;
    return { at: at(tensor) + 4 * ((third ?? 0) * width + head * size), pitch, stride: T * pitch };
  };
  const square = (tensor: tf.Tensor, head: number): Operand => ({
    at: at(tensor) + 4 * head * T * T,
    pitch: T,
    stride: heads * T * T,
  });
  /** For every head, the products of all examples. */
  const multiply = (product: (head: number) => Product): void =>
    team.multiply(Array.from({ length: heads }, (_, head) => product(head)));
  const scores = (a: (head: number) => Operand, b: (head: number) => Operand, c: tf.Tensor): void =>
    multiply((h) => ({ ...operands(n, a(h), b(h), square(c, h)), transposeB: true, m: T, n: T, k: size }));
  const mixed = (
    a: tf.Tensor,
    turned: boolean,
    b: (head: number) => Operand,
    c: (head: number) => Operand,
  ): void =>
    multiply((h) => ({ ...operands(n, square(a, h), b(h), c(h)), transposeA: turned, m: T, n: size, k: T }));

  const run = tf.customGrad((...args) => {
    const [projected, bias] = args.slice(0, 2) as tf.Tensor[];
    const save = args[2] as unknown as tf.GradSaveFunc;
    // The keys' bias adds the same to all scores of a query, which the softmax cancels.
    const [ofQueries, , ofValues] = tf.split(bias, 3);
    const biased = tf.add(projected, tf.concat([ofQueries, tf.zeros([width]), ofValues]));
    const weights = make([n, heads, T, T]);
    scores(
      (h) => part(biased, h, 0),
      (h) => part(biased, h, 1),
      weights,
    );
    kernel.causalSoftmax(n * heads, T, 1 / Math.sqrt(size), at(weights));
    const out = make([n, T, width]);
    mixed(
      weights,
      false,
      (h) => part(biased, h, 2),
      (h) => part(out, h),
    );
    save([biased, weights]);
    const gradFunc = (dOut: tf.Tensor, [biased, weights]: tf.Tensor[]): tf.Tensor[] => {
      const dScores = make([n, heads, T, T]);
      const d = make([n, T, triple]);
      scores(
        (h) => part(dOut, h),
        (h) => part(biased, h, 2),
        dScores,
      );
      mixed(
        weights,
        true,
        (h) => part(dOut, h),
        (h) => part(d, h, 2),
      );
      kernel.causalSoftmaxGradient(n * heads, T, 1 / Math.sqrt(size), at(weights), at(dScores));
      mixed(
        dScores,
        false,
        (h) => part(biased, h, 1),
        (h) => part(d, h, 0),
      );
      mixed(
        dScores,
        true,
        (h) => part(biased, h, 0),
        (h) => part(d, h, 1),
      );
      const [dQueries, , dValues] = tf.split(tf.sum(d, [0, 1]), 3);
      return [d, tf.concat([dQueries, tf.zeros([width]), dValues])];
    };
    return { value: out, gradFunc };
  });
  return run(projected, bias) as tf.Tensor3D;
}

/** A matrix of each example: the address of the first, elements between rows and between examples. */
interface Operand {
  readonly at: number;
  readonly pitch: number;
  readonly stride: number;
}

function operands(count: number, a: Operand, b: Operand, c: Operand): Omit<Product, "m" | "n" | "k"> {
  return {
    transposeA: false,
    transposeB: false,
    add: false,
    a: a.at,
    b: b.at,
    c: c.at,
    pitchA: a.pitch,
    pitchB: b.pitch,
    pitchC: c.pitch,
    count,
    strideA: a.stride,
    strideB: b.stride,
    strideC: c.stride,
  };
}
