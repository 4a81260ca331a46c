/** One entry of a JSON object: its key, and where its value stands among the bytes. */
export interface JsonEntry {
  readonly key: string;
  readonly start: number;
  readonly end: number;
}

/** Deeper nesting is refused: nothing that is read this way has more than three levels. */
const MOST_LEVELS = 8;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const [OPEN_BRACE, CLOSE_BRACE] = [0x7b, 0x7d];
const [OPEN_BRACKET, CLOSE_BRACKET] = [0x5b, 0x5d];

/** ASCII text of a key up to this length is made without the (slower) decoder. */
const SHORT = 64;

/**
 * The entries of a JSON object in the order of the text, those of equal keys too, in time and memory that no text can
 * blow up: values are skipped, not parsed, so that a hostile one costs nothing. `JSON.parse` is for each value alone.
 * @throws SyntaxError that says what was expected, and at which byte
 */
export function* jsonEntries(bytes: Uint8Array, start = 0, end = bytes.length): Generator<JsonEntry, void> {
  let at = skipSpace(bytes, start, end);
  expect(bytes, at, end, OPEN_BRACE, '"{"');
  at = skipSpace(bytes, at + 1, end);
  if (at < end && bytes[at] === CLOSE_BRACE) at++;
  else {
    for (;;) {
      expect(bytes, at, end, QUOTE, "a name in quotes");
      const keyEnd = skipString(bytes, at, end);
      const key = keyOf(bytes, at, keyEnd);
      at = skipSpace(bytes, keyEnd, end);
      expect(bytes, at, end, COLON, '":"');
      const valueStart = skipSpace(bytes, at + 1, end);
      const valueEnd = skipValue(bytes, valueStart, end);
      yield { key, start: valueStart, end: valueEnd };
      at = skipSpace(bytes, valueEnd, end);
      if (at < end && bytes[at] === COMMA) at = skipSpace(bytes, at + 1, end);
      else break;
    }
    expect(bytes, at, end, CLOSE_BRACE, '"," or "}"');
    at++;
  }
  at = skipSpace(bytes, at, end);
  if (at < end) throw new SyntaxError(`more text after its end, at byte ${at}`);
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** One value of strict UTF-8. @throws SyntaxError, TypeError */
export function jsonValue(bytes: Uint8Array, { start, end }: Omit<JsonEntry, "key">): unknown {
  return JSON.parse(utf8.decode(bytes.subarray(start, end)));
}

function keyOf(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= SHORT) {
    let text = "";
    for (let i = start + 1; i < end - 1; i++) {
      const byte = bytes[i];
      if (byte < 0x20 || byte > 0x7e || byte === BACKSLASH) return jsonValue(bytes, { start, end }) as string;
      text += String.fromCharCode(byte);
    }
    return text;
  }
  return jsonValue(bytes, { start, end }) as string;
}

function expect(bytes: Uint8Array, at: number, end: number, byte: number, what: string): void {
  if (at >= end) throw new SyntaxError(`the end of the text at byte ${at} in place of ${what}`);
  if (bytes[at] !== byte) {
    const found = bytes[at] > 0x20 && bytes[at] < 0x7f ? `"${String.fromCharCode(bytes[at])}"` : bytes[at];
    throw new SyntaxError(`${found} at byte ${at} in place of ${what}`);
  }
}

function skipSpace(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && isSpace(bytes[at])) at++;
  return at;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** The position after a string that begins at `start`. */
function skipString(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start + 1; at < end; at++) {
    if (bytes[at] === BACKSLASH) at++;
    else if (bytes[at] === QUOTE) return at + 1;
  }
  throw new SyntaxError(`the end of the text inside the string at byte ${start}`);
}

/** The position after a value: of a list or object the bracket that closes it, of anything else what ends an entry. */
function skipValue(bytes: Uint8Array, start: number, end: number): number {
  let depth = 0;
  for (let at = start; at < end;) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = skipString(bytes, at, end);
      if (depth === 0) return at;
      continue;
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (++depth > MOST_LEVELS) {
        throw new SyntaxError(`more than ${MOST_LEVELS} levels of brackets in one another at byte ${at}`);
      }
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (depth === 0) return ended(start, at);
      if (--depth === 0) return at + 1;
    } else if (depth === 0 && (byte === COMMA || isSpace(byte))) return ended(start, at);
    at++;
  }
  throw new SyntaxError(`the end of the text inside the value at byte ${start}`);
}

function ended(start: number, at: number): number {
  if (at === start) throw new SyntaxError(`no value at byte ${start}`);
  return at;
}
