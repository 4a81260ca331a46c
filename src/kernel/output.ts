import { StringDecoder } from "node:string_decoder";

type Publish = (type: string, content: Record<string, unknown>) => void;
export type StreamName = "stdout" | "stderr";

const FLUSH_MS = 50;
const FLUSH_CHARACTERS = 65_536;
/** Longest text of one message; a longer one is sent in several. */
const MESSAGE_CHARACTERS = 2 ** 22;
/** Longest text that is shown of one piece. A message of more than 2^29 characters cannot be made at all. */
const LIMIT_CHARACTERS = 2 ** 26;

/** A text of any length; where it is too long, its start and how much was left out. */
export function cut(text: string, limit = LIMIT_CHARACTERS): string {
  if (text.length <= limit) return text;
  const end = wholeCharacters(text, limit);
  return `${text.slice(0, end)}\n[${text.length - end} of ${text.length} characters left out]\n`;
}

/** The end of a piece of about that length that cuts no character in two. */
function wholeCharacters(text: string, end: number): number {
  const code = text.charCodeAt(end - 1);
  return code >= 0xd800 && code < 0xdc00 ? end - 1 : end;
}

/**
 * What a cell prints, in order. Text is gathered into few messages: at most one per 50 ms or 64 Ki characters, also
 * in a loop that never returns to the event loop.
 */
export class Output {
  #name: StreamName = "stdout";
  #text = "";
  #lastFlush = 0;
  #timer: NodeJS.Timeout | undefined;
  /** Printed by other means, and to be shown before what comes next. */
  #before: () => void = () => {};

  /**
   * @param publish sends one message of the running cell
   * @param clean makes printed stack traces readable
   */
  constructor(
    private readonly publish: Publish,
    private readonly clean: (text: string) => string,
  ) {}

  /** @param drain hands on what was printed by other means, with `add` */
  drainFirst(drain: () => void): void {
    this.#before = drain;
  }

  write(name: StreamName, text: string): void {
    this.#before();
    this.add(name, text);
  }

  /** As `write`, without looking for what was printed by other means. */
  add(name: StreamName, long: string): void {
    const text = cut(long);
    if (!text) return;
    if (name !== this.#name) this.#flush();
    this.#name = name;
    this.#text += text;
    const due = performance.now() - this.#lastFlush > FLUSH_MS;
    if (due || this.#text.length > FLUSH_CHARACTERS) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  /** Any other message, after the text printed before it. */
  send(type: string, content: Record<string, unknown>): void {
    this.flush();
    this.publish(type, content);
  }

  flush(): void {
    this.#before();
    this.#flush();
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#text) return;
    const text = this.clean(this.#text);
    this.#text = "";
    this.#lastFlush = performance.now();
    for (let start = 0; start < text.length;) {
      const end = wholeCharacters(text, Math.min(start + MESSAGE_CHARACTERS, text.length));
      this.publish("stream", { name: this.#name, text: text.slice(start, Math.max(end, start + 1)) });
      start = Math.max(end, start + 1);
    }
  }
}

type Callback = (error?: Error | null) => void;

/** Sends everything written to a stream of the process to `sink`; characters cut between writes are kept whole. */
export function captureStream(stream: NodeJS.WriteStream, sink: (text: string) => void): void {
  const decoder = new StringDecoder("utf8");
  stream.write = (chunk: string | Uint8Array, encoding?: BufferEncoding | Callback, callback?: Callback) => {
    sink(textOf(chunk, typeof encoding === "string" ? encoding : "utf8", decoder));
    const done = typeof encoding === "function" ? encoding : callback;
    if (done) process.nextTick(done);
    return true;
  };
}

/** What a terminal would show: the bytes that the encoding gives, read as UTF-8. */
function textOf(chunk: string | Uint8Array, encoding: BufferEncoding, decoder: StringDecoder): string {
  if (typeof chunk !== "string") {
    if (chunk instanceof Uint8Array || ArrayBuffer.isView(chunk)) {
      const view = chunk as Uint8Array;
      return decoder.write(Buffer.from(view.buffer, view.byteOffset, view.byteLength));
    }
    throw new TypeError(
      `write: expected text or a Uint8Array, found ${chunk === null ? "null" : typeof chunk}`,
    );
  }
  if (/^utf-?8$/i.test(encoding)) return chunk;
  if (!Buffer.isEncoding(encoding))
    throw new TypeError(`write: unknown encoding ${JSON.stringify(encoding)}`);
  return decoder.write(Buffer.from(chunk, encoding));
}
