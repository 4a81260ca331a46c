import type { Svd, Vectors } from "../linalg/svd.js";
import { leftVectors, rightVectors, type VectorSet } from "../linalg/vectors.js";
import type { Contact, ContactSide } from "./model.js";

/** A decomposition that is asked for: of a whole matrix, or of a block of it, and how many of its singular vectors. */
export interface Decomposition {
  /** Name of a MatrixView of the model. */
  readonly matrix: string;
  /** Rows [start, end) and columns [start, end) of the block that is decomposed on its own. Default all. */
  readonly rows?: readonly [number, number];
  readonly columns?: readonly [number, number];
  readonly left: Vectors;
  readonly right: Vectors;
}

/** The pairs of sides that are measured: one, or one per attention head. Their alignments are averaged. */
export function pairsOf(
  contact: Contact,
): readonly { readonly from: ContactSide; readonly to: ContactSide }[] {
  return contact.heads ?? [contact];
}

/**
 * What has to be decomposed for a contact's leading `count` alignments: `count` left vectors for an output space, right
 * ones for an input space. A block may occur more than once.
 */
export function decompositionsOf(contact: Contact, count: number): Decomposition[] {
  return pairsOf(contact).flatMap(({ from, to }) => [
    decompositionOf(from, count),
    decompositionOf(to, count),
  ]);
}

function decompositionOf({ matrix, rows, columns, space }: ContactSide, count: number): Decomposition {
  return {
    matrix,
    ...(rows && { rows }),
    ...(columns && { columns }),
    left: space === "output" ? count : "none",
    right: space === "input" ? count : "none",
  };
}

/**
 * The leading singular vectors of a side from the decomposition of its matrix or block (see `decompositionsOf`): of each,
 * the entries that the contact is about (`take`). Those that leave entries out are shorter than 1; Eqn 3 does not
 * rescale them. Both sides of a contact have vectors of one size: alignment takes them as they are.
 * @throws SpectralError if the decomposition holds no vectors of the side
 * @throws RangeError if `take` leaves the vectors
 */
export function sideVectors(side: ContactSide, svd: Svd): VectorSet {
  const vectors = side.space === "output" ? leftVectors(svd) : rightVectors(svd);
  if (!side.take) return vectors;
  const { start, stride, count: size } = side.take;
  if (start + stride * (size - 1) >= vectors.size) {
    throw new RangeError(
      `contact: singular vectors of "${side.matrix}" have ${vectors.size} entries, too few`,
    );
  }
  const data = new Float32Array(vectors.count * size);
  for (let k = 0; k < vectors.count; k++) {
    for (let i = 0; i < size; i++) data[k * size + i] = vectors.data[k * vectors.size + start + stride * i];
  }
  return { count: vectors.count, size, data };
}
