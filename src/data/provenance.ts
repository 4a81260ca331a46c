import type { Provenance } from "../core/provenance.js";
import { KNOWN } from "./known.js";

/** The words for a public set and for what may lie in its place. */
export interface SetWords {
  /** The public set: "MNIST". */
  readonly title: string;
  /** What its files look like, where no checksum says that they are that set: "digits in MNIST's layout". */
  readonly layout: string;
  /** What is generated where it is absent: "generated digits". */
  readonly generated: string;
  /** What one counts: "images". */
  readonly unit: string;
  /** Training examples of the public set, after the split; absent where that depends on how it is read. */
  readonly training?: number;
}

/** The folder that was read; or why nothing was, and the examples are generated. */
export type From = { readonly folder: string } | { readonly absent: string };

/** What is known about examples that were opened. */
export interface Opening {
  readonly fingerprint: string;
  readonly from: From;
  /** Whether every file that was read has its published checksum. */
  readonly verified: boolean;
  /** Fingerprint of the files, where the same files give different examples under different options. */
  readonly files?: string;
  /** What can be said about unverified examples from their content: "spoken digits in LibriSpeech's layout". */
  readonly seen?: string;
  /** What else a reader must know. */
  readonly note?: string;
}

/** A provenance but for the number of examples, which only the split knows. */
export type DataOrigin = Omit<Provenance, "training" | "validation">;

/**
 * The true name of examples: what the table of known fingerprints says, else the public set's where checksums say so,
 * else only what is seen. A folder's name says nothing.
 */
export function originOf(words: SetWords, opening: Opening): DataOrigin {
  const { fingerprint, from, verified, files = "", seen, note } = opening;
  const { title, layout, generated, unit, training } = words;
  if ("absent" in from) {
    const name = `${generated} (stand-in for ${title})`;
    return { name, standIn: true, source: from.absent, fingerprint, verified: true, unit };
  }
  const common = { standIn: false, source: from.folder, fingerprint, unit };
  const known = KNOWN[fingerprint] ?? KNOWN[files];
  if (known) return { ...common, ...known, verified: true };
  if (!verified) return { ...common, name: seen ?? `${layout} (not verified)`, verified };
  const of = training === undefined ? undefined : { set: title, training };
  return { ...common, name: title, verified, ...(of && { of }), ...(note !== undefined && { note }) };
}

/** What `describeData` needs: a provenance, or what a stored record kept of one. */
export type Describable = Pick<Provenance, "name"> &
  Partial<Pick<Provenance, "training" | "of" | "unit" | "note">>;

/**
 * The words for captions, legends and sentences: what the examples are, and how many of how many are trained on.
 * @example
 * describeData(data.provenance); // "CIFAR-10, 9,000 of 45,000 training images"
 * describeData(run.record.data); // "spoken digits in LibriSpeech's layout, 216 utterances"
 */
export function describeData({ name, training, of, unit = "examples", note }: Describable): string {
  const remark = note === undefined ? "" : ` (${note})`;
  if (training === undefined) return `${name}${remark}`;
  const count = training.toLocaleString("en-US");
  if (of === undefined) return `${name}, ${count} ${unit}${remark}`;
  const all = of.training.toLocaleString("en-US");
  if (name !== of.set) return `${name}, ${count} ${unit} (${of.set} has ${all} to train on)${remark}`;
  return `${name}, ${training === of.training ? `all ${all}` : `${count} of ${all}`} training ${unit}${remark}`;
}
