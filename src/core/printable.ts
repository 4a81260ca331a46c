/** Characters that would move a terminal's cursor, colour it, break a line or turn its direction. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]|\p{Cs}/gu;

/**
 * Foreign text (a tensor's name, a file's first bytes, a field of a record) as one line of a message or a terminal's
 * table: characters that are not seen are written as JavaScript writes them, and a long text is cut.
 * @param limit most characters that are kept; an ellipsis says that there were more
 * @example
 * printable("a\tb\u001b[31m"); // "a\\tb\\u001b[31m"
 */
export function printable(text: string, limit = Infinity): string {
  const cut = text.length > limit ? `${text.slice(0, limit).replace(/\p{Cs}$/u, "")}…` : text;
  return cut.replace(UNPRINTABLE, escapeCharacter);
}

const SHORT: Readonly<Record<string, string>> = { "\t": "\\t", "\n": "\\n", "\r": "\\r" };

function escapeCharacter(character: string): string {
  return SHORT[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
