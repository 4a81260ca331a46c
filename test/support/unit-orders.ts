import type { Random } from "spectral-lab/core/random";
import type { UnitGroup } from "spectral-lab/nn/model";

/** An order of a group's units that keeps its blocks together. @param order of so many parts */
function ordered(
  { size, blocks = [] }: Pick<UnitGroup, "size" | "blocks">,
  order: (count: number) => Int32Array,
): Int32Array {
  const [block = 1, ...smaller] = blocks;
  const starts = [...order(size / block)].map((part) => block * part);
  if (block === 1) return Int32Array.from(starts);
  return Int32Array.from(
    starts.flatMap((start) => [...ordered({ size: block, blocks: smaller }, order)].map((i) => start + i)),
  );
}

/** Every part of a group a place on. */
export function rotatedOrder(group: UnitGroup): Int32Array {
  return ordered(group, (count) => Int32Array.from({ length: count }, (_, i) => (i + 1) % count));
}

/** Any order that a group allows. */
export function randomOrder(group: UnitGroup, random: Random): Int32Array {
  return ordered(group, (count) => random.permutation(count));
}
