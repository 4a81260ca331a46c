import { StringDecoder } from "node:string_decoder";

type Publish = (type: string, content: Record<string, unknown>) => void;
export type StreamName = "stdout" | "stderr";

const FLUSH_MS = 50;
const FLUSH_CHARACTERS = 65_536;

/**
 * What a cell prints, in order. Text is gathered into few messages: at most one per 50 ms or 64 Ki characters, also
 * in a loop that never returns to the event loop.
 */
export class Output {
  #name: StreamName = "stdout";
  #text = "";
  #lastFlush = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param publish sends one message of the running cell
   * @param clean makes printed stack traces readable
   */
  constructor(
    private readonly publish: Publish,
    private readonly clean: (text: string) => string,
  ) {}

  write(name: StreamName, text: string): void {
    if (!text) return;
    if (name !== this.#name) this.flush();
    this.#name = name;
    this.#text += text;
    const due = performance.now() - this.#lastFlush > FLUSH_MS;
    if (due || this.#text.length > FLUSH_CHARACTERS) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  /** Any other message, after the text printed before it. */
  send(type: string, content: Record<string, unknown>): void {
    this.flush();
    this.publish(type, content);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#text) return;
    const text = this.clean(this.#text);
    this.#text = "";
    this.#lastFlush = performance.now();
    this.publish("stream", { name: this.#name, text });
  }
}

type Callback = (error?: Error | null) => void;

/** Sends everything written to a stream of the process to `sink`; characters cut between writes are kept whole. */
export function captureStream(stream: NodeJS.WriteStream, sink: (text: string) => void): void {
  const decoder = new StringDecoder("utf8");
  stream.write = (chunk: string | Uint8Array, encoding?: BufferEncoding | Callback, callback?: Callback) => {
    sink(typeof chunk === "string" ? chunk : decoder.write(Buffer.from(chunk)));
    const done = typeof encoding === "function" ? encoding : callback;
    if (done) process.nextTick(done);
    return true;
  };
}
