import { type NamedArrays, type NdArray, sizeOf } from "../core/array.js";
import { SpectralError } from "../core/errors.js";
import type { UnitGroup } from "./model.js";

/** Orders of units by the name of their group: unit i becomes what unit `order[i]` was. */
export type Permutations = ReadonlyMap<string, Int32Array>;

/** An axis of a row-major array: the entry `at` of `length` lies `inner` numbers long, `outer` times. */
export interface Axis {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

/**
 * Reads the sizes around an axis of a group.
 * @throws SpectralError naming the parameter if the units do not lie in it
 */
export function axisOf(
  group: UnitGroup,
  { parameter, axis, start = 0 }: UnitGroup["axes"][number],
  shape: readonly number[],
): Axis {
  // prettier-ignore
  const length = shape[axis] ?? 0;
  if (start + group.size > length) {
    throw new SpectralError(
      `units "${group.name}": expected entries ${start} to ${start + group.size} of axis ${axis} of "${parameter}", found [${shape}]`,
    );
  }
  return { outer: sizeOf(shape.slice(0, axis)), length, inner: sizeOf(shape.slice(axis + 1)) };
}

/**
 * Gives the units of groups another order: "pi applied to" arrays, in which unit i becomes what unit pi[i] was. Leaves the
 * network's function and the singular values of its matrices as they are. Arrays that are absent are passed over, and those that no group touches
 * are passed through.
 * @param arrays parameters and buffers, or whatever else has their names and shapes
 * @throws SpectralError if an order is not one of the group's units, or tears one of its blocks; if the units do not lie in an array
 */
export function permuteUnits(
  groups: readonly UnitGroup[],
  arrays: NamedArrays,
  permutations: Permutations,
): NamedArrays {
  const permuted = new Map(arrays);
  for (const group of groups) {
    const order = permutations.get(group.name);
    if (!order) continue;
    checkOrder(group, order);
    for (const place of group.axes) {
      const array = permuted.get(place.parameter);
      if (array) permuted.set(place.parameter, permuteAxis(array, order, axisOf(group, place, array.shape), place.start)); // prettier-ignore
    }
  }
  return permuted;
}

function checkOrder({ name, size, blocks = [] }: UnitGroup, order: Int32Array): void {
  const seen = new Set(order);
  const whole =
    order.length === size && seen.size === size && order.every((unit) => unit >= 0 && unit < size);
  if (whole) {
    const torn = blocks.find((block) => order.some((unit, i) => Math.floor(unit / block) !== Math.floor(order[i - (i % block)] / block))); // prettier-ignore
    if (torn === undefined) return;
    throw new SpectralError(`units "${name}": expected an order that keeps blocks of ${torn} together, found one that does not`); // prettier-ignore
  }
  throw new SpectralError(`units "${name}": expected an order of 0 to ${size - 1}, found ${order.length} numbers, ${seen.size} of them different`); // prettier-ignore
}

function permuteAxis(array: NdArray, order: Int32Array, { outer, length, inner }: Axis, start = 0): NdArray {
  const old = array.data as Float32Array;
  const data = old.slice();
  for (let o = 0; o < outer; o++) {
    const base = o * length + start;
    for (let i = 0; i < order.length; i++) {
      const from = (base + order[i]) * inner;
      data.set(old.subarray(from, from + inner), (base + i) * inner);
    }
  }
  return { ...array, data };
}
