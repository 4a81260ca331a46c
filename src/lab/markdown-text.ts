import { printable } from "../core/printable.js";
import { looksLikeMath, WITHOUT_EQUATIONS } from "./html.js";

/**
 * Markdown that a notebook may be given. Made by the template `md`, which escapes every text that is put into it, so
 * that no name from a file becomes HTML, a link, a picture, an equation or a list; or by `authored`.
 */
export class Markdown {
  private constructor(
    readonly source: string,
    /** The same for a terminal: Markdown with its texts as they are, those that are not seen as escapes. */
    readonly plain: string,
  ) {}

  static of(parts: TemplateStringsArray, ...values: readonly (string | number | Markdown)[]): Markdown {
    let [source, plain] = [parts[0], parts[0]];
    values.forEach((value, i) => {
      const part = value instanceof Markdown ? value : Markdown.#text(String(value));
      source += part.source + parts[i + 1];
      plain += part.plain + parts[i + 1];
    });
    return new Markdown(source, plain);
  }

  /** Several after each other. */
  static joined(parts: readonly Markdown[], separator: string): Markdown {
    const join = (form: "source" | "plain"): string => parts.map((part) => part[form]).join(separator);
    return new Markdown(join("source"), join("plain"));
  }

  /**
   * A string that somebody wrote as Markdown in a cell, perhaps with names from a file in it: HTML and links that run
   * something are shown as they are written. A word joiner, which is not seen, parts what would be read together.
   */
  static authored(text: string): Markdown {
    const source = text
      .replace(/<(?=[a-z/!?])/gi, "<\u2060")
      .replace(/&(?=#|colon;|tab;|newline;)/gi, "&\u2060")
      .replace(RUNS, "$1\u2060:");
    return new Markdown(source, text);
  }

  static #text(text: string): Markdown {
    const plain = printable(text);
    const source = escapeMarkdown(plain);
    const span = `<span class="${WITHOUT_EQUATIONS}">${source}</span>`;
    return new Markdown(looksLikeMath(plain) ? span : source, plain);
  }
}

/** @example md`**${task}** · ${steps} steps` */
export const md = Markdown.of;

/** Schemes of links that run something, as browsers read them: with any white space in between. */
const RUNS = new RegExp(
  `(${["javascript", "vbscript", "data"].map((word) => [...word].join("\\s*")).join("|")})\\s*:`,
  "gi",
);

/** Text as entities where Markdown, GitHub's too, would read more than letters: an entity is never syntax. */
function escapeMarkdown(text: string): string {
  return text
    .replace(/[&<\\`*[\]{}#|~$@]|(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])|:(?=\/\/)|\.(?<=www\.)/giu, entity)
    .replace(/^[-+=>\s]|^\d+(?=[.)])|\s$/gu, (found) => [...found].map(entity).join(""));
}

function entity(character: string): string {
  return `&#${character.codePointAt(0)};`;
}
