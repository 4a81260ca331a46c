import { sizeOf } from "../core/array.js";
import { largest } from "../core/extent.js";
import { isReadable, whyUnread } from "../store/element-types.js";
import { packedBy } from "./quantised.js";

/** How a tensor of three sizes or more is read; "auto" tells by sizes and name. */
export type Choice = "auto" | "stack" | "flatten";

/** Which matrices a tensor holds, or why it has none. */
export type Reading =
  | {
      /** "matrix": it is one; "stack": one after another; "filters": of a convolution, outputs x all the rest. */
      readonly as: "matrix" | "stack" | "filters";
      /** Sizes of the stack, outermost first; none where there is one matrix. */
      readonly stack: readonly number[];
      readonly rows: number;
      readonly columns: number;
    }
  | { readonly as: "vector" | "scalar" }
  | { readonly as: "left out"; readonly why: string };

export interface ReadingOptions {
  readonly choice: Choice;
  /** Decomposes integers too. */
  readonly integers: boolean;
}

const INTEGERS = /^[IU]\d+$|^BOOL$/;

/**
 * How a tensor is read.
 *
 * - No size is a scalar, one a vector, and so is a tensor of three sizes or more of which all but one are 1.
 * - Two sizes are a matrix.
 * - Filters of a convolution (see `isFilters`) are flattened to outputs x (inputs x kernel), as the paper does.
 * - Everything else with three sizes or more is a stack of matrices of the last two sizes; leading sizes of 1 are dropped.
 * - Integers and booleans, whatever their size, are codes, indices or masks: left out unless they are asked for.
 * @param names of all tensors of the model
 */
export function readingOf(
  {
    name,
    dtype,
    shape,
  }: { readonly name: string; readonly dtype: string; readonly shape: readonly number[] },
  names: ReadonlySet<string>,
  { choice, integers }: ReadingOptions,
): Reading {
  if (sizeOf(shape) === 0) return { as: "left out", why: "empty: one of its sizes is 0" };
  const several = shape.filter((size) => size > 1).length;
  if (!isReadable(dtype)) return { as: "left out", why: whyUnread(dtype) };
  if (shape.length === 0) return { as: "scalar" };
  if (shape.length === 1 || (shape.length > 2 && several < 2)) return { as: "vector" };
  if (INTEGERS.test(dtype) && !integers) {
    const by = packedBy(name, names);
    const codes =
      by && `packed codes of a quantised matrix, in the manner of ${by}: not the weights themselves`;
    return { as: "left out", why: codes ?? "integers: codes, indices or masks, not weights" };
  }
  if (shape.length === 2) return { as: "matrix", stack: [], rows: shape[0], columns: shape[1] };
  if (choice === "flatten" || (choice === "auto" && isFilters(name, shape))) {
    return { as: "filters", stack: [], rows: shape[0], columns: sizeOf(shape) / shape[0] };
  }
  const first = shape.findIndex((size, i) => size > 1 || i === shape.length - 2);
  const stack = shape.slice(first, -2);
  const [rows, columns] = shape.slice(-2);
  return { as: stack.length === 0 ? "matrix" : "stack", stack, rows, columns };
}

/**
 * Whether [out, in, kernel...] is what the sizes mean: by the name (conv, patch_embed; never expert), else by kernels being
 * small and there being more outputs and inputs than that.
 */
function isFilters(name: string, shape: readonly number[]): boolean {
  const [out, input, ...kernel] = shape;
  if (shape.length > 5 || (out === 1 && input === 1)) return false;
  if (/expert/i.test(name)) return false;
  const named = /conv|patch_embed/i.test(name);
  if (kernel.length === 1) {
    const [k] = kernel;
    if (named || input === 1 || k === 1) return true; // a kernel of 1, or one input each (depthwise)
    return (k <= 4 || (k <= 11 && k % 2 === 1)) && k < out && k < input;
  }
  const widest = largest(kernel);
  if (named) return true;
  if (widest > 32) return false;
  const [height, width] = kernel.slice(-2);
  const usual = height === width || height === 1 || width === 1;
  return usual && (widest <= 7 || out > widest);
}
