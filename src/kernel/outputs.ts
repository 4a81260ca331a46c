import { Allowance, LIMITS, type Limits } from "./allowance.js";
import { displayId, errorOutput, storedBundle, storedSize, type Bundle, type Content } from "./bundle.js";
import { LeftOut } from "./left-out.js";
import { splitText, type CellOutput } from "./nbformat.js";
import { TerminalText } from "./terminal-text.js";
import type { Message } from "./wire.js";

/** An output as it grows. */
type Entry = StreamEntry | DisplayEntry | { readonly kind: "error"; readonly output: CellOutput } | LeftOut;

interface StreamEntry {
  readonly kind: "stream";
  readonly name: "stdout" | "stderr";
  readonly text: TerminalText;
}

interface DisplayEntry {
  readonly kind: "display";
  readonly owner: OutputCollector;
  /** Of an execute_result: its count. */
  readonly count: number | null | undefined;
  readonly id: string | undefined;
  bundle: Bundle;
  size: number;
}

/** Displays by their id; shared by the cells of a notebook, since a cell may update another's. */
export type Displays = Map<string, Set<DisplayEntry>>;

/** More lines than this are stored as one text, which takes less than a list of them. */
const MOST_LISTED_LINES = 100_000;

/**
 * Gathers what one cell publishes into notebook outputs, as front ends do, up to the limits of `Allowance`. Fields of
 * a wrong type are read as if they were missing.
 */
export class OutputCollector {
  #entries: Entry[] = [];
  #clearBeforeNext = false;
  #leftOut: LeftOut | undefined;
  readonly #text: Allowance;
  readonly #displays: Allowance;

  /** @param room what the notebook's cells may keep together */
  constructor(
    private readonly displays: Displays,
    room = new Allowance(LIMITS.notebook),
    private readonly limits: Limits = LIMITS,
  ) {
    this.#text = new Allowance(limits.cellText, room);
    this.#displays = new Allowance(limits.cellDisplays, room);
  }

  add({ header, content }: Pick<Message, "header" | "content">): void {
    switch (header.msg_type) {
      case "stream":
        return this.#stream(content);
      case "display_data":
        return this.#display(content, undefined);
      case "execute_result":
        return this.#display(content, countOf(content.execution_count));
      case "update_display_data":
        return this.#update(content);
      case "error":
        return this.#error(content);
      case "clear_output":
        if (content.wait === true) this.#clearBeforeNext = true;
        else this.#clear();
    }
  }

  /** Adds an error of the executor's own. */
  addError(ename: string, evalue: string): void {
    this.#error({ ename, evalue, traceback: [`${ename}: ${evalue}`] });
  }

  /** Notes a message that could not be read. */
  addUnread(): void {
    this.#missing().messages++;
  }

  /** The outputs as a notebook stores them. */
  get outputs(): CellOutput[] {
    return this.#entries.map((entry) => {
      if (entry.kind === "note") return stream("stderr", entry.toString());
      if (entry.kind === "stream") return stream(entry.name, entry.text.toString());
      if (entry.kind === "error") return entry.output;
      return entry.count === undefined
        ? { output_type: "display_data", ...entry.bundle }
        : { output_type: "execute_result", execution_count: entry.count, ...entry.bundle };
    });
  }

  #stream({ name: said, text }: Content): void {
    if (typeof text !== "string" || text === "") return;
    this.#begin();
    const name = said === "stderr" ? "stderr" : "stdout";
    const entry = this.#streamOf(name);
    const before = entry?.text.size ?? 0;
    const over = entry ? entry.text.write(text, this.#text.room) : text.length;
    if (entry) this.#text.use(entry.text.size - before);
    if (over === 0) return;
    this.#missing().characters += over;
    this.#missing().closed = true; // text with a gap in it would mislead
  }

  /** The last output if it is this stream, else a new one; undefined if there is no room for any. */
  #streamOf(name: "stdout" | "stderr"): StreamEntry | undefined {
    if (this.#leftOut?.closed) return undefined;
    const last = this.#entries.at(-1);
    if (last?.kind === "stream" && last.name === name) return last;
    if (this.#full) return undefined;
    const entry: StreamEntry = { kind: "stream", name, text: new TerminalText() };
    this.#entries.push(entry);
    return entry;
  }

  #display(content: Content, count: number | null | undefined): void {
    this.#begin();
    const bundle = storedBundle(content);
    const size = storedSize(bundle);
    if (this.#full || size > this.#displays.room) return this.#missing().display(size);
    const id = displayId(content);
    const entry: DisplayEntry = { kind: "display", owner: this, count, id, bundle, size };
    this.#displays.use(size);
    this.#entries.push(entry);
    if (id === undefined) return;
    if (!this.displays.has(id)) this.displays.set(id, new Set());
    this.displays.get(id)!.add(entry);
  }

  #update(content: Content): void {
    const entries = this.displays.get(displayId(content) ?? "");
    if (!entries) return;
    const bundle = storedBundle(content);
    const size = storedSize(bundle);
    for (const entry of entries) {
      const more = size - entry.size;
      if (more > entry.owner.#displays.room) entry.owner.#missing().display(size);
      else {
        entry.owner.#displays.use(more);
        Object.assign(entry, { bundle: { ...bundle }, size });
      }
    }
  }

  /** Errors are kept when there is no room for other output. */
  #error(content: Content): void {
    this.#begin();
    const known = this.#entries.some(({ kind }) => kind === "error");
    if (known && this.#full) return this.#missing().display(0);
    this.#entries.push({ kind: "error", output: errorOutput(content, this.limits.error) });
  }

  get #full(): boolean {
    return this.#entries.length >= this.limits.cellOutputs;
  }

  /** The note on what is left out; it stands where that began. */
  #missing(): LeftOut {
    if (!this.#leftOut) this.#entries.push((this.#leftOut = new LeftOut(this.limits)));
    return this.#leftOut;
  }

  #begin(): void {
    if (this.#clearBeforeNext) this.#clear();
  }

  #clear(): void {
    this.#clearBeforeNext = false;
    for (const entry of this.#entries) {
      if (entry.kind === "stream") this.#text.use(-entry.text.size);
      if (entry.kind === "display") {
        this.#displays.use(-entry.size);
        this.displays.get(entry.id ?? "")?.delete(entry);
      }
    }
    this.#entries = [];
    this.#leftOut = undefined;
  }
}

/** Text as a terminal shows it: after "\r" a line is written over from its start. */
export function overwrite(text: string): string {
  const shown = new TerminalText();
  shown.write(text);
  return shown.toString();
}

function stream(name: "stdout" | "stderr", text: string): CellOutput {
  let lines = 0;
  for (let at = text.indexOf("\n"); at >= 0 && lines <= MOST_LISTED_LINES; at = text.indexOf("\n", at + 1))
    lines++;
  return { output_type: "stream", name, text: lines > MOST_LISTED_LINES ? text : splitText(text) };
}

/** An execution count, or null for anything else. */
export function countOf(value: unknown): number | null {
  return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : null;
}
