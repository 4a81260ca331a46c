import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import * as zmq from "zeromq";
import { thrownError } from "./cell-error.js";
import { readConnection } from "./connection.js";
import { Descriptors } from "./descriptors.js";
import { InterruptSource } from "./interrupt.js";
import { captureStream, Output } from "./output.js";
import { Session } from "./session.js";
import { Traces } from "./traces.js";
import type { DisplayContent, Tslab } from "./tslab.js";
import { address, createHeader, encode, Inbox, kind, type ConnectionInfo, type Message } from "./wire.js";

type Content = Record<string, unknown>;

export interface ServerOptions {
  /** Receives a line for each fault of the protocol. */
  log: (text: string) => void;
  /** Whether descriptors 1 and 2 are files that the launcher opened. */
  captured: boolean;
}

/** How often what children print is looked for, in milliseconds; also before each message of a cell. */
const DRAIN_MS = 100;

/** The kernel's side of the Jupyter protocol. */
export class Server {
  readonly #info: ConnectionInfo;
  readonly #inbox: Inbox;
  readonly #traces = new Traces();
  readonly #output: Output;
  readonly #session: Session;
  readonly #handler: InstanceType<Tslab["Handler"]>;
  readonly #shell = new zmq.Router();
  readonly #stdin = new zmq.Router();
  /** The second thread, with the control channel and the heartbeat. */
  readonly #control: Worker;
  readonly #controlClosed = new Int32Array(new SharedArrayBuffer(4));
  /** How many interrupts the second thread has heard, also while this one was busy. */
  readonly #interrupts = new Int32Array(new SharedArrayBuffer(4));
  // Publishing never waits and never drops, however much a loop prints before it returns to the event loop.
  readonly #iopub = new zmq.Publisher({ sendHighWaterMark: 0, sendTimeout: 0 });
  /** Execute requests, the first of which is running. */
  readonly #queue: Message[] = [];
  #received = 0;
  /** The latest execute request: output belongs to it, also after it has ended. */
  #parent: Message | undefined;

  constructor(
    connectionFile: string,
    private readonly tslab: Tslab,
    private readonly options: ServerOptions,
  ) {
    this.#info = readConnection(connectionFile);
    this.#inbox = new Inbox(this.#info.key);
    this.#output = new Output(
      (type, content) => this.#publish(type, content, this.#parent),
      (text) => this.#traces.clean(text),
    );
    const source = new InterruptSource();
    this.#control = new Worker(new URL("./control.js", import.meta.url), {
      workerData: {
        info: this.#info,
        closed: this.#controlClosed,
        interrupts: this.#interrupts,
        state: source.shared,
      },
    });
    process.on("exit", () => this.#closeControl());
    captureStream(process.stdout, (text) => this.#output.write("stdout", text));
    captureStream(process.stderr, (text) => this.#output.write("stderr", text));
    if (options.captured) {
      const descriptors = new Descriptors((name, text) => this.#output.add(name, text));
      this.#output.drainFirst(() => descriptors.drain());
      setInterval(() => descriptors.drain(), DRAIN_MS).unref();
    }
    tslab.setDisplay((content, update) => this.#display(content, update));
    const interrupts = (): number => Atomics.load(this.#interrupts, 0);
    this.#session = new Session(tslab, this.#traces, this.#output, interrupts, source);
    this.#handler = new tslab.Handler(this.#session.executor, false);
  }

  async listen(): Promise<void> {
    const info = this.#info;
    const [state] = (await once(this.#control, "message")) as [string];
    if (state !== "ready")
      throw new Error(`kernel: cannot listen on the ports of the connection file: ${state}`);
    await Promise.all([
      this.#shell.bind(address(info, info.shell_port)),
      this.#stdin.bind(address(info, info.stdin_port)),
      this.#iopub.bind(address(info, info.iopub_port)),
    ]);
    this.#control.on("message", (frames: Uint8Array[]) => {
      const reply = (answer: Buffer[]): void => this.#control.postMessage(answer);
      this.#receive(
        frames.map((frame) => Buffer.from(frame)),
        reply,
      );
    });
    void this.#listenToShell();
  }

  interrupt(): void {
    this.#session.interrupt();
  }

  uncaught(thrown: unknown): void {
    this.#session.uncaught(thrown);
  }

  async #listenToShell(): Promise<void> {
    for await (const frames of this.#shell) this.#receive(frames, (answer) => void this.#shell.send(answer));
  }

  #receive(frames: Buffer[], reply: (answer: Buffer[]) => void): void {
    this.#received++;
    try {
      const message = this.#inbox.read(frames);
      if (message.header.msg_type === "execute_request") this.#enqueue(message);
      else this.#answer(message, reply);
    } catch (error) {
      this.options.log(
        `kernel: request ignored: ${error instanceof Error ? error.message : String(error)}\n`,
      );
    }
  }

  /** Everything but cells is answered at once, also while a cell waits for something. */
  #answer(request: Message, reply: (answer: Buffer[]) => void): void {
    this.#publish("status", { execution_state: "busy" }, request);
    const type = request.header.msg_type;
    const content = this.#contentOrError(request);
    if (content)
      reply(this.#encode(type.replace(/_request$/, "_reply"), content, request, request.identities));
    this.#publish("status", { execution_state: "idle" }, request);
    if (type === "shutdown_request") void this.#close();
    // Front ends show the state they heard last.
    else if (this.#queue[0]) this.#publish("status", { execution_state: "busy" }, this.#queue[0]);
  }

  #contentOrError({ header, content, fault }: Message): Content | undefined {
    try {
      if (fault !== undefined) throw new BadRequest(`${header.msg_type}: ${fault}`);
      return this.#contentFor(header.msg_type, content);
    } catch (error) {
      return { status: "error", ...thrownError(error, this.#traces) };
    }
  }

  #contentFor(type: string, content: Content): Content | undefined {
    switch (type) {
      case "kernel_info_request":
        return this.#kernelInfo();
      case "complete_request":
        return { ...this.#handler.handleComplete(atCursor(type, content)) };
      case "inspect_request":
        return { ...this.#handler.handleInspect({ ...atCursor(type, content), detail_level: 0 }) };
      case "is_complete_request":
        return { ...this.#handler.handleIsComplete({ code: codeOf(type, content) }) };
      case "comm_info_request":
        return { status: "ok", comms: {} };
      case "history_request":
        return { status: "ok", history: [] };
      case "interrupt_request":
        if (process.platform === "win32") this.#session.interrupt(); // elsewhere SIGINT has come along with it
        return { status: "ok" };
      case "shutdown_request":
        return { status: "ok", restart: Boolean(content.restart) };
      default:
        return undefined; // as the protocol asks: unknown requests are ignored
    }
  }

  #kernelInfo(): Content {
    const info = this.#handler.handleKernel();
    return {
      status: "ok",
      ...info,
      language_info: { ...info.language_info, version: this.tslab.typescript },
    };
  }

  #enqueue(request: Message): void {
    this.#queue.push(request);
    if (this.#queue.length === 1) void this.#work();
  }

  async #work(): Promise<void> {
    for (let request = this.#queue[0]; request; request = this.#queue[0]) {
      try {
        await this.#execute(request);
      } catch (error) {
        this.#reply(request, {
          status: "error",
          execution_count: this.#session.count,
          ...thrownError(error, this.#traces),
        });
      }
      this.#queue.shift();
    }
  }

  async #execute(request: Message): Promise<void> {
    this.#output.flush(); // what is still there belongs to the cell before
    this.#parent = request;
    this.#publish("status", { execution_state: "busy" }, request);
    const { silent, stop_on_error: stopOnError } = request.content;
    if (request.fault !== undefined) throw new BadRequest(`execute_request: ${request.fault}`);
    const errors = await this.#session.run(codeOf("execute_request", request.content), Boolean(silent));
    const common = { execution_count: this.#session.count, user_expressions: {}, payload: [] };
    if (errors[0] && stopOnError !== false) {
      await this.#settle();
      const aborted = this.#queue.splice(1);
      this.#reply(request, { status: "error", ...common, ...errors[0] });
      for (const other of aborted) this.#abort(other);
    } else if (errors[0]) this.#reply(request, { status: "error", ...common, ...errors[0] });
    else this.#reply(request, { status: "ok", ...common });
  }

  #reply(request: Message, content: Content): void {
    void this.#shell.send(this.#encode("execute_reply", content, request, request.identities));
    this.#publish("status", { execution_state: "idle" }, request);
  }

  /** Requests sent before their sender could know of the error do not run; a later one does. */
  #abort(request: Message): void {
    this.#publish("status", { execution_state: "busy" }, request);
    this.#reply(request, { status: "aborted" });
  }

  /** Until every request that has arrived is read. */
  async #settle(): Promise<void> {
    for (let before = -1; before !== this.#received;) {
      before = this.#received;
      await sleep(5);
    }
  }

  #display(content: DisplayContent, update: boolean): void {
    this.#output.send(update ? "update_display_data" : "display_data", { transient: {}, ...content });
  }

  #publish(type: string, content: Content, parent: Message | undefined): void {
    void this.#iopub.send(this.#encode(type, content, parent, [Buffer.from(type)]));
  }

  #encode(type: string, content: Content, parent: Message | undefined, identities: Buffer[]): Buffer[] {
    const header = createHeader(type, parent?.header.session ?? "kernel");
    return encode(
      { identities, header, parent: parent?.header ?? {}, metadata: {}, content },
      this.#info.key,
    );
  }

  #closeControl(): void {
    this.#control.postMessage("close");
    Atomics.wait(this.#controlClosed, 0, 0, 1000);
  }

  async #close(): Promise<void> {
    this.#output.flush();
    this.#handler.close();
    await sleep(100); // ZeroMQ sends what is left from its own thread
    process.exit(0);
  }
}

/** A request that is signed as it should be, and lacks what it needs. */
class BadRequest extends Error {
  override name = "BadRequest";
  constructor(message: string) {
    super(message);
    this.stack = `${this.name}: ${message}`; // where it was noticed says nothing
  }
}

function codeOf(type: string, { code }: Content): string {
  if (typeof code === "string") return code;
  throw new BadRequest(`${type}: expected the text of a cell as code, found ${kind(code)}`);
}

/** The text of a cell and a place in it; without a valid one, its end. */
function atCursor(type: string, content: Content): { code: string; cursor_pos: number } {
  const code = codeOf(type, content);
  const { cursor_pos: asked } = content;
  const valid = typeof asked === "number" && Number.isInteger(asked);
  return { code, cursor_pos: valid ? Math.min(Math.max(asked, 0), code.length) : code.length };
}
