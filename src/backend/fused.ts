import type { Scalar, Tensor, Tensor1D, Tensor3D } from "@tensorflow/tfjs";

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

/** A parameter with its moments. */
export interface AdamWTensors {
  readonly p: Tensor;
  readonly m: Tensor;
  readonly v: Tensor;
}

/** A parameter with its velocity. */
export interface SgdTensors {
  readonly p: Tensor;
  readonly v: Tensor;
}

/**
 * Operations that a backend offers as single kernels. Each has a composed version (in optim/ and nn/) that is used where
 * the backend offers none and that is its test. All return new tensors and change none, but for updates that are asked to.
 */
export interface FusedOps {
  /**
   * { p', m', v' } of every parameter, with m' = beta1 m + (1 - beta1) g, v' = beta2 v + (1 - beta2) g^2 and
   * p' = decay p - rate m' / (sqrt(correction v') + epsilon).
   * @param numbers decay, rate, correction
   * @param inPlace writes over the given tensors, which share memory with no others, and returns them
   */
  adamw?(
    states: readonly AdamWTensors[],
    gradients: readonly Tensor[],
    numbers: NumbersOfUpdate,
    constants: AdamWConstants,
    inPlace: boolean,
  ): AdamWTensors[];
  /** { p', v' } of every parameter. @param numbers the learning rate. @param inPlace as for AdamW */
  sgd?(
    states: readonly SgdTensors[],
    gradients: readonly Tensor[],
    numbers: NumbersOfUpdate,
    constants: SgdConstants,
    inPlace: boolean,
  ): SgdTensors[];
  /** Numbers whose sum is the sum of the squares of all elements. */
  squareSums?(tensors: readonly Tensor[]): Tensor1D;
  /** Every tensor times one number. */
  scale?(tensors: readonly Tensor[], factor: Scalar): Tensor[];
  /**
   * The recurrence of one bidirectional LSTM layer, differentiable in all four arguments.
   * xf, xr: input projections plus both biases, T x B x 4H, gates in the order i, f, g, o, of the forward and the reverse
   * direction; whf, whr: recurrent weights, 4H x H. Result T x B x 2H, forward half first; undefined for a hidden size that
   * the backend does not take.
   */
  bidirectionalLstm?(xf: Tensor3D, xr: Tensor3D, whf: Tensor, whr: Tensor): Tensor3D | undefined;
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
