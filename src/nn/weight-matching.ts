import type { NamedArrays, NdArray } from "../core/array.js";
import { ConfigError, DataError } from "../core/errors.js";
import { assignInBlocks } from "../linalg/assignment.js";
import { openRowProducts } from "../linalg/engine.js";
import type { Model, UnitGroup } from "./model.js";
import { axisOf, type Permutations, permuteUnits } from "./units.js";

/** How the units of one network are best matched with those of another. */
export interface Matching {
  /** "pi applied to B" (see `permuteUnits`): unit i of A is matched with unit pi[i] of B. By name of the group. */
  readonly permutations: Permutations;
  /** Inner product of the parameters of A with those of B, before and after. */
  readonly atIdentity: number;
  readonly objective: number;
  /** Rounds over all groups, the last, which changed nothing more, included. */
  readonly sweeps: number;
}

/** A sweep that raises the objective by no more ends the ascent. */
const TOLERANCE = 1e-9;

/**
 * Weight matching (Ainsworth, Hayase and Srinivasa 2023): permutations of the units of B under which its weights are most like those of
 * A, in that the inner product of all their parameters is large; buffers do not count. Coordinate ascent from the identity: the groups
 * are visited in their order, each time with the best order of its units while the others stay (a linear assignment problem, solved exactly).
 * Where a group's units are on both axes of one matrix (the recurrence of an LSTM) that problem is quadratic: then the assignment is that of its
 * linear part, and is taken only if the objective rises. It ends in an optimum, not always the highest.
 * @param a, b weights of two networks of the model
 * @throws ConfigError if the model has no units that are known to be interchangeable; DataError if the weights are another model's
 * @example const { permutations } = weightMatching(model, a, b); permuteUnits(model.units!, b, permutations); // like a
 */
export function weightMatching(
  model: Pick<Model<never>, "name" | "units" | "initBuffers">,
  a: NamedArrays,
  b: NamedArrays,
): Matching {
  const groups = model.units ?? [];
  if (groups.length === 0) {
    throw new ConfigError(
      `${model.name}: expected a model with groups of interchangeable units (Model.units), found none: it cannot be aligned`,
    );
  }
  const buffers = model.initBuffers(0);
  const names = [...a.keys()].filter((name) => !buffers.has(name));
  for (const name of names) checkSameShape(model.name, name, a.get(name)!, b.get(name));
  const gain = gains(a);
  const permutations = new Map(groups.map(({ name, size }) => [name, identity(size)]));
  let current = new Map(names.map((name) => [name, b.get(name)!])) as NamedArrays; // B as permuted so far
  const atIdentity = innerProduct(names, a, current);
  let objective = atIdentity;
  const waiting = new Set(groups); // whose best order may have changed since they were visited
  for (let sweeps = 1; ; sweeps++) {
    const before = objective;
    for (const group of groups) {
      if (!waiting.delete(group)) continue;
      const touched = [...new Set(group.axes.map(({ parameter }) => parameter))].filter((name) => current.has(name)); // prettier-ignore
      const order = assignInBlocks(gain(group, current), group.size, group.blocks);
      if (order.every((unit, i) => unit === i)) continue;
      const moved = permuteUnits([group], current, new Map([[group.name, order]]));
      const raised = innerProduct(touched, a, moved) - innerProduct(touched, a, current);
      if (raised <= 0) continue;
      const known = permutations.get(group.name)!;
      permutations.set(group.name, order.map((unit) => known[unit])); // prettier-ignore
      [current, objective] = [moved, objective + raised];
      for (const other of neighbours(group, groups)) waiting.add(other);
    }
    if (objective - before <= TOLERANCE) {
      return { permutations, atIdentity, objective: innerProduct(names, a, current), sweeps };
    }
  }
}

/** The groups whose gains depend on a group's order: those that lie in a parameter of it on another axis. */
function neighbours(group: UnitGroup, groups: readonly UnitGroup[]): UnitGroup[] {
  return groups.filter(({ axes }) =>
    axes.some((one) =>
      group.axes.some((other) => one.parameter === other.parameter && one.axis !== other.axis),
    ),
  );
}

function checkSameShape(model: string, name: string, { shape }: NdArray, other: NdArray | undefined): void {
  if (other && `${other.shape}` === `${shape}`) return;
  const found = other ? `[${other.shape}]` : "none";
  throw new DataError(
    `${model}: expected two networks of one shape, found "${name}" [${shape}] and ${found}`,
  );
}

const identity = (size: number): Int32Array => Int32Array.from({ length: size }, (_, i) => i);

/** The sum over the parameters called `names`, in float64. */
function innerProduct(names: readonly string[], a: NamedArrays, b: NamedArrays): number {
  let sum = 0;
  for (const name of names) {
    const [x, y] = [a, b].map((arrays) => arrays.get(name)!.data as Float32Array);
    for (let i = 0; i < x.length; i++) sum += x[i] * y[i];
  }
  return sum;
}

/**
 * What makes a group's costs: minus the inner product of what belongs to unit i in A with what belongs to unit j in the
 * present B, size x size.
 */
function gains(a: NamedArrays): (group: UnitGroup, b: NamedArrays) => Float64Array {
  const products = openRowProducts();
  return (group, b) => {
    const { size } = group;
    const costs = new Float64Array(size * size);
    for (const place of group.axes) {
      const [x, y] = [a, b].map((arrays) => arrays.get(place.parameter));
      if (!x || !y) continue; // a buffer
      const [ofA, ofB] = [x, y].map((array) => byUnit(group, place, array));
      products(ofA, ofB, size).forEach((gain, k) => (costs[k] -= gain));
    }
    return costs;
  };
}

/** What belongs to each unit on one axis, a row per unit. */
function byUnit(group: UnitGroup, place: UnitGroup["axes"][number], array: NdArray): Float32Array {
  const { outer, length, inner } = axisOf(group, place, array.shape);
  const { start = 0 } = place;
  const data = array.data as Float32Array;
  if (outer === 1) return data.subarray(start * inner, (start + group.size) * inner);
  const rows = new Float32Array(group.size * outer * inner);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < group.size; i++) {
      const from = (o * length + start + i) * inner;
      const to = (i * outer + o) * inner;
      for (let k = 0; k < inner; k++) rows[to + k] = data[from + k];
    }
  }
  return rows;
}
