import type { Tensor, Tensor1D, Tensor2D, Tensor3D } from "@tensorflow/tfjs";

/** A list of numbers on the host and as a tensor (`Scalars` of optim/). */
export interface NumbersOfUpdate {
  readonly values: readonly number[];
  readonly tensor: Tensor1D;
}

/** Hyper-parameters of AdamW that never change. */
export interface AdamWConstants {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/** Hyper-parameters of SGD with momentum, PyTorch's form: v = mu v + g + decay p; p = p - rate v. */
export interface SgdConstants {
  readonly momentum: number;
  readonly weightDecay: number;
}

/** What batch normalisation in training mode gives. */
export interface BatchNormalised {
  readonly y: Tensor2D;
  /** [channels]; both are constants, and the caller's, which disposes them. */
  readonly mean: Tensor;
  /** [channels], biased. */
  readonly variance: Tensor;
}

/**
 * Operations that a backend offers as single kernels. Each has a composed version (in optim/ and nn/) that is used where
 * the backend offers none and that is its test. All return new tensors and change none.
 */
export interface FusedOps {
  /**
   * [p', m', v'] with m' = beta1 m + (1 - beta1) g, v' = beta2 v + (1 - beta2) g^2 and
   * p' = decay p - rate m' / (sqrt(correction v') + epsilon).
   * @param numbers decay, rate, correction
   */
  adamw?(
    p: Tensor,
    m: Tensor,
    v: Tensor,
    g: Tensor,
    numbers: NumbersOfUpdate,
    constants: AdamWConstants,
  ): [Tensor, Tensor, Tensor];
  /** [p', v']. @param numbers the learning rate */
  sgd?(p: Tensor, v: Tensor, g: Tensor, numbers: NumbersOfUpdate, constants: SgdConstants): [Tensor, Tensor];
  /**
   * The recurrence of one bidirectional LSTM layer, differentiable in all four arguments.
   * xf, xr: input projections plus both biases, T x B x 4H, gates in the order i, f, g, o, of the forward and the reverse
   * direction; whf, whr: recurrent weights, 4H x H. Result T x B x 2H, forward half first.
   */
  bidirectionalLstm?(xf: Tensor3D, xr: Tensor3D, whf: Tensor, whr: Tensor): Tensor3D;
  /**
   * (x - mean) / sqrt(variance + epsilon) gain + bias by the moments of the columns of x [rows, channels]; differentiable in x,
   * gain and bias [channels].
   */
  batchNorm?(x: Tensor2D, gain: Tensor, bias: Tensor, epsilon: number): BatchNormalised;
  /** Standardises the rows of x [..., channels], times gain plus bias [channels]; differentiable in all three. */
  layerNorm?(x: Tensor, gain: Tensor, bias: Tensor, epsilon: number): Tensor;
  /**
   * Causal attention of each head from queries, keys and values side by side [n, time, 3 width], to which bias [3 width] but for
   * the keys' third is added; differentiable in both. Result n x time x width, before the output projection.
   */
  causalAttention?(projected: Tensor3D, bias: Tensor, heads: number): Tensor3D;
  /**
   * CTC negative log likelihood per utterance, differentiable in `logits`. logits T x B x V (before softmax), labels
   * B x L row-major and padded, lengths in frames and labels. Result: B losses.
   */
  ctc?(
    logits: Tensor3D,
    labels: Int32Array,
    frames: Int32Array,
    labelLengths: Int32Array,
    blank: number,
  ): Tensor1D;
}
