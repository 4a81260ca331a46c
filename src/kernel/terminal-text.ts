/**
 * Text as a terminal shows it, gathered piece by piece: after "\r" a line is written over from its start. The cost is
 * linear in what is written, however it is cut.
 */
export class TerminalText {
  /** Lines that have ended: long texts, and the latest one by one, because a text of many small ones costs memory. */
  readonly #ended: string[] = [];
  #latest: string[] = [];
  #endedSize = 0;
  /** The last line while nothing in it was written over. */
  #plain = "";
  /** The last line's characters, once a "\r" came. */
  #cells: Uint16Array | undefined;
  #length = 0;
  #cursor = 0;

  /** How many characters are kept. */
  get size(): number {
    return this.#endedSize + (this.#cells ? this.#length : this.#plain.length);
  }

  /**
   * Adds text until `room` more characters are kept.
   * @returns how many of the characters found no room
   */
  write(written: string, room = Infinity): number {
    const limit = this.size + room;
    const text = written.replaceAll("\r\n", "\n");
    if (!this.#cells && text.length <= room && !text.includes("\r")) {
      const end = text.lastIndexOf("\n") + 1;
      if (end > 0) this.#endLine(text.slice(0, end));
      this.#plain += text.slice(end);
      return 0;
    }
    for (let at = 0; at < text.length;) {
      const end = lineEnd(text, at);
      const left = this.#put(text.slice(at, end), limit);
      if (left > 0) return text.length - end + left;
      if (end < text.length && !this.#control(text.charCodeAt(end), limit)) return text.length - end;
      at = end + 1;
    }
    return 0;
  }

  /** A "\r" at the end is kept: what comes next writes over that line. */
  toString(): string {
    const end = this.#cells && this.#cursor === 0 ? "\r" : "";
    return [...this.#ended, ...this.#latest, this.#line(), end].join("");
  }

  /** Characters without line breaks and returns. */
  #put(text: string, limit: number): number {
    if (text === "") return 0;
    const over = this.#cells ? this.#length - this.#cursor : 0;
    const fits = fitting(text, limit - this.size + over);
    if (this.#cells) this.#overwrite(fits);
    else this.#plain += fits;
    return text.length - fits.length;
  }

  /** A line break or a return; false if there is no room for it. */
  #control(code: number, limit: number): boolean {
    if (code === RETURN) {
      this.#cells ??= this.#split();
      this.#cursor = 0;
      return true;
    }
    if (this.size >= limit) return false;
    this.#endLine("\n");
    return true;
  }

  /** Ends the last line with `text`, which may hold more lines and ends with a line break. */
  #endLine(text: string): void {
    const lines = this.#line() + text;
    this.#endedSize += lines.length;
    if (this.#latest.push(lines) >= 1024) {
      this.#ended.push(this.#latest.join(""));
      this.#latest = [];
    }
    this.#plain = "";
    this.#cells = undefined;
  }

  #split(): Uint16Array {
    this.#length = this.#plain.length;
    const cells = new Uint16Array(Math.max(128, this.#length));
    for (let i = 0; i < this.#length; i++) cells[i] = this.#plain.charCodeAt(i);
    this.#plain = "";
    return cells;
  }

  #overwrite(text: string): void {
    const end = this.#cursor + text.length;
    let cells = this.#cells!;
    if (end > cells.length) {
      cells = new Uint16Array(Math.max(end, 2 * cells.length));
      cells.set(this.#cells!.subarray(0, this.#length));
      this.#cells = cells;
    }
    for (let i = 0; i < text.length; i++) cells[this.#cursor + i] = text.charCodeAt(i);
    this.#cursor = end;
    this.#length = Math.max(this.#length, end);
  }

  #line(): string {
    if (!this.#cells) return this.#plain;
    const bytes = Buffer.from(this.#cells.buffer, 0, 2 * this.#length);
    return bytes.toString("utf16le");
  }
}

const RETURN = "\r".charCodeAt(0);

/** Where the next line break or return stands, or the text ends. */
function lineEnd(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 10 || code === RETURN) return at;
  }
  return text.length;
}

/** The beginning of a text that has room; no character is cut in two. */
function fitting(text: string, room: number): string {
  if (text.length <= room) return text;
  const fits = text.slice(0, Math.max(0, room));
  return /[\ud800-\udbff]$/.test(fits) ? fits.slice(0, -1) : fits;
}
