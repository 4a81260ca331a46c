import type { Tensor, Tensor1D, Tensor3D } from "@tensorflow/tfjs";

/** Hyper-parameters of one AdamW update; `step` counts from 1. */
export interface AdamWStep {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  readonly step: number;
}

/** Hyper-parameters of one SGD update with momentum, PyTorch's form: v = mu v + g + decay p; p = p - lr v. */
export interface SgdStep {
  readonly learningRate: number;
  readonly momentum: number;
  readonly weightDecay: number;
}

/**
 * Operations that a backend offers as single kernels. Each has a composed version (in optim/ and nn/) that is used where
 * the backend offers none and that is its test. All return new tensors and change none.
 */
export interface FusedOps {
  /** [p', m', v'] */
  adamw?(p: Tensor, m: Tensor, v: Tensor, g: Tensor, at: AdamWStep): [Tensor, Tensor, Tensor];
  /** [p', v'] */
  sgd?(p: Tensor, v: Tensor, g: Tensor, at: SgdStep): [Tensor, Tensor];
  /**
   * The recurrence of one bidirectional LSTM layer, differentiable in all four arguments.
   * xf, xr: input projections plus both biases, T x B x 4H, gates in the order i, f, g, o, of the forward and the reverse
   * direction; whf, whr: recurrent weights, 4H x H. Result T x B x 2H, forward half first.
   */
  bidirectionalLstm?(xf: Tensor3D, xr: Tensor3D, whf: Tensor, whr: Tensor): Tensor3D;
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
