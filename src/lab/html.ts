import { printable } from "../core/printable.js";

/** What an HTML template takes: texts and numbers, which are escaped, and HTML, alone or several after each other. */
export type HtmlPart = string | number | Html | readonly Html[];

/**
 * HTML that a notebook may be given. Made only by the template `html`, which escapes every text that is put into it
 * and writes out what would not be seen, so that no name from a file becomes an element, an attribute or an equation.
 */
export class Html {
  private constructor(readonly source: string) {}

  static of(parts: TemplateStringsArray, ...values: readonly HtmlPart[]): Html {
    return new Html(
      parts.reduce((whole, part, i) => `${whole}${htmlSource(values[i - 1], insideTag(whole))}${part}`),
    );
  }

  /** HTML made elsewhere, out of texts that nobody else has written. */
  static own(source: string): Html {
    return new Html(source);
  }
}

/** @example html`<td style="${style}">${name}</td>`: attributes between double quotes */
export const html = Html.of;

/** Text as HTML text or attribute value. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** What JupyterLab's and nbconvert's MathJax leave alone. */
export const WITHOUT_EQUATIONS = "mathjax_ignore tex2jax_ignore";

/** Whether MathJax, which reads every output, could see an equation in a text. */
export function looksLikeMath(text: string): boolean {
  return /[$\\]/.test(text);
}

function htmlSource(part: HtmlPart, attribute: boolean): string {
  if (part instanceof Html) return part.source;
  if (typeof part === "object") return part.map(({ source }) => source).join("");
  const text = escapeHtml(printable(String(part)));
  return !attribute && looksLikeMath(text) ? `<span class="${WITHOUT_EQUATIONS}">${text}</span>` : text;
}

/** Whether what follows `source` is part of a tag. */
function insideTag(source: string): boolean {
  return source.lastIndexOf("<") > source.lastIndexOf(">");
}
