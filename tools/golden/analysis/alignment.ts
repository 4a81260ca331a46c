import { alignmentScore } from "spectral-lab/linalg/alignment";
import { align, decomposer } from "../check.js";
import { Comparison } from "../compare.js";
import type { AnalysedModel, SafeDiagonal } from "./file.js";
import type { AnalysisInputs } from "./inputs.js";
import { compareDiagonal } from "./tolerances.js";

/** Section c, second half: alignment of neighbouring matrices; of attention heads the mean. */
export function checkAlignment({ alignment }: AnalysedModel, inputs: AnalysisInputs): Comparison {
  const compare = new Comparison();
  for (const [set, contacts] of Object.entries(
    alignment as Record<"A" | "near", Record<string, SafeDiagonal>>,
  )) {
    const decompose = decomposer(inputs.model, inputs[set as "A" | "near"]);
    for (const [name, expected] of Object.entries(contacts)) {
      const contact = inputs.model.contacts.find((candidate) => candidate.name === name);
      const pairs = contact ? align(contact, decompose).map(({ diagonal }) => diagonal) : [];
      const diagonal = meanOf(pairs);
      compareDiagonal(
        compare,
        "alignment",
        `${set} ${name}`,
        { diagonal, score: alignmentScore(diagonal) },
        expected,
      );
    }
  }
  return compare;
}

/** The mean of lists of one length, entry by entry; empty of none. */
function meanOf(lists: readonly Float64Array[]): number[] {
  return Array.from(lists[0] ?? [], (_, i) => lists.reduce((sum, list) => sum + list[i], 0) / lists.length);
}
