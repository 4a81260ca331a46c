import { printable } from "../core/printable.js";

/**
 * Text in which Plotly's own markup means something: `<b>`, `<sup>`, and in hover texts `%{y}`. A figure takes plain
 * strings, which are shown letter by letter, or this; so a name that comes from a file never becomes markup.
 */
export class Markup {
  private constructor(readonly source: string) {}

  /** Markup with texts in it: the template's own letters are markup, what is put in is not. */
  static of(parts: TemplateStringsArray, ...values: readonly (string | Markup)[]): Markup {
    return new Markup(parts.reduce((whole, part, i) => `${whole}${plotlySource(values[i - 1])}${part}`));
  }
}

/** @example markup`<b>${title}</b>` */
export const markup = Markup.of;

/** Characters of a text that a figure shows; of a longer one, the first of them and an ellipsis. */
const LONGEST = 600;

/**
 * What Plotly must be given to show a text: of a plain one every character that would be markup (`<b>`, `&lt;`), an
 * equation (`$...$`) or a place of a hover text (`%{...}`) as an entity.
 */
export function plotlySource(text: string | Markup): string {
  if (text instanceof Markup) return text.source;
  return printable(text, LONGEST)
    .replace(/[\ufffe\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16)}`) // not allowed in SVG
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll("$", "&#36;")
    .replaceAll("%{", "&#37;{");
}
