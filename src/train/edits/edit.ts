import { ConfigError } from "../../core/errors.js";
import { unknownName } from "../../core/config.js";
import { hashOf } from "../../core/hash.js";
import type { Edit, EditContext, Edited, EditKind, WeightsRead } from "./kind.js";
import { align } from "./align.js";
import { heldNorms } from "./held-norms.js";
import { magnitude } from "./magnitude.js";
import { perturb } from "./perturb.js";
import { random } from "./random.js";
import { randomExact } from "./random-exact.js";
import { reinit } from "./reinit.js";
import { rescale } from "./rescale.js";

export type {
  AlignEdit,
  Edit,
  EditContext,
  Edited,
  MaskEdit,
  NormsEdit,
  PerturbEdit,
  RescaleEdit,
  WeightsRead,
} from "./kind.js";

const KINDS = {
  magnitude,
  random,
  "random-exact": randomExact,
  reinit,
  perturb,
  rescale,
  align,
  norms: heldNorms,
} as unknown as Record<string, EditKind>;

/** The text forms of all edits, for usage lines. */
export const EDIT_FORMS: readonly string[] = Object.values(KINDS).map(({ form }) => form);

/**
 * Reads the text form of an edit, as command lines and tables have it.
 * @throws ConfigError naming the text, what was expected and what was found
 * @example parseEdit("magnitude:0.05@1760"); // { mask: "magnitude", keep: 0.05, rankedAt: 1760 }
 * @example parseEdit("perturb:0.25#7"); // { perturb: 0.25, seed: 7 }
 */
export function parseEdit(text: string): Edit {
  const colon = text.indexOf(":");
  if (colon < 1) throw new ConfigError(`edit "${text}": expected one of ${EDIT_FORMS.join(", ")}`);
  const name = text.slice(0, colon);
  if (!Object.hasOwn(KINDS, name)) throw unknownName("edit: kind", name, Object.keys(KINDS));
  return KINDS[name].parse(text.slice(colon + 1), `edit "${text}"`);
}

/** The text form of an edit: `parseEdit(printEdit(edit))` equals it. Defaults are left out: ranked at "end", seed 0. */
export function printEdit(edit: Edit): string {
  const name = nameOf(edit);
  return `${name}:${KINDS[name].print(edit)}`;
}

/** 12 hexadecimal digits, equal for equal edits. */
export function hashEdit(edit: Edit): string {
  return hashOf(edit);
}

/** The same edit, reading the weights of `run` instead of those of the run that it names. @throws TypeError where it names none */
export function readingFrom(edit: Edit, run: string): Edit {
  return KINDS[nameOf(edit)].reading!(edit, run);
}

/** Which other weights must be given to apply an edit; undefined if none. */
export function weightsReadBy(edit: Edit): WeightsRead | undefined {
  return KINDS[nameOf(edit)].reads?.(edit);
}

/** Which run's measured norms must be given to apply an edit; undefined if none. */
export function normsReadBy(edit: Edit): string | undefined {
  return KINDS[nameOf(edit)].readsNorms?.(edit);
}

/**
 * Edits weights: a function of its arguments. Running statistics stay the old ones; `startAfter` recomputes them.
 * @throws ConfigError for an edit out of range or without the other weights or norms that it reads
 * @throws SpectralError naming a matrix that the weights lack or have in another shape
 */
export function applyEdit(edit: Edit, context: EditContext): Edited {
  const checked = parseEdit(printEdit(edit));
  return KINDS[nameOf(checked)].apply(checked, context);
}

function nameOf(edit: Edit): string {
  if ("mask" in edit) return edit.mask;
  return Object.keys(edit).find((key) => Object.hasOwn(KINDS, key))!;
}
