import type { RunReader } from "../store/stored-run.js";

/** What the figures show of one run in detail. */
export interface Shown {
  /** The matrix whose singular values are drawn. */
  readonly matrix: string;
  /** The contact whose alignment diagonal is drawn. */
  readonly contact: string;
  /** Where the network has fewer layers than the paper's: what stands for what. */
  readonly notes: { readonly matrix?: string; readonly contact?: string };
}

/** One of a chain of matrices or contacts of one kind, from the input to the output. */
interface Place {
  readonly kind: RegExp;
  /** The one that the paper shows, and its position among `of`, from 0. */
  readonly paper: string;
  readonly position: number;
  readonly of: number;
}

const only = (name: string): Place => ({ kind: exactly(name), paper: name, position: 0, of: 1 });
const labelled = { matrix: only("layers.1.weight"), contact: only("layers.1 -> layers.2") };
const convolutions = {
  matrix: { kind: /^layers\.\d+\.conv\.weight$/, paper: "layers.12.conv.weight", position: 9, of: 13 },
  contact: { kind: /^conv \d+ -> /, paper: "conv 9 -> conv 10", position: 9, of: 13 },
};

/** The matrices of PAPER.md section 3, by PyTorch's names, which count from 0; contacts begin at these matrices. */
const PLACES: Readonly<Record<string, { readonly matrix: Place; readonly contact: Place }>> = {
  "modular-addition": {
    matrix: only("transformer_encoder.layers.0.self_attn.in_proj_weight"),
    contact: only("encoder.weight -> in_proj"),
  },
  vgg: convolutions,
  "cifar-decay": convolutions,
  // Near the middle of every depth, and of a chain of convolutions rather than of a shortcut.
  resnet: { matrix: only("layer3.0.conv1.weight"), contact: only("layer3.0.conv1 -> layer3.0.conv2") },
  unet: { matrix: only("conv3.weight"), contact: only("conv3 -> conv4") },
  lstm: {
    matrix: { kind: /^lstm\.weight_ih_l\d+$/, paper: "lstm.weight_ih_l3", position: 3, of: 4 },
    contact: {
      kind: /^weight_ih_l\d+ -> weight_hh_l\d+, cell gate$/,
      paper: "weight_ih_l3 -> weight_hh_l3, cell gate",
      position: 3,
      of: 4,
    },
  },
  transformer: {
    matrix: {
      kind: /^transformer_encoder\.layers\.\d+\.linear1\.weight$/,
      paper: "transformer_encoder.layers.8.linear1.weight",
      position: 8,
      of: 12,
    },
    contact: {
      kind: /^layer \d+ linear1 -> linear2$/,
      paper: "layer 8 linear1 -> linear2",
      position: 8,
      of: 12,
    },
  },
  "mlp-labels": labelled,
  "mnist-mlp": labelled,
};

/**
 * The matrix and the contact that the paper shows of a run's task (PAPER.md section 3). In a network of fewer layers
 * these are the ones at the nearest relative depth, and the notes say so; of a task that the paper does not have, the
 * middle ones.
 */
export function shownOf(run: RunReader): Shown {
  const { task } = run.record;
  const places = PLACES[task];
  const rows = run.rows();
  const names = (probe: string, column: "matrix" | "contact"): string[] => [
    ...new Set(rows.filter((row) => row.probe === probe).map((row) => String(row[column]))),
  ];
  const matrix = shownMatrix(task, names("spectra", "matrix"));
  const contact = nearest(names("alignment", "contact"), places?.contact);
  return {
    matrix: matrix.name,
    contact: contact.name,
    notes: { matrix: matrix.note, contact: contact.note },
  };
}

/** The one of a task's matrices that the paper shows, or the one in its place, and then a note that says so. */
export function shownMatrix(task: string, names: readonly string[]): { name: string; note?: string } {
  return nearest(names, PLACES[task]?.matrix);
}

/** The name at a place of the chain, or at the same relative depth of a shorter one; else the middle one of all. */
function nearest(names: readonly string[], place?: Place): { name: string; note?: string } {
  const chain = place ? names.filter((name) => place.kind.test(name)) : [];
  if (!place || chain.length === 0) return { name: names[Math.floor(names.length / 2)] ?? "" };
  const depth = place.of > 1 ? place.position / (place.of - 1) : 0;
  const name = chain[Math.round(depth * (chain.length - 1))];
  if (name === place.paper) return { name };
  return {
    name,
    note: `${name} (one of ${chain.length}) stands for the paper's ${place.paper} (of ${place.of})`,
  };
}

function exactly(name: string): RegExp {
  return new RegExp(`^${name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
}
