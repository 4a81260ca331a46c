import { float32, type NdArray } from "../core/array.js";
import type { When } from "../core/time.js";
import { alignmentDiagonal, alignmentScore } from "../linalg/alignment.js";
import { decompositionsOf, pairsOf, sideVectors } from "../nn/contacts.js";
import type { Contact, ContactSide, Model } from "../nn/model.js";
import type { Measurement, Probe, Snapshot } from "../train/measure.js";
import { arrayBytes, total } from "./bytes.js";

/** Leading singular vectors that the figures show. */
export const LEADING = 100;

/** Leading entries in a score (Eqn 4). */
const SCORED = 10;

/** About, of a row in rows.jsonl. */
const ROW_BYTES = 151;

/**
 * Alignment of every contact (Eqns 3 and 4). A row per contact with its score, `depth` (its place in the model, from 0),
 * `dimension` (the length of the longer singular vectors: chance level is about sqrt(2 / (pi dimension))), `entries` (how
 * many A_ii the score is the mean of: 10, or all where there are fewer) and `pairs` (how many head pairs it is averaged
 * over, 1 where there are no heads): the more of both, the less it varies by chance. And the array `alignment/<contact>`
 * with the diagonal A_ii, i <= 100, averaged over heads where there are heads.
 */
export function alignmentProbe(when: When): Probe {
  return {
    name: "alignment",
    when,
    needs: (model) => model.contacts.flatMap((contact) => decompositionsOf(contact, LEADING)),
    bytes: (model) =>
      total(model.contacts, ({ name, from, to }) => {
        const entries = Math.min(vectorsOf(from, model), vectorsOf(to, model), LEADING);
        return ROW_BYTES + arrayBytes(`alignment/${name}`, entries);
      }),
    async measure(snapshot): Promise<Measurement> {
      const { contacts } = snapshot.model;
      const measured = await Promise.all(contacts.map((contact) => measureContact(contact, snapshot)));
      return {
        rows: contacts.map(({ name }, depth) => {
          const { diagonal, dimension, pairs } = measured[depth];
          const entries = Math.min(SCORED, diagonal.length);
          return { contact: name, depth, score: alignmentScore(diagonal), dimension, entries, pairs };
        }),
        arrays: new Map<string, NdArray>(
          contacts.map(({ name }, i) => {
            const { diagonal } = measured[i];
            return [`alignment/${name}`, float32([diagonal.length], Float32Array.from(diagonal))];
          }),
        ),
      };
    },
  };
}

/** How many singular vectors one side of a contact has. */
function vectorsOf(
  { matrix, rows, columns }: ContactSide,
  { matrices }: Pick<Model<never>, "matrices">,
): number {
  const view = matrices.find(({ name }) => name === matrix)!;
  const [fromRow, toRow] = rows ?? [0, view.rows];
  const [fromColumn, toColumn] = columns ?? [0, view.columns];
  return Math.min(toRow - fromRow, toColumn - fromColumn);
}

async function measureContact(
  contact: Contact,
  snapshot: Snapshot,
): Promise<{ diagonal: Float64Array; dimension: number; pairs: number }> {
  const vectors = async (
    side: ContactSide,
  ): Promise<{ set: ReturnType<typeof sideVectors>; length: number }> => {
    const svd = await snapshot.svd(side);
    return { set: sideVectors(side, svd), length: side.space === "output" ? svd.rows : svd.columns };
  };
  const pairs = await Promise.all(
    pairsOf(contact).map(async ({ from, to }) => {
      const [a, b] = await Promise.all([vectors(from), vectors(to)]);
      return { diagonal: alignmentDiagonal(a.set, b.set), dimension: Math.max(a.length, b.length) };
    }),
  );
  const [{ diagonal: first, dimension }] = pairs;
  const mean = first.map((_, i) => pairs.reduce((sum, { diagonal }) => sum + diagonal[i], 0) / pairs.length);
  return { diagonal: mean, dimension, pairs: pairs.length };
}
