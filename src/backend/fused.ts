import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D } from "@tensorflow/tfjs";

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

/** Running statistics of a batch normalisation, [channels] each. */
export interface RunningStatistics {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

export interface BatchNormOptions {
  /** Share of the batch in the next running statistics. */
  readonly momentum: number;
  readonly epsilon: number;
  /** Whether max(y, 0) follows. */
  readonly relu: boolean;
  /** [channels]: added to x (a convolution's bias). Normalisation cancels it but in the running mean: its gradient is 0. */
  readonly shift?: Tensor;
}

export interface BatchNormResult {
  readonly y: Tensor;
  /** The next ones. */
  readonly running: RunningStatistics;
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
  /**
   * Cross entropy of logits with class numbers (int32), summed over the rows and times `scale`; differentiable in `logits`. NaN
   * where a label is no class.
   */
  crossEntropy?(logits: Tensor2D, labels: Tensor1D, scale: number): Scalar;
  /** Standardises the rows of x [..., channels], times gain plus bias [channels]; differentiable in all three. */
  layerNorm?(x: Tensor, gain: Tensor, bias: Tensor, epsilon: number): Tensor;
  /**
   * Standardises each example's groups of channels of x [n, height, width, channels] + shift [n, channels], times gain plus bias
   * [channels], then Swish if wanted; differentiable in all four. Undefined for sizes that are not offered.
   */
  groupNorm?(
    x: Tensor4D,
    shift: Tensor2D,
    gain: Tensor,
    bias: Tensor,
    groups: number,
    epsilon: number,
    swish: boolean,
  ): Tensor4D | undefined;
  /** Batch normalisation in training mode of x [..., channels]; differentiable in x, gain, bias and shift. */
  batchNorm?(
    x: Tensor,
    gain: Tensor,
    bias: Tensor,
    running: RunningStatistics,
    options: BatchNormOptions,
  ): BatchNormResult;
  /** The same by the running statistics. */
  batchNormEval?(
    x: Tensor,
    gain: Tensor,
    bias: Tensor,
    running: RunningStatistics,
    options: Omit<BatchNormOptions, "momentum">,
  ): Tensor;
  /** x [..., channels] + bias [channels]; differentiable, as are the next two. */
  addBias?(x: Tensor, bias: Tensor): Tensor;
  /** max(x + bias, 0). */
  addBiasAndRelu?(x: Tensor, bias: Tensor): Tensor;
  /** residual + (x + bias), with x and residual of one shape. */
  addBiasAndResidual?(x: Tensor, bias: Tensor, residual: Tensor): Tensor;
  /**
   * Causal attention of each head from queries, keys and values side by side [n, time, 3 width], to which bias [3 width] but for
   * the keys' third is added; differentiable in both. Result n x time x width, before the output projection.
   */
  causalAttention?(projected: Tensor3D, bias: Tensor, heads: number): Tensor3D;
  /**
   * Attention of the last of a few positions to all of them. projected [positions * vocabulary, 3 width]: queries, keys and values
   * of each token at each position, with a bias as above; tokens int32 [n, positions]. Differentiable in both. Result n x width;
   * undefined for sizes that are not offered.
   */
  lastAttention?(projected: Tensor2D, bias: Tensor, tokens: Tensor2D, heads: number): Tensor2D | undefined;
}
