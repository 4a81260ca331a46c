import { mkdir, readdir, realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { KernelClient, KernelError } from "./client.js";
import { joinText, readNotebook, writeNotebook, type Cell, type Notebook } from "./notebook.js";
import { OutputCollector } from "./outputs.js";
import type { Message } from "./wire.js";

/**
 * The headless executor: a notebook in, the executed notebook out, through the project's kernel and without Python.
 *
 *     node dist/kernel/execute.js [--output DIR] [--timeout SECONDS] NOTEBOOK.ipynb|FOLDER...
 *
 * Parameters are environment variables: the kernel gets this process's environment, so that
 * `SPECTRAL_PROFILE=lab node dist/kernel/execute.js ...` runs the notebook in that profile. The working folder of a
 * cell is the notebook's own, wherever the output goes.
 *
 * A cell fails that ends in an error, exceeds the timeout, leaves an error that nobody catches, or ends the kernel;
 * cells tagged "raises-exception" may end in an error. Cells after a failure do not run, the notebook with what ran is
 * still written, the other notebooks still run, and the exit code is 1. Ctrl-C interrupts the running cell, writes,
 * and exits with 130.
 */
export interface ExecuteOptions {
  /** Folder for the executed notebook; without it the notebook is replaced. `null` writes nothing. */
  output?: string | null;
  /** Seconds per cell; 0 means no limit. Default 600. */
  timeout?: number;
  /** Added to the kernel's environment. */
  env?: Record<string, string>;
  /** Stops the run: the running cell is interrupted, and what ran is written. */
  signal?: AbortSignal;
  /** Receives one line per cell. */
  log?: (line: string) => void;
}

export interface Execution {
  notebook: Notebook;
  /** Where it was written; null if nowhere. */
  path: string | null;
  /** The first failure: the position of its cell and what happened. */
  failure: { cell: number; message: string; traceback: string[] } | null;
  seconds: number;
}

/** Time for an error of a finished cell to arrive before the kernel is shut down, in milliseconds. */
const LINGER_MS = 150;
const STOPPED = "stopped by the user";
/** Time for an interrupted cell to save its work and answer, in milliseconds. */
const INTERRUPT_MS = 35_000;

/**
 * Executes one notebook and writes it.
 * @throws Error if the file is not a notebook, the kernel does not start, or the output cannot be written; never
 *   because of what a cell does: that is `failure`
 */
export async function executeNotebook(path: string, options: ExecuteOptions = {}): Promise<Execution> {
  const start = performance.now();
  const notebook = await readNotebook(path);
  const client = await KernelClient.start({ cwd: dirname(resolve(path)), env: options.env ?? {} });
  const run = new NotebookRun(client, notebook, options);
  try {
    await run.all();
  } finally {
    await client.stop();
  }
  const target = options.output === null ? null : join(options.output ?? dirname(path), basename(path));
  if (target !== null) {
    await mkdir(dirname(target), { recursive: true });
    await writeNotebook(target, notebook);
  }
  return { notebook, path: target, failure: run.failure, seconds: (performance.now() - start) / 1000 };
}

class NotebookRun {
  failure: Execution["failure"] = null;
  readonly #displays = new Map();
  /** By the id of the cell's request; kept to the end, because output may come late. */
  readonly #running = new Map<string, { cell: Cell; position: number; collector: OutputCollector }>();

  constructor(
    private readonly client: KernelClient,
    private readonly notebook: Notebook,
    private readonly options: ExecuteOptions,
  ) {
    client.onPublished = (message) => this.#published(message);
  }

  async all(): Promise<void> {
    const { cells, metadata } = this.notebook;
    const info = await this.client.request("kernel_info_request");
    metadata.kernelspec ??= { name: "tslab", display_name: "TypeScript (tslab)", language: "typescript" };
    metadata.language_info = info.language_info;
    for (const cell of cells) {
      if (cell.cell_type !== "code") continue;
      cell.outputs = [];
      cell.execution_count = null;
      delete cell.metadata.execution;
    }
    for (const [position, cell] of cells.entries()) {
      if (this.options.signal?.aborted) this.failure ??= { cell: position, message: STOPPED, traceback: [] };
      if (this.failure) break;
      if (cell.cell_type === "code" && joinText(cell.source).trim()) await this.#cell(cell, position);
    }
    if (!this.failure) await sleep(LINGER_MS);
    for (const { cell, collector } of this.#running.values()) cell.outputs = collector.outputs;
  }

  async #cell(cell: Cell, position: number): Promise<void> {
    const { signal, timeout = 600, log = () => {} } = this.options;
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
    cell.metadata.execution = {};
    this.#running.set(id, { cell, position, collector: new OutputCollector(this.#displays) });
    try {
      const content = await this.#within(reply, timeout, signal);
      timings(cell)["shell.execute_reply"] = new Date().toISOString();
      if (content.status !== "ok" && !this.failure) this.#fail(position, cell, content);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.failure ??= { cell: position, message, traceback: [] };
      if (!(error instanceof KernelError)) await this.#interrupt(reply);
    }
    const seconds = ((performance.now() - start) / 1000).toFixed(2).padStart(8);
    const state = this.failure ? "FAILED" : "ok    ";
    log(`  cell ${position + 1}/${this.notebook.cells.length} ${state} ${seconds} s  ${title(source)}`);
  }

  /** The reply, or an error at the timeout or when the run is stopped. */
  async #within<T>(reply: Promise<T>, seconds: number, signal?: AbortSignal): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    let stop = (): void => {};
    const end = new Promise<never>((_, fail) => {
      if (seconds > 0)
        timer = setTimeout(() => fail(new Error(`timed out after ${seconds} s`)), seconds * 1000);
      stop = () => fail(new Error(STOPPED));
      signal?.addEventListener("abort", stop);
    });
    try {
      return await Promise.race([reply, end]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
    }
  }

  /** Lets an unfinished cell save its work. */
  async #interrupt(reply: Promise<unknown>): Promise<void> {
    this.client.interrupt();
    const waiting = new AbortController();
    await Promise.race([
      reply.catch(() => {}),
      sleep(INTERRUPT_MS, undefined, { signal: waiting.signal }).catch(() => {}),
    ]);
    waiting.abort();
  }

  #published(message: Message): void {
    const entry = this.#running.get(message.parent.msg_id ?? "");
    if (!entry) return;
    const { cell, position, collector } = entry;
    const type = message.header.msg_type;
    collector.add(message);
    if (type === "execute_input") cell.execution_count = message.content.execution_count as number;
    if (type === "execute_input" || type === "status") {
      const key = type === "status" ? `status.${String(message.content.execution_state)}` : type;
      timings(cell)[`iopub.${key}`] = message.header.date;
    }
    if (type === "error" && !this.failure) this.#fail(position, cell, message.content);
  }

  #fail(position: number, cell: Cell, error: Record<string, unknown>): void {
    if (cell.metadata.tags?.includes("raises-exception")) return;
    const message = error.ename ? `${String(error.ename)}: ${String(error.evalue)}` : String(error.status);
    this.failure = { cell: position, message, traceback: (error.traceback ?? []) as string[] };
  }
}

function timings(cell: Cell): Record<string, string> {
  return cell.metadata.execution as Record<string, string>;
}

/** The first line of a cell that says something. */
function title(source: string): string {
  const line =
    source.split("\n").find((text) => text.trim() && !text.startsWith("import ")) ?? source.trimStart();
  return line.split("\n")[0]!.slice(0, 60);
}

/** The command line; returns the exit code. */
export async function main(args: string[], log: (line: string) => void = console.log): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    options: { output: { type: "string" }, timeout: { type: "string", default: "600" } },
    allowPositionals: true,
  });
  const timeout = Number(values.timeout);
  if (positionals.length === 0 || !(timeout >= 0)) {
    log("usage: node dist/kernel/execute.js [--output DIR] [--timeout SECONDS] NOTEBOOK.ipynb|FOLDER...");
    return 2;
  }
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  let failed = 0;
  const paths = await notebooksIn(positionals);
  if (paths.length === 0) log(`no notebooks in ${positionals.join(", ")}`);
  for (const path of paths) {
    if (stop.signal.aborted) break;
    log(path);
    try {
      const output = values.output === undefined ? {} : { output: values.output };
      const result = await executeNotebook(path, { ...output, timeout, log, signal: stop.signal });
      const { failure, seconds } = result;
      if (failure) failed++;
      const outcome = failure ? `FAILED in cell ${failure.cell + 1}: ${failure.message}` : "ok";
      log(`  ${outcome} (${seconds.toFixed(1)} s), written to ${result.path}`);
      for (const line of failure?.traceback ?? []) log(`    ${line}`);
    } catch (error) {
      failed++;
      log(`  FAILED: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return stop.signal.aborted ? 130 : failed > 0 || paths.length === 0 ? 1 : 0;
}

/** Files as they are; of folders, the notebooks in them by name. */
async function notebooksIn(paths: string[]): Promise<string[]> {
  const found = paths.map(async (path) => {
    const entries = await readdir(path).catch(() => undefined);
    const names = entries?.filter((name) => name.endsWith(".ipynb")).sort();
    return names?.map((name) => join(path, name)) ?? [path];
  });
  return (await Promise.all(found)).flat();
}

const invoked = process.argv[1] && (await realpath(process.argv[1]).catch(() => ""));
if (invoked === fileURLToPath(import.meta.url)) process.exitCode = await main(process.argv.slice(2));
