import type { Scalar, Tensor } from "@tensorflow/tfjs";
import type { NamedArrays } from "../core/array.js";

/**
 * Tensors under PyTorch's state-dict names and in PyTorch's layouts (linear: out x in; convolution: out x in x
 * height x width; transposed convolution: in x out x height x width), in a fixed order. A value: nothing changes it
 * in place, and training makes a new one at every step.
 */
export type Parameters = ReadonlyMap<string, Tensor>;

/** A sum over examples and the number of examples, so that means over data sets have no short-batch bias. */
export interface Ratio {
  readonly sum: number;
  readonly count: number;
}

/** Named ratios of one evaluation: `loss`, `error`, `characterError`, ... */
export type Metrics = Readonly<Record<string, Ratio>>;

/**
 * A loss (mean over the batch, differentiable) and, for models with running statistics, their next values.
 * Made inside a tidy: the caller disposes both.
 */
export interface Forward {
  readonly loss: Scalar;
  /** New values of (some of) the buffers; absent where nothing changed. */
  readonly buffers?: Parameters;
}

/** What a tensor holds, read by the host. */
export type Content = Float32Array | Int32Array | Uint8Array;

/** A network: pure functions of its parameters. `Batch` holds the tensors of one minibatch. */
export interface Model<Batch> {
  /** Short name for errors and tables: "vgg", "transformer". */
  readonly name: string;
  /** Shapes of the parameters by name, in the order of `init`: known without drawing them. */
  readonly shapes: ReadonlyMap<string, readonly number[]>;
  /** Initial parameters, drawn from the streams `init/<parameter name>` of `seed`. A function of `seed` alone. */
  init(seed: number): NamedArrays;
  /** Initial buffers: what a checkpoint holds but no gradient reaches (running statistics, fixed frequencies). */
  initBuffers(seed: number): NamedArrays;
  /** Training-mode forward pass: the loss that is minimised. */
  loss(parameters: Parameters, buffers: Parameters, batch: Batch): Forward;
  /** What `metrics` needs of the evaluation-mode forward pass of one batch, on the device. New tensors; the caller disposes them. */
  evaluate(parameters: Parameters, buffers: Parameters, batch: Batch): Tensor[];
  /** Metrics of one batch, from the content of what `evaluate` gave. Of the batch it reads shapes and what lies on the host. */
  metrics(content: readonly Content[], batch: Batch): Metrics;
  /** How parameters are read as matrices, in order of depth (PAPER.md section 1, "Matrix views"). */
  readonly matrices: readonly MatrixView[];
  /** Which output space meets which input space (PAPER.md section 1, "Alignment pairs"). */
  readonly contacts: readonly Contact[];
  /** Names of the matrices of the last layer, which pruning leaves whole. */
  readonly outputLayer: readonly string[];
  /** Names of the matrices that are embedding tables, which perturbations leave as they are. Default none. */
  readonly embedding?: readonly string[];
  /** Groups of units that may change places without changing the function. Default none is known. */
  readonly units?: readonly UnitGroup[];
  /**
   * The running statistics that one training batch alone would leave, under the names of the buffers: what they are recomputed
   * from after weights were edited. New tensors, the caller's. Absent where the model keeps none.
   */
  statistics?(parameters: Parameters, buffers: Parameters, batch: Batch): Parameters;
}

/** One parameter read as a matrix. */
export interface MatrixView {
  /** What tables and figures call it; unique in the model. Usually the parameter's own name. */
  readonly name: string;
  /** The parameter that holds it. */
  readonly parameter: string;
  /** Rows = outputs. */
  readonly rows: number;
  /** Columns = inputs. */
  readonly columns: number;
  /**
   * How the row-major parameter becomes the row-major matrix. "flatten": as it lies (linear, and convolutions flattened
   * to out x in*height*width). "transposed-convolution": (in, out, h, w) becomes out x in*h*w.
   */
  readonly layout: "flatten" | "transposed-convolution";
}

/**
 * One side of a contact: a sub-block of a matrix's singular vectors, or of the matrix itself before its SVD.
 * `space` says which vectors: "output" = columns of U (rows of the matrix), "input" = columns of V.
 */
export interface ContactSide {
  /** Name of a MatrixView. */
  readonly matrix: string;
  readonly space: "output" | "input";
  /** Rows [start, end) of the matrix that are decomposed on their own (the W_Q block of an in-projection). Default all. */
  readonly rows?: readonly [number, number];
  /** Columns [start, end) that are decomposed on their own (one direction's half of a bidirectional input). Default all. */
  readonly columns?: readonly [number, number];
  /** Which entries of each singular vector are used, after the SVD: start + stride * i for i < count (a gate; a kernel's centre). Default all. */
  readonly take?: { readonly start: number; readonly stride: number; readonly count: number };
}

/** A place where what one matrix writes is what another reads; alignment (Eqn 3) is measured there. */
export interface Contact {
  /** "embedding -> in_proj": unique in the model. */
  readonly name: string;
  readonly from: ContactSide;
  readonly to: ContactSide;
  /** Pairs measured separately and averaged (attention heads); then `from` and `to` are those of the first. */
  readonly heads?: readonly { readonly from: ContactSide; readonly to: ContactSide }[];
}

/** Units of one layer (or of layers that add up): permuting all its axes alike leaves the network's function as it is. */
export interface UnitGroup {
  /** "layers.0": unique in the model. */
  readonly name: string;
  /** Number of units. */
  readonly size: number;
  /**
   * Sizes of blocks of neighbouring units that stay together (the groups of a group normalisation): whole blocks change places, and
   * units within a block. The largest first, each made of whole ones of the next. Absent: any unit with any.
   */
  readonly blocks?: readonly number[];
  /**
   * Where the units are: entry `start + i` of an axis of a parameter or buffer belongs to unit i; `start` is 0 if it is not given. A
   * parameter may occur several times (the gates of an LSTM).
   */
  readonly axes: readonly { readonly parameter: string; readonly axis: number; readonly start?: number }[];
}
