import { attentionSpecs } from "../nn/attention.js";
import type { Spec } from "../nn/initialise.js";
import { linearSpecs } from "../nn/linear.js";
import type { Contact, ContactSide, UnitGroup } from "../nn/model.js";
import { normSpecs } from "../nn/normalisation.js";

/** Parameters of PyTorch's TransformerEncoderLayer, in its order. */
export function blockSpecs(
  block: string,
  { width, hidden, normalised }: { width: number; hidden: number; normalised: boolean },
): Spec[] {
  return [
    ...attentionSpecs(`${block}.self_attn`, width),
    ...linearSpecs(`${block}.linear1`, width, hidden),
    ...linearSpecs(`${block}.linear2`, hidden, width),
    ...(normalised ? [...normSpecs(`${block}.norm1`, width), ...normSpecs(`${block}.norm2`, width)] : []),
  ];
}

/** Embedding -> first in-projection. A table (tokens x width) feeds the next layer through its rows: its V plays U. */
export function embeddingContact(table: string, block: string): Contact {
  return {
    name: `${table} -> in_proj`,
    from: { matrix: table, space: "input" },
    to: { matrix: `${block}.self_attn.in_proj_weight`, space: "input" },
  };
}

/**
 * Contacts inside a block and from its end to `next`, the matrix that reads the residual stream after it (`as` in the contact's name). Residual
 * paths are ignored (PAPER.md section 1).
 * @param label prefix of the contacts' names: "layer 3 "; empty where there is one block
 */
export function blockContacts(
  block: string,
  next: { readonly matrix: string; readonly as: string },
  { width, heads }: { width: number; heads: number },
  label = "",
): Contact[] {
  const projection = `${block}.self_attn.in_proj_weight`;
  const output = `${block}.self_attn.out_proj.weight`;
  const [linear1, linear2] = [`${block}.linear1.weight`, `${block}.linear2.weight`];
  const size = width / heads;
  const head = (part: number, index: number): ContactSide => ({
    matrix: projection,
    space: "output",
    rows: [part * width + index * size, part * width + (index + 1) * size],
  });
  const queryKey = Array.from({ length: heads }, (_, h) => ({ from: head(0, h), to: head(1, h) }));
  return [
    { name: `${label}query -> key`, ...queryKey[0], heads: queryKey },
    {
      name: `${label}value -> out_proj`,
      from: { matrix: projection, space: "output", rows: [2 * width, 3 * width] },
      to: { matrix: output, space: "input" },
    },
    chain(`${label}out_proj -> linear1`, output, linear1),
    chain(`${label}linear1 -> linear2`, linear1, linear2),
    chain(`${label}linear2 -> ${next.as}`, linear2, next.matrix),
  ];
}

/**
 * Units of a block that may change places: those of the MLP, and within each head those of its values (which the output projection
 * reads) and those in which its queries and keys are compared. The residual stream's may not: positions are fixed.
 */
export function blockUnits(
  block: string,
  { width, heads, hidden }: { width: number; heads: number; hidden: number },
): UnitGroup[] {
  const attention = `${block}.self_attn`;
  const size = width / heads;
  const projected = (part: number, h: number): UnitGroup["axes"] =>
    ["in_proj_weight", "in_proj_bias"].map((name) => ({
      parameter: `${attention}.${name}`,
      axis: 0,
      start: part * width + h * size,
    }));
  const inHeads = Array.from({ length: heads }, (_, h): UnitGroup[] => [
    { name: `${attention}.query-key.${h}`, size, axes: [...projected(0, h), ...projected(1, h)] },
    {
      name: `${attention}.value.${h}`,
      size,
      axes: [...projected(2, h), { parameter: `${attention}.out_proj.weight`, axis: 1, start: h * size }],
    },
  ]);
  const inMlp: UnitGroup = {
    name: `${block}.linear1`,
    size: hidden,
    axes: [
      { parameter: `${block}.linear1.weight`, axis: 0 },
      { parameter: `${block}.linear1.bias`, axis: 0 },
      { parameter: `${block}.linear2.weight`, axis: 1 },
    ],
  };
  return [...inHeads.flat(), inMlp];
}

/** The output space of one matrix against the input space of the next. */
function chain(name: string, from: string, to: string): Contact {
  return { name, from: { matrix: from, space: "output" }, to: { matrix: to, space: "input" } };
}
