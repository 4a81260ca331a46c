import { readdir, realpath, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { messageOf } from "../core/errors.js";
import { codeOf } from "../core/files/io-error.js";
import { printable } from "../core/printable.js";
import { KernelClient } from "./client.js";
import { Destination } from "./destination.js";
import { readNotebook, type Notebook } from "./notebook.js";
import { NotebookRun, type Failure } from "./notebook-run.js";
import { checkKernel } from "./own-notebook.js";
import { Stopping } from "./stopping.js";
import { checkTargets } from "./targets.js";

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
 * cells tagged "raises-exception" may end in an error, and cells tagged "skip-execution" do not run. Cells after a
 * failure do not run and keep the outputs that they had, without an execution count; the notebook is still written, the
 * other notebooks still run, and the exit code is 1. Ctrl-C, SIGTERM and SIGHUP interrupt the running cell, write, and
 * exit with 130, 143 and 129; the second one does not wait for the cell.
 *
 * A notebook for another kernel, one that somebody changed meanwhile, and a file that two notebooks would be written
 * to are left as they are: an error says so.
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
  /** Ends the wait for an interrupted cell: its kernel is killed. */
  atOnce?: AbortSignal;
  /** Receives one line per cell. */
  log?: (line: string) => void;
}

export interface Execution {
  notebook: Notebook;
  /** Where it was written; null if nowhere: nothing was to be written, or it was stopped before any cell ran. */
  path: string | null;
  /** The first failure. */
  failure: Failure | null;
  seconds: number;
}

/**
 * Executes one notebook and writes it.
 * @throws SpectralError if the file is not a notebook of this kernel or the output cannot be written, KernelError if
 *   the kernel does not start; never because of what a cell does: that is `failure`
 */
export async function executeNotebook(path: string, options: ExecuteOptions = {}): Promise<Execution> {
  const start = performance.now();
  const { output, env = {}, signal } = options;
  const notebook = await readNotebook(path);
  checkKernel(notebook, path);
  const destination = output === null ? null : new Destination(path, output);
  const save = async (): Promise<void> => destination?.write(notebook);
  const client = await KernelClient.start({
    cwd: dirname(resolve(path)),
    env,
    ...(signal && { signal }),
  });
  // An early write that fails is tried again at the end, which says why.
  const run = new NotebookRun(client, notebook, { ...options, save: () => save().catch(() => {}) });
  try {
    await run.all();
  } finally {
    await client.stop();
  }
  const written = destination !== null && (run.begun || !run.failure);
  if (written) await save();
  const seconds = (performance.now() - start) / 1000;
  return { notebook, path: written ? destination.path : null, failure: run.failure, seconds };
}

const USAGE =
  "usage: node dist/kernel/execute.js [--output DIR] [--timeout SECONDS] NOTEBOOK.ipynb|FOLDER...\n" +
  "  --output DIR       write the executed notebooks into DIR; without it they are replaced\n" +
  "  --timeout SECONDS  for each cell, 600 if not given; 0: no limit\n" +
  "  -h, --help         print this";

interface Request {
  paths: string[];
  output?: string;
  timeout: number;
}

/** The command line; returns the exit code. */
export async function main(args: string[], log: (line: string) => void = console.log): Promise<number> {
  let request: Request | undefined;
  try {
    request = await requested(args);
  } catch (error) {
    log(`execute: ${messageOf(error)} (execute.js --help)`);
    return 2;
  }
  if (!request) {
    log(USAGE);
    return 0;
  }
  const stopping = new Stopping();
  try {
    const failed = await executeAll(request, stopping, log);
    return stopping.status ?? (failed ? 1 : 0);
  } finally {
    stopping.end();
  }
}

/** @returns whether any notebook failed */
async function executeAll(
  { paths, output, timeout }: Request,
  stopping: Stopping,
  log: (line: string) => void,
): Promise<boolean> {
  let failed = false;
  const { signal, atOnce } = stopping;
  for (const path of paths) {
    if (signal.aborted) break;
    log(printable(path));
    try {
      const where = output === undefined ? {} : { output };
      const result = await executeNotebook(path, { ...where, timeout, log, signal, atOnce });
      const { failure, seconds } = result;
      if (failure) failed = true;
      const outcome = failure ? `FAILED in cell ${failure.cell + 1}: ${lines(failure.message)}` : "ok";
      const end = result.path === null ? "nothing written" : `written to ${printable(result.path)}`;
      log(`  ${outcome} (${seconds.toFixed(1)} s), ${end}`);
      for (const line of failure?.traceback ?? []) log(`    ${lines(line)}`);
    } catch (error) {
      failed = true;
      log(`  FAILED: ${lines(messageOf(error))}`);
    }
  }
  return failed;
}

/** Foreign text of several lines, none of them endless. */
function lines(text: string): string {
  return text
    .split("\n")
    .map((line) => printable(line, 2000))
    .join("\n");
}

/**
 * What the command line asks for; undefined for help.
 * @throws Error in one line
 */
async function requested(args: string[]): Promise<Request | undefined> {
  const { values, positionals } = parsed(args);
  if (values.help) return undefined;
  const { output, timeout: text = "600" } = values;
  const timeout = Number(text);
  if (text.trim() === "" || !Number.isFinite(timeout) || timeout < 0)
    throw new Error(`--timeout: expected seconds, 0 for no limit, found "${printable(text, 40)}"`);
  if (output?.trim() === "") throw new Error("--output: expected a folder, found nothing");
  if (positionals.length === 0) throw new Error("expected notebooks or folders of notebooks, found none");
  const paths = await notebooksIn(positionals);
  if (paths.length === 0)
    throw new Error(`no notebooks in ${positionals.map((path) => printable(path)).join(", ")}`);
  checkTargets(paths, output);
  return { paths, timeout, ...(output !== undefined && { output }) };
}

function parsed(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        output: { type: "string" },
        timeout: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
      allowPositionals: true,
    });
  } catch (error) {
    const message = messageOf(error);
    const name = /'(?:-\w, )?(-[^' ]*)/.exec(message)?.[1] ?? "";
    const { code } = error as { code?: string };
    if (code === "ERR_PARSE_ARGS_INVALID_OPTION_VALUE" && name !== "--help" && name !== "-h")
      throw new Error(`${name}: its value is missing`, { cause: error });
    if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION")
      throw new Error(`there is no option ${printable(name, 60)}`, { cause: error });
    throw new Error(printable(message.split("\n")[0]!), { cause: error });
  }
}

/** Files as they are; of folders, the notebooks in them by name. */
async function notebooksIn(paths: string[]): Promise<string[]> {
  const found = paths.map(async (path) => {
    let names: string[];
    try {
      names = await readdir(path);
    } catch (error) {
      if (["ENOTDIR", "ENOENT"].includes(codeOf(error))) return [path]; // reading it says what is wrong
      throw error;
    }
    const notebooks = names.filter((name) => name.endsWith(".ipynb") && !name.startsWith("._")).sort();
    const inside = notebooks.map((name) => join(path, name));
    const folders = await Promise.all(
      inside.map((file) =>
        stat(file).then(
          (is) => is.isDirectory(),
          () => false,
        ),
      ),
    );
    return inside.filter((_, i) => !folders[i]);
  });
  return (await Promise.all(found)).flat();
}

const invoked = process.argv[1] && (await realpath(process.argv[1]).catch(() => ""));
if (invoked === fileURLToPath(import.meta.url)) {
  // The lines are for a reader who may have left (`| head`); what counts is in the notebooks.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  process.exitCode = await main(process.argv.slice(2));
}
