import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import * as zmq from "zeromq";
import { startTimer } from "../core/timer.js";
import { objectOf } from "./bundle.js";
import {
  address,
  createHeader,
  decode,
  encode,
  type ConnectionInfo,
  type Header,
  type Message,
} from "./wire.js";

/** A kernel that ended, or did not answer in time. */
export class KernelError extends Error {
  override name = "KernelError";
}

export interface KernelOptions {
  /** Working folder of the kernel: the folder of the notebook. */
  cwd?: string;
  /** Added to this process's environment. */
  env?: Record<string, string>;
  /** Time to start, in milliseconds. */
  startTimeout?: number;
  /** Gives the start up. */
  signal?: AbortSignal;
}

export interface RequestOptions {
  channel?: "shell" | "control";
  /** Time to answer, in milliseconds; 0 means no limit. */
  timeout?: number;
}

/** Characters of the kernel's own log that are kept, the latest. */
const LOG_CHARACTERS = 65_536;

const SPEC_FOLDER = fileURLToPath(new URL("../../jupyter/kernels/tslab/", import.meta.url));

/** The project's kernelspec as a command line, run by this process's own Node. */
export async function kernelCommand(folder: string = SPEC_FOLDER): Promise<string[]> {
  const spec = JSON.parse(await readFile(join(folder, "kernel.json"), "utf8")) as { argv: string[] };
  const [program, ...rest] = spec.argv.map((word) => word.replace("{resource_dir}", () => folder));
  return [program === "node" ? process.execPath : program!, ...rest];
}

/** A Jupyter client without Python: starts a kernel, sends requests, hands on what the kernel publishes. */
export class KernelClient {
  /** Called with every message on IOPub, also those that arrive after their request was answered. */
  onPublished: (message: Message) => void = () => {};
  /** Called when a message could not be read: too long, not signed with our key, or no message. */
  onUnreadable: () => void = () => {};
  /** Resolves when the process ends, with what ended it ("exit code 3", "signal SIGKILL"). */
  readonly exited: Promise<string>;
  /** What the process itself wrote, outside the protocol. */
  log = "";

  readonly #session = randomUUID();
  readonly #shell = new zmq.Dealer({ linger: 0 });
  readonly #control = new zmq.Dealer({ linger: 0 });
  readonly #iopub = new zmq.Subscriber({ linger: 0, receiveHighWaterMark: 0 });
  readonly #listeners = new Map<string, (message: Message, onIopub: boolean) => void>();

  readonly #forget: () => void;

  private constructor(
    private readonly process: ChildProcess,
    private readonly info: ConnectionInfo,
    private readonly folder: string,
  ) {
    this.exited = new Promise((done) => {
      process.once("error", (error) => done(error.message));
      process.once("exit", (code, signal) => done(signal ? `signal ${signal}` : `exit code ${code}`));
    });
    for (const stream of [process.stdout, process.stderr]) {
      stream?.on("data", (text: Buffer) => {
        this.log = (this.log + text.toString()).slice(-LOG_CHARACTERS);
      });
      // What a cell left running may hold the other end for hours.
      void this.exited.then(() => setTimeout(() => stream?.destroy(), 100));
    }
    this.#forget = removeAtExit(folder);
    this.#shell.connect(address(info, info.shell_port));
    this.#control.connect(address(info, info.control_port));
    this.#iopub.connect(address(info, info.iopub_port));
    this.#iopub.subscribe();
    for (const socket of [this.#shell, this.#control, this.#iopub]) void this.#receive(socket);
  }

  /**
   * Starts a kernel and waits until it answers and publishes.
   * @throws KernelError if it ends before, or takes longer than `startTimeout`
   */
  static async start({
    cwd = process.cwd(),
    env = {},
    startTimeout = 60_000,
    signal,
  }: KernelOptions = {}): Promise<KernelClient> {
    const [shell_port, iopub_port, stdin_port, control_port, hb_port] = await freePorts(5);
    const info = {
      transport: "tcp",
      ip: "127.0.0.1",
      shell_port,
      iopub_port,
      stdin_port,
      control_port,
      hb_port,
    };
    const connection = { ...info, key: randomBytes(32).toString("hex"), signature_scheme: "hmac-sha256" };
    const folder = await mkdtemp(join(tmpdir(), "spectral-lab-kernel-"));
    let client: KernelClient;
    try {
      const file = join(folder, "connection.json");
      await writeFile(file, JSON.stringify(connection), { mode: 0o600 });
      const command = await kernelCommand();
      const [program, ...args] = command.map((word) => word.split("{connection_file}").join(file));
      const child = spawn(program!, args, {
        cwd: resolve(cwd),
        env: { ...process.env, ...env },
        stdio: ["ignore", "pipe", "pipe"],
        detached: true, // Ctrl-C in a terminal is for the client, which interrupts the kernel itself
      });
      client = new KernelClient(child, connection as ConnectionInfo, folder);
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
    await client.#ready(startTimeout, signal);
    return client;
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  /** Whether the process has ended, or never began. */
  get dead(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null || !this.process.pid;
  }

  /**
   * Sends a request and waits for its reply and for everything published on its behalf.
   * @returns the content of the reply
   * @throws KernelError if the kernel ends or the time is over
   */
  async request(
    type: string,
    content: object = {},
    options: RequestOptions = {},
  ): Promise<Record<string, unknown>> {
    return this.send(type, content, options).reply;
  }

  /** As `request`; also says the id by which messages on IOPub name this request as their parent. */
  send(type: string, content: object, { channel = "shell", timeout = 0 }: RequestOptions = {}) {
    const header = createHeader(type, this.#session);
    const message = {
      identities: [],
      header,
      parent: {},
      metadata: {},
      content: content as Record<string, unknown>,
    };
    const reply = new Promise<Record<string, unknown>>((done, fail) => {
      const late = (): void =>
        finish(new KernelError(`kernel: no answer to ${type} within ${timeout / 1000} s`));
      const cancel = timeout > 0 ? startTimer(late, timeout) : () => {};
      const finish = (result: Record<string, unknown> | KernelError): void => {
        cancel();
        this.#listeners.delete(header.msg_id);
        if (result instanceof KernelError) fail(result);
        else done(result);
      };
      let answer: Record<string, unknown> | undefined;
      let idle = false;
      this.#listeners.set(header.msg_id, (received, onIopub) => {
        if (!onIopub) answer = received.content;
        else if (received.header.msg_type === "status") idle ||= received.content.execution_state === "idle";
        if (answer && idle) finish(answer);
      });
      void this.exited.then((how) => finish(new KernelError(this.#death(how))));
    });
    const socket = channel === "shell" ? this.#shell : this.#control;
    socket.send(encode(message, this.info.key)).catch(() => {}); // the kernel ended: its end is the answer
    return { id: header.msg_id, reply };
  }

  /** Asks the running cell to stop; twice ends a loop that does not listen. */
  interrupt(): void {
    void this.interruptHeard();
  }

  /** As `interrupt`. @returns whether the kernel has heard it, once it answers or ends */
  async interruptHeard(): Promise<boolean> {
    return this.request("interrupt_request", {}, { channel: "control" }).then(
      () => true,
      () => false,
    );
  }

  /** Ends the process at once, with the programs that its cells wait for. */
  kill(): void {
    if (this.dead) return;
    try {
      process.kill(-this.process.pid!, "SIGKILL");
    } catch {
      this.process.kill("SIGKILL"); // Windows has no process groups
    }
  }

  /** Ends the kernel: asks, and after `grace` milliseconds kills. */
  async stop(grace = 3000): Promise<void> {
    const cancel = startTimer(() => this.kill(), grace);
    const options = { channel: "control", timeout: grace } as const;
    if (!this.dead) await this.request("shutdown_request", { restart: false }, options).catch(() => {});
    await this.exited;
    cancel();
    for (const socket of [this.#shell, this.#control, this.#iopub]) socket.close();
    await rm(this.folder, { recursive: true, force: true });
    this.#forget();
  }

  async #ready(timeout: number, signal?: AbortSignal): Promise<void> {
    const end = performance.now() + timeout;
    for (;;) {
      // An answer alone is not enough: the subscription must be live before the first cell prints.
      const failure = await this.request("kernel_info_request", {}, { timeout: 500 }).then(
        () => undefined,
        (error: Error) => error,
      );
      if (!failure) return;
      const { dead } = this;
      const stopped = signal?.aborted === true;
      if (!dead && !stopped && performance.now() < end) continue;
      await this.stop(0);
      if (dead) throw failure;
      if (stopped) throw new KernelError("kernel: stopped while it started");
      throw new KernelError(`kernel: not ready within ${timeout / 1000} s${this.#lastWords()}`);
    }
  }

  async #receive(socket: zmq.Dealer | zmq.Subscriber): Promise<void> {
    const onIopub = socket === this.#iopub;
    for await (const frames of socket) {
      try {
        const message = wellFormed(decode(frames, this.info.key));
        if (onIopub) this.onPublished(message);
        this.#listeners.get(message.parent.msg_id ?? "")?.(message, onIopub);
      } catch {
        this.onUnreadable();
      }
    }
  }

  #lastWords(): string {
    const said = this.log.split(/^----- Native stack trace|^<--- JS stacktrace/m)[0]!.trim();
    return said ? `; it wrote:\n${said.slice(-2000)}` : "";
  }

  /** What ended the process and, where it is known, why. */
  #death(how: string): string {
    if (/JavaScript heap out of memory/.test(this.log))
      return `kernel died (${how}): a cell used more memory than Node may take; NODE_OPTIONS=--max-old-space-size=MEBIBYTES allows more`;
    const why = how === "signal SIGKILL" ? ", as a system short of memory does" : "";
    return `kernel died (${how}${why})${this.#lastWords()}`;
  }
}

/** A message whose parts are objects, whatever was sent; header fields that are no text are empty. */
function wellFormed(message: Message): Message {
  const { identities, header, parent, metadata, content } = message;
  const { msg_type, msg_id, date } = objectOf(header);
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  return {
    identities,
    header: {
      ...objectOf(header),
      msg_type: text(msg_type),
      msg_id: text(msg_id),
      date: text(date),
    } as Header,
    parent: objectOf(parent),
    metadata: objectOf(metadata),
    content: objectOf(content),
  };
}

/** Removes a folder when this process ends before it was removed. @returns what takes that back */
function removeAtExit(folder: string): () => void {
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  return () => void process.off("exit", remove);
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((done, fail) => server.once("error", fail).listen(0, "127.0.0.1", done));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}
