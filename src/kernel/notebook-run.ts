import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../core/errors.js";
import { printable } from "../core/printable.js";
import { startTimer } from "../core/timer.js";
import { Allowance, LIMITS } from "./allowance.js";
import { objectOf } from "./bundle.js";
import { KernelError, type KernelClient } from "./client.js";
import { joinText, type Cell, type Notebook } from "./nbformat.js";
import { countOf, OutputCollector, type Displays } from "./outputs.js";
import { KERNELSPEC } from "./own-notebook.js";
import type { Message } from "./wire.js";

/** What went wrong first: the position of its cell and what happened. */
export interface Failure {
  cell: number;
  message: string;
  traceback: string[];
}

export interface RunOptions {
  /** Seconds per cell; 0 means no limit. Default 600. */
  timeout?: number;
  /** Stops the run: the running cell is interrupted. */
  signal?: AbortSignal;
  /** Ends a cell that was interrupted, and its kernel, without waiting. */
  atOnce?: AbortSignal;
  /** Receives one line per cell. */
  log?: (line: string) => void;
  /** Called when the run is stopped, before an interrupted cell gets time to save its work. */
  save?: () => Promise<void>;
}

interface Running {
  readonly cell: Cell;
  readonly position: number;
  readonly collector: OutputCollector;
  /** Whether anything of it is known: until then the cell keeps the outputs that it had. */
  begun: boolean;
}

/** Time for an error of a finished cell to arrive before the kernel is shut down, in milliseconds. */
const LINGER_MS = 150;
const STOPPED = "stopped by the user";
/** Time for an interrupted cell that is alive to save its work and answer, in milliseconds. */
const INTERRUPT_MS = 35_000;
/** Time for a kernel to hear an interrupt; it is blocked otherwise, and is interrupted once more. In milliseconds. */
const HEARING_MS = 8_000;
/** Time for a blocked cell to end after the second interrupt, which terminates what runs, in milliseconds. */
const TERMINATION_MS = 4_000;

/**
 * Executes the cells of a notebook and puts what they publish into it. Cells that do not run keep their outputs; an
 * execution count says which cells are of this execution.
 */
export class NotebookRun {
  failure: Failure | null = null;
  readonly #displays: Displays = new Map();
  readonly #room = new Allowance(LIMITS.notebook);
  /** By the id of the cell's request; kept to the end, because output may come late. */
  readonly #running = new Map<string, Running>();
  #latest: Running | undefined;

  constructor(
    private readonly client: KernelClient,
    private readonly notebook: Notebook,
    private readonly options: RunOptions,
  ) {
    client.onPublished = (message) => this.#published(message);
    client.onUnreadable = () => this.#latest?.collector.addUnread();
  }

  /** Whether any cell was sent to the kernel. */
  get begun(): boolean {
    return this.#running.size > 0;
  }

  async all(): Promise<void> {
    const { cells, metadata } = this.notebook;
    const info = await this.client.request("kernel_info_request");
    metadata.kernelspec = { ...KERNELSPEC, ...objectOf(metadata.kernelspec) };
    const language = objectOf(info.language_info);
    if (typeof language.name === "string") metadata.language_info = language;
    for (const cell of cells) if (cell.cell_type === "code") cell.execution_count = null;
    for (const [position, cell] of cells.entries()) {
      if (this.options.signal?.aborted) this.failure ??= { cell: position, message: STOPPED, traceback: [] };
      if (this.failure) break;
      if (!runs(cell)) continue;
      await this.#cell(cell, position);
      await this.#notDead();
    }
    await sleep(LINGER_MS);
    await this.#notDead();
    this.#store();
  }

  /** A kernel that ended after its cell had: no later cell is sent to it. */
  async #notDead(): Promise<void> {
    if (!this.client.dead || this.failure || !this.#latest) return;
    const message = `kernel died (${await this.client.exited}) after the cell had ended`;
    this.failure = { cell: this.#latest.position, message, traceback: [] };
    this.#latest.collector.addError("KernelDied", message);
  }

  #store(): void {
    for (const { cell, collector, begun } of this.#running.values())
      if (begun) cell.outputs = collector.outputs;
  }

  async #cell(cell: Cell, position: number): Promise<void> {
    const { signal, timeout = 600, log = () => {}, save } = this.options;
    const start = performance.now();
    const source = joinText(cell.source);
    const { id, reply } = this.client.send("execute_request", {
      code: source,
      silent: false,
      store_history: true,
      user_expressions: {},
      allow_stdin: false,
      stop_on_error: true,
    });
    const collector = new OutputCollector(this.#displays, this.#room);
    this.#latest = { cell, position, collector, begun: false };
    this.#running.set(id, this.#latest);
    try {
      const content = await this.#within(reply, timeout, signal);
      this.#begin(this.#latest);
      timings(cell)["shell.execute_reply"] = new Date().toISOString();
      if (content.status !== "ok" && !this.failure) this.#fail(position, cell, content);
    } catch (error) {
      this.failure ??= { cell: position, message: messageOf(error), traceback: [] };
      if (error instanceof KernelError) await this.#died(this.#latest, messageOf(error));
      else {
        if (signal?.aborted) {
          this.#store();
          await save?.();
        }
        await this.#interrupt(reply, this.#latest);
      }
    }
    const seconds = ((performance.now() - start) / 1000).toFixed(2).padStart(8);
    const state = this.failure ? "FAILED" : "ok    ";
    log(`  cell ${position + 1}/${this.notebook.cells.length} ${state} ${seconds} s  ${title(source)}`);
  }

  /** The reply, or an error at the timeout or when the run is stopped. */
  async #within<T>(reply: Promise<T>, seconds: number, signal?: AbortSignal): Promise<T> {
    let cancel = (): void => {};
    let stop = (): void => {};
    const end = new Promise<never>((_, fail) => {
      const late = (): void => fail(new Error(`timed out after ${seconds} s`));
      if (seconds > 0) cancel = startTimer(late, seconds * 1000);
      stop = () => fail(new Error(STOPPED));
      signal?.addEventListener("abort", stop);
      if (signal?.aborted) stop();
    });
    try {
      return await Promise.race([reply, end]);
    } finally {
      cancel();
      signal?.removeEventListener("abort", stop);
    }
  }

  /** Lets an unfinished cell save its work; where it does not end, the kernel is killed. */
  async #interrupt(reply: Promise<unknown>, running: Running): Promise<void> {
    const heard = this.client.interruptHeard();
    let answered = await this.#ends(Promise.race([heard, reply]), HEARING_MS);
    if (!answered) {
      this.client.interrupt();
      answered = await this.#ends(Promise.race([heard, reply]), TERMINATION_MS);
    }
    if (answered && (await this.#ends(reply, INTERRUPT_MS))) return;
    this.client.kill();
    const why = "the interrupted cell did not end, so the kernel was killed";
    this.failure!.message += `; ${why}`;
    await this.#died(running, this.failure!.message);
  }

  /** Whether a promise settles in some milliseconds, and before everything is to end at once. */
  async #ends(promise: Promise<unknown>, milliseconds: number): Promise<boolean> {
    const { atOnce } = this.options;
    const waiting = new AbortController();
    const signal = atOnce ? AbortSignal.any([waiting.signal, atOnce]) : waiting.signal;
    const late = sleep(milliseconds, false, { signal }).catch(() => false);
    const settled = promise.then(
      () => true,
      () => true,
    );
    const result = await Promise.race([settled, late]);
    waiting.abort();
    return result;
  }

  /** What the kernel published before its end still arrives; then the cell says what ended it. */
  async #died(running: Running, message: string): Promise<void> {
    await sleep(LINGER_MS);
    this.#begin(running);
    running.collector.addError("KernelDied", message);
  }

  #published(message: Message): void {
    const running = this.#running.get(message.parent.msg_id ?? "");
    if (!running) return;
    const { cell, position, collector } = running;
    const type = message.header.msg_type;
    this.#begin(running);
    collector.add(message);
    if (type === "execute_input")
      cell.execution_count = countOf(message.content.execution_count) ?? this.#count;
    if (type === "execute_input" || type === "status") {
      const key = type === "status" ? `status.${String(message.content.execution_state)}` : type;
      timings(cell)[`iopub.${key}`] = message.header.date;
    }
    if (type === "error" && !this.failure) this.#fail(position, cell, message.content);
  }

  #begin(running: Running): void {
    if (running.begun) return;
    running.begun = true;
    running.cell.metadata.execution = {};
    running.cell.execution_count ??= this.#count;
  }

  /** The count of the latest cell, as this executor counts. */
  get #count(): number {
    return this.#running.size;
  }

  #fail(position: number, cell: Cell, error: Record<string, unknown>): void {
    if (cell.metadata.tags?.includes("raises-exception")) return;
    const { ename, evalue, status } = error;
    const message = ename ? `${textOf(ename)}: ${textOf(evalue)}` : `the kernel answered ${textOf(status)}`;
    const lines = Array.isArray(error.traceback) ? (error.traceback as unknown[]) : [];
    const traceback = lines.filter((line): line is string => typeof line === "string");
    this.failure = { cell: position, message, traceback };
  }
}

/** Whether a cell is to be executed. */
function runs(cell: Cell): boolean {
  const skipped = cell.metadata.tags?.includes("skip-execution") ?? false;
  return cell.cell_type === "code" && !skipped && joinText(cell.source).trim() !== "";
}

function timings(cell: Cell): Record<string, string> {
  return (cell.metadata.execution = objectOf(cell.metadata.execution)) as Record<string, string>;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "nothing");
}

/** The first line of a cell that says something. */
function title(source: string): string {
  const line =
    source.split("\n").find((text) => text.trim() && !text.startsWith("import ")) ?? source.trimStart();
  return printable(line.split("\n")[0]!.slice(0, 60));
}
