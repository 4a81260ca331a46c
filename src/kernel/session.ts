import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { format, inspect } from "node:util";
import type { Converter, ConvertResult } from "tslab/dist/converter.js";
import type { Executor } from "tslab/dist/executor.js";
import { compileError, isError, thrownError, type CellError } from "./cell-error.js";
import type { InterruptSource } from "./interrupt.js";
import { GRACE_MS, Interrupted } from "./interrupt.js";
import { cut, type Output } from "./output.js";
import { Traces } from "./traces.js";
import type { Tslab } from "./tslab.js";
import { Variables } from "./variables.js";

/** The running cell. */
interface Cell {
  readonly count: number;
  readonly source: string;
  readonly errors: CellError[];
  /** Interrupts heard before it started. */
  readonly interruptsBefore: number;
  /** Names that it declares. */
  declared: string[];
  /** Why the cell was asked to stop. */
  stopped?: Error;
}

/** Runs cells, one at a time: counts, errors, interrupts, and what nobody caught. */
export class Session {
  readonly executor: Executor;
  readonly #variables = new Variables();
  readonly #reported = new WeakSet<object>();
  /** The types of what cells have declared, for the cells after them. */
  #declarations = "";
  #count = 0;
  #cell: Cell | undefined;
  /** Errors that nobody caught while no cell was running. */
  #late: CellError[] = [];

  constructor(
    private readonly tslab: Tslab,
    private readonly traces: Traces,
    private readonly output: Output,
    /** Interrupts heard so far. */
    private readonly interruptsHeard: () => number,
    private readonly interrupts: InterruptSource,
  ) {
    const node = tslab.createConverter({ isJS: false, isBrowser: false });
    // The executor forgets what a failed cell declared; the session does not.
    const converter: Converter = {
      ...node,
      convert: (_, source) =>
        this.interrupts.compiling(() => this.#compile(source, node.convert(this.#declarations, source))),
      inspect: (_, source, position) => node.inspect(this.#declarations, source, position),
      complete: (_, source, position) => node.complete(this.#declarations, source, position),
    };
    const converters = { node: converter, browser: converter, close: () => node.close() };
    this.executor = tslab.createExecutor(process.cwd(), converters, {
      log: () => {}, // the last expression's value is kept by the cell's own code
      error: (...values: unknown[]) => this.#failed(values),
    });
    const { __tslab__: environment } = globalThis as unknown as { __tslab__: object };
    Object.assign(environment, { variables: this.#variables });
    this.interrupts.install();
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Runs one cell.
   * @returns the errors of the cell, already published; empty if it succeeded
   */
  async run(source: string, silent: boolean): Promise<CellError[]> {
    if (!silent) this.#count++;
    const interruptsBefore = this.interruptsHeard();
    const errors = this.#late.splice(0);
    const cell: Cell = { count: this.#count, source, errors, interruptsBefore, declared: [] };
    if (!silent) this.output.send("execute_input", { code: source, execution_count: cell.count });
    if (cell.errors.length === 0) await this.#execute(cell);
    this.output.flush();
    for (const error of cell.errors) this.output.send("error", error);
    return cell.errors;
  }

  async #execute(cell: Cell): Promise<void> {
    this.#cell = cell;
    this.interrupts.begin();
    this.#variables.result = undefined;
    try {
      if (await this.executor.execute(cell.source)) this.#result(this.#variables.result);
      else this.#variables.explainMissing(cell.declared, Traces.fileName(cell.count));
    } catch (error) {
      cell.errors.push(thrownError(error, this.traces)); // the compiler itself failed
    }
    this.#variables.result = undefined;
    // Rejections that nobody handles are reported at the end of the current turn: they belong to this cell.
    await turn();
    await turn();
    this.#cell = undefined;
    if (cell.stopped instanceof Interrupted && cell.errors.length === 0) {
      cell.errors.push(thrownError(cell.stopped, this.traces));
    }
  }

  /** SIGINT or interrupt_request. */
  interrupt(): void {
    this.#stop(new Interrupted());
  }

  /** An exception or rejection that nobody caught. */
  uncaught(thrown: unknown): void {
    if (typeof thrown === "object" && thrown !== null) {
      if (this.#reported.has(thrown)) return; // some libraries throw it once more from a handler
      this.#reported.add(thrown);
    }
    if (isError(thrown) && thrown.name === "Interrupted") return; // work that was left running and has now stopped
    const error = thrownError(thrown, this.traces);
    if (this.#cell) {
      this.#cell.errors.push(error);
      this.#stop(isError(thrown) ? thrown : new Error(error.evalue));
    } else {
      this.output.send("error", error);
      const note = `(nobody caught this error of earlier code, after cell ${this.#count} had ended; this cell did not run)`;
      this.#late.push({ ...error, traceback: [...error.traceback, note] });
    }
  }

  #stop(reason: Error): void {
    this.interrupts.abort(reason);
    const cell = this.#cell;
    if (!cell) return;
    const again = cell.stopped !== undefined;
    cell.stopped ??= reason;
    if (again || !this.interrupts.heard) return this.executor.interrupt();
    void sleep(GRACE_MS, undefined, { ref: false }).then(() => {
      if (this.#cell === cell) this.executor.interrupt();
    });
  }

  /** What to run for a cell: the compiler's messages if there are any, else code whose stacks can be traced back. */
  #compile(source: string, result: ConvertResult): ConvertResult {
    const cell = this.#cell;
    if (!cell || result.diagnostics.length > 0 || !result.output) return this.#checked(result);
    // Node drops a SIGINT that waits when the cell's code begins.
    if (this.interruptsHeard() !== cell.interruptsBefore) {
      cell.stopped ??= new Interrupted();
      return { ...result, output: "" };
    }
    const { text, maps, declared, nested, problems } = this.tslab.compileLast(source, this.#variables.names);
    if (problems.length > 0) return this.#checked({ diagnostics: problems });
    this.traces.add(this.#count, { text, maps });
    cell.declared = declared;
    this.#declarations = [result.declOutput, ...nested.map((name) => `let ${name}: any;`)].join("\n");
    return {
      ...result,
      output: `${text}\n//# sourceURL=${Traces.fileName(this.#count)}`,
      // tslab finds most uses of await at top level but not all ("for await"); an asynchronous function suits every cell.
      hasToplevelAwait: true,
    };
  }

  #checked(result: ConvertResult): ConvertResult {
    if (this.#cell && result.diagnostics.length > 0) {
      const { errors, source, count } = this.#cell;
      errors.push(compileError(result.diagnostics, source, Traces.fileName(count)));
    } else this.#declarations = result.declOutput ?? this.#declarations;
    return result;
  }

  /** The value of the cell's last expression. */
  #result(value: unknown): void {
    if (value === undefined || value === null) return;
    const text = typeof value === "string" ? value : inspect(value);
    const data = { "text/plain": this.traces.clean(cut(text)) };
    this.output.send("execute_result", { execution_count: this.#count, data, metadata: {} });
  }

  /** tslab's report of a failed cell: one thrown value, or a call for each of the compiler's messages. */
  #failed(values: unknown[]): void {
    const cell = this.#cell;
    if (!cell) return;
    if (values.length > 1) {
      if (cell.errors.length > 0) return; // known from the compiler already
      const evalue = format(...values);
      cell.errors.push({ ename: "TypeScriptError", evalue, traceback: [evalue] });
    } else if (!this.#isStop(cell, values[0])) {
      if (typeof values[0] === "object" && values[0] !== null) this.#reported.add(values[0]);
      cell.errors.push(thrownError(values[0], this.traces));
    }
  }

  /** Whether a cell's error says no more than that the cell was stopped. */
  #isStop(cell: Cell, thrown: unknown): boolean {
    if (!isError(thrown)) return false;
    if ((thrown as NodeJS.ErrnoException).code === "ERR_SCRIPT_EXECUTION_INTERRUPTED") {
      cell.stopped ??= new Interrupted(); // SIGINT ended a synchronous loop; nothing else was told
      this.interrupts.abort(cell.stopped);
      return true;
    }
    if (!cell.stopped) return false;
    return (
      thrown === cell.stopped ||
      thrown.name === "AbortError" ||
      thrown.message === "Interrupted asynchronously"
    );
  }
}
