import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { SpectralError, SpectrumError } from "../core/errors.js";
import { svdDirectory, type EngineOptions } from "./engine.js";
import { prepareEnvironment } from "./lapack.js";
import { checkedRequest } from "./request.js";
import type { Matrix, Svd, SvdOptions } from "./svd.js";
import { compileKernel } from "./wasm-engine.js";
import type { WorkerGreeting, WorkerResult, WorkerSetup, WorkerTask } from "./worker.js";

export interface PoolOptions extends EngineOptions {
  /** Matrices computed at the same time. Default: the processors but one, at least 1. */
  readonly threads?: number;
}

export interface PooledSvdOptions extends SvdOptions {
  /** Give the matrix's buffer away instead of copying it; `matrix.data` is then empty. Default false. */
  readonly transfer?: boolean;
}

/** One request, from call to settled promise. */
interface Job {
  readonly matrix: Matrix;
  readonly options: PooledSvdOptions;
  readonly task: WorkerTask["request"];
  readonly cost: number;
  resolve(svd: Svd): void;
  reject(reason: unknown): void;
}

interface Thread {
  readonly worker: Worker;
  /** The requests it has, in the order in which it answers them; empty while it is idle. */
  jobs: readonly Job[];
  /** Settles once it can decompose, or has died. */
  readonly ready: Promise<void>;
  readonly isReady: () => void;
}

/**
 * Small requests travel together up to this cost, about 20 ms of work: a thread would else wait, after each, for the caller's next
 * turn of the event loop.
 */
const TOGETHER = 1e8;

/** Numbers copied to a worker between two turns of the event loop: 1 MB, a millisecond. */
const CHUNK = 2 ** 18;

/**
 * Singular value decompositions on worker threads; the calling thread only copies (in pieces) or hands over the input. Small
 * matrices that wait together travel together.
 * Threads start when they are first needed, do not keep the process alive while idle, and are replaced when they die.
 */
export class SvdPool {
  /** What computes here: "LAPACK (OpenBLAS 0.3.29, SkylakeX), 3 threads". Known once the first thread runs. */
  readonly description: Promise<string>;
  readonly #setup: WorkerSetup;
  readonly #script: string;
  readonly #most: number;
  readonly #threads = new Set<Thread>();
  #describe: (engine: string) => void = () => undefined;
  /** Waiting requests, the costliest last. */
  #queue: Job[] = [];
  #closed = false;

  /** @throws SpectralError if the engine asked for cannot be used, or the kernel or the worker cannot be found */
  constructor(options: PoolOptions = {}) {
    const { threads = Math.max(1, availableParallelism() - 1), ...engineOptions } = options;
    if (!Number.isInteger(threads) || threads < 1) {
      throw new SpectralError(`SvdPool: threads must be an integer >= 1, found ${threads}`);
    }
    const directory = svdDirectory(engineOptions);
    prepareEnvironment(); // here, because in a worker it would have no effect
    this.#setup = { options: engineOptions, kernel: compileKernel(directory) };
    this.#script = join(directory, "worker.js");
    this.#most = threads;
    this.description = new Promise((resolve) => {
      this.#describe = (engine) => resolve(`${engine}, ${threads} thread${threads > 1 ? "s" : ""}`);
    });
    this.#idleThread(); // libraries load beside the first work of the caller
  }

  /**
   * Decomposes one matrix. Its data are read when a thread becomes free: they must not change until the promise settles,
   * unless they are given away with `transfer`. Data on a SharedArrayBuffer are never copied.
   * @throws SpectrumError (as a rejection) if the matrix is empty, does not fill its shape, or holds a NaN or an infinity
   */
  svd(matrix: Matrix, options: PooledSvdOptions = {}): Promise<Svd> {
    const { signal } = options;
    let abort = (): void => undefined;
    const result = new Promise<Svd>((resolve, reject) => {
      if (this.#closed) throw new SpectralError("SvdPool: the pool is closed");
      signal?.throwIfAborted();
      const task = checkedRequest(matrix, options);
      const cost = matrix.data.length * Math.min(matrix.rows, matrix.columns);
      const job: Job = { matrix, options, task, cost, resolve, reject };
      abort = () => this.#abort(job);
      signal?.addEventListener("abort", abort, { once: true });
      this.#enqueue(job);
      this.#dispatch();
    });
    return result.finally(() => signal?.removeEventListener("abort", abort));
  }

  /** Decomposes many matrices, the costliest first; the results are in the order of the list. */
  svdMany(list: readonly (Matrix & PooledSvdOptions)[], options: PooledSvdOptions = {}): Promise<Svd[]> {
    return Promise.all(list.map((entry) => this.svd(entry, { ...options, ...entry })));
  }

  /** Ends the threads; requests not yet answered are rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    const error = new SpectralError("SvdPool: the pool was closed before this matrix was computed");
    for (const job of this.#queue) job.reject(error);
    this.#queue = [];
    const threads = [...this.#threads];
    for (const job of threads.flatMap(({ jobs }) => jobs)) job.reject(error);
    // Not before a thread is set up: one that is ended while it loads a library aborts the whole process.
    await Promise.all(threads.map(({ worker, ready }) => ready.then(() => worker.terminate())));
  }

  #abort(job: Job): void {
    this.#queue = this.#queue.filter((waiting) => waiting !== job);
    job.reject(job.options.signal?.reason); // a computation under way goes on, unheard
  }

  #enqueue(job: Job): void {
    const place = this.#queue.findIndex((waiting) => waiting.cost > job.cost);
    this.#queue.splice(place < 0 ? this.#queue.length : place, 0, job);
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const thread = this.#idleThread();
      if (thread === undefined) return;
      void this.#send(thread, this.#next());
    }
  }

  /** Takes the costliest request from the queue, and small ones with it, but no more than this thread's share. */
  #next(): readonly Job[] {
    const share = this.#queue.reduce((sum, { cost }) => sum + cost, 0) / this.#most;
    const jobs = [this.#queue.pop() as Job];
    let cost = jobs[0].cost;
    for (let job = this.#queue.at(-1); job; job = this.#queue.at(-1)) {
      cost += job.cost;
      if (cost > Math.min(share, TOGETHER)) break;
      jobs.push(this.#queue.pop() as Job);
    }
    return jobs;
  }

  #idleThread(): Thread | undefined {
    for (const thread of this.#threads) if (thread.jobs.length === 0) return thread;
    if (this.#threads.size === this.#most) return undefined;
    const worker = new Worker(this.#script, { workerData: this.#setup, execArgv: [] });
    let isReady = (): void => undefined;
    const ready = new Promise<void>((resolve) => (isReady = resolve));
    const thread: Thread = { worker, jobs: [], ready, isReady };
    this.#threads.add(thread);
    worker.on("message", (message: WorkerGreeting | WorkerResult) => {
      if ("engine" in message) this.#greet(thread, message.engine);
      else this.#receive(thread, message);
    });
    worker.on("error", (error) => this.#lose(thread, error.message));
    worker.on("exit", (code) => this.#lose(thread, `exit code ${code}`));
    return thread;
  }

  #greet(thread: Thread, engine: string): void {
    this.#describe(engine);
    thread.isReady();
    if (thread.jobs.length === 0) this.#rest(thread);
  }

  async #send(thread: Thread, jobs: readonly Job[]): Promise<void> {
    thread.jobs = jobs;
    thread.worker.ref();
    const tasks: WorkerTask[] = [];
    const given = new Set<ArrayBuffer>();
    for (const job of jobs) {
      try {
        const { data, rows, columns } = job.matrix;
        const shared = data.buffer instanceof SharedArrayBuffer;
        const sent = shared || job.options.transfer ? data : await copyInPieces(data);
        tasks.push({ matrix: { data: sent, rows, columns }, request: job.task });
        if (!shared) given.add(sent.buffer as ArrayBuffer);
      } catch (error) {
        job.reject(error);
        thread.jobs = thread.jobs.filter((other) => other !== job);
      }
    }
    if (!this.#threads.has(thread)) return; // it has died meanwhile
    try {
      if (tasks.length > 0) thread.worker.postMessage(tasks, [...given]);
    } catch (error) {
      for (const job of thread.jobs) job.reject(error);
      thread.jobs = [];
    }
    if (thread.jobs.length === 0) this.#free(thread);
  }

  #receive(thread: Thread, result: WorkerResult): void {
    const [job, ...others] = thread.jobs;
    if ("svd" in result) job.resolve(result.svd);
    else job.reject(result.spectrum ? new SpectrumError(result.message) : new SpectralError(result.message));
    thread.jobs = others;
    if (others.length === 0) this.#free(thread);
  }

  #free(thread: Thread): void {
    this.#rest(thread);
    this.#dispatch();
  }

  /**
   * An idle thread does not keep the process alive. One that is being ended must: its last messages arrive after
   * `terminate`, and without it the process would end, with code 13, while `close` is awaited.
   */
  #rest(thread: Thread): void {
    if (!this.#closed) thread.worker.unref();
  }

  /**
   * A thread has died: the request it was at fails, and those whose matrices were given away to it; the others go on, and the next
   * one starts a new thread.
   */
  #lose(thread: Thread, reason: string): void {
    if (!this.#threads.delete(thread)) return;
    thread.isReady();
    this.#describe(`none (${reason})`); // no effect once a thread has run
    thread.jobs.forEach((job, i) => {
      if (i === 0 || this.#closed || job.matrix.data.length === 0) {
        job.reject(new SpectralError(`svd: "${job.task.name}": the worker thread died: ${reason}`));
      } else this.#enqueue(job);
    });
    if (!this.#closed) this.#dispatch();
  }
}

/** A copy made in pieces, with a turn of the event loop between them. */
async function copyInPieces(data: Float32Array): Promise<Float32Array> {
  const copy = new Float32Array(data.length);
  for (let from = 0; from < data.length; from += CHUNK) {
    if (from > 0) await setImmediate();
    copy.set(data.subarray(from, from + CHUNK), from);
  }
  return copy;
}
