import type { NamedArrays } from "spectral-lab/core/array";
import { permuteUnits } from "spectral-lab/nn/units";
import { weightMatching } from "spectral-lab/nn/weight-matching";
import { Comparison } from "../compare.js";
import { compareCurve, curveOf } from "./curves.js";
import type { AnalysedModel, Curve } from "./file.js";
import type { AnalysisInputs } from "./inputs.js";
import { evaluationOf } from "./networks.js";
import { TOLERANCE } from "./tolerances.js";

interface Matched {
  /** An order per hidden layer, in theirs. */
  readonly recovered: readonly (readonly number[])[];
  readonly atIdentity: number;
  readonly objective: number;
  readonly sweeps: number;
}

interface Permutation {
  readonly planted: Matched & {
    readonly labels: readonly number[];
    readonly permutation: readonly (readonly number[])[];
    readonly interpolationBefore: Curve;
  };
  readonly independent: Matched & { readonly interpolationAfter: Curve };
}

/** Section f: hidden units in an order that was planted, and those of independent networks, matched by their weights. */
export async function checkPermutation(
  { permutation, interpolation }: AnalysedModel,
  inputs: AnalysisInputs,
): Promise<Comparison> {
  const compare = new Comparison();
  const { planted, independent } = permutation as Permutation;
  const { labels } = (interpolation as { readonly far: { readonly labels: readonly number[] } }).far; // the same ends
  const { model, A, far } = inputs;
  const units = model.units ?? [];
  units.forEach(({ name }, l) => compare.same("permutation", `planted ${name}`, inputs.permutations[l], planted.permutation[l])); // prettier-ignore
  const orders = new Map(units.map(({ name }, l) => [name, inputs.permutations[l]]));
  const B = permuteUnits(units, A, orders);
  const matched = (what: string, other: NamedArrays, expected: Matched): NamedArrays => {
    const { permutations, ...found } = weightMatching(model, A, other);
    units.forEach(({ name }, l) => compare.same("recovered", `${what} ${name}`, permutations.get(name) ?? [], expected.recovered[l])); // prettier-ignore
    for (const quantity of ["atIdentity", "objective"] as const) {
      // Sums in float64 of products of float32 numbers that the file has too: only its digits count.
      compare.value(quantity, what, found[quantity], expected[quantity], 0, 1e-9);
    }
    compare.value("sweeps", what, found.sweeps, expected.sweeps, 0, TOLERANCE.exact);
    return permuteUnits(units, other, permutations);
  };
  const curve = async (
    what: string,
    other: NamedArrays,
    labels: readonly number[],
    expected: Curve,
  ): Promise<void> => {
    // prettier-ignore
    const how = evaluationOf(inputs, labels);
    compareCurve(compare, what, await curveOf(inputs, other, how), expected, how.evaluation.examples.count);
  };
  const back = matched("planted", B, planted);
  for (const [name, { data }] of A) {
    const { data: found } = back.get(name)!;
    compare.value("restored", name, found.findIndex((value, i) => value !== data[i]), -1, 1, TOLERANCE.exact); // prettier-ignore
  }
  await curve("planted, before", B, planted.labels, planted.interpolationBefore);
  const aligned = matched("independent", far, independent);
  await curve("independent, after", aligned, labels, independent.interpolationAfter);
  return compare;
}
