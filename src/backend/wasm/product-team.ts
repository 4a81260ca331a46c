import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { Blas, Product } from "../../linalg/blas.js";
import { addressOf } from "../../linalg/native-library.js";
import { CAPACITY, ProductQueue, queueMemory } from "./product-queue.js";
import type { ProductWorkerSetup } from "./product-worker.js";

/** Multiply-adds that are worth handing to another thread: some 20 microseconds. */
const PART = 2 ** 20;
/** The fewest rows or columns of a part of a product, whose other operand every part prepares anew. */
const PART_LENGTH = 128;
const MOST_PARTS = 8;
const MOST_THREADS = 8;
const START_MS = 10_000;

/**
 * Matrix products on the heap of TensorFlow.js's WebAssembly backend by a BLAS, on this thread and helping ones. Each call
 * of the library computes on one thread, so that it shares the library with the threads of an `SvdPool`, whose results
 * depend on the library's own number of threads. How a product is divided depends on its shape only, and every part has
 * the same bits on whatever thread: results are the same for any number of threads.
 */
export class ProductTeam {
  readonly #blas: Blas;
  readonly #memory: WebAssembly.Memory;
  readonly #mostHelpers: number;
  #buffer: ArrayBufferLike | undefined;
  #base = 0;
  #queue: ProductQueue | undefined;
  #helpers: Worker[] = [];
  #started = false;
  #put = 0;

  constructor(
    blas: Blas,
    memory: WebAssembly.Memory,
    threads = Math.min(availableParallelism(), MOST_THREADS),
  ) {
    this.#blas = blas;
    this.#memory = memory;
    this.#mostHelpers = threads - 1;
  }

  /** Computes products, which do not depend on each other. Addresses are those of the heap. */
  multiply(products: readonly Product[]): void {
    this.post(products);
    this.finish();
  }

  /** Begins to compute products, which depend neither on each other nor on others posted since the last `finish`. */
  post(products: readonly Product[]): void {
    if (this.#memory.buffer !== this.#buffer) {
      this.#buffer = this.#memory.buffer;
      this.#base = addressOf(new Uint8Array(this.#buffer));
    }
    const parts = products.flatMap(partsOf);
    const small = parts.reduce((sum, part) => sum + costOf(part), 0) < 2 * PART;
    const queue = small ? undefined : this.#openQueue();
    for (const part of parts) {
      const { a, b, c } = part;
      const placed = { ...part, a: this.#base + a, b: this.#base + b, c: this.#base + c };
      if (queue === undefined) {
        this.#blas.multiply(placed);
        continue;
      }
      if (this.#put === CAPACITY) this.finish();
      queue.put(placed);
      this.#put++;
    }
  }

  /** Computes what is left of the products that were posted, or waits for it. */
  finish(): void {
    const queue = this.#queue;
    if (queue === undefined) return;
    while (!queue.isFinished()) {
      const product = queue.take();
      if (product === undefined) {
        queue.awaitFinish();
        continue;
      }
      this.#blas.multiply(product);
      queue.finishOne();
    }
    this.#put = 0;
  }

  /** Ends the helping threads. */
  async close(): Promise<void> {
    this.finish();
    this.#queue = undefined;
    await Promise.all(this.#helpers.map((worker) => worker.terminate()));
    this.#helpers = [];
  }

  /** Starts the helping threads when they are first needed; undefined where there are none. */
  #openQueue(): ProductQueue | undefined {
    if (this.#started) return this.#queue;
    this.#started = true;
    const script = fileURLToPath(new URL("product-worker.js", import.meta.url));
    if (this.#mostHelpers < 1 || !existsSync(script)) return undefined; // a bundle has lost the script
    const memory = queueMemory();
    const workerData: ProductWorkerSetup = { memory, library: this.#blas.path };
    for (let i = 0; i < this.#mostHelpers; i++) {
      const worker = new Worker(script, { workerData, execArgv: [] });
      worker.unref(); // an idle thread does not keep the process alive
      worker.on("error", () => undefined); // before it has greeted, since no product throws: this thread does without it
      this.#helpers.push(worker);
    }
    const queue = new ProductQueue(memory);
    // A process that ends while a thread of it loads a library is aborted.
    queue.awaitGreetings(this.#mostHelpers, START_MS);
    this.#queue = queue;
    return queue;
  }
}

function costOf({ count, m, n, k }: Product): number {
  return count * m * n * k;
}

/** A batch in runs, one product in blocks of rows or columns, each worth a thread's while. */
function partsOf(p: Product): Product[] {
  if (p.count === 1) return blocksOf(p);
  const run = Math.max(1, Math.floor(PART / (p.m * p.n * p.k)));
  const starts = Array.from({ length: Math.ceil(p.count / run) }, (_, i) => i * run);
  return starts.map((i) => ({
    ...p,
    count: Math.min(run, p.count - i),
    a: p.a + 4 * i * p.strideA,
    b: p.b + 4 * i * p.strideB,
    c: p.c + 4 * i * p.strideC,
  }));
}

function blocksOf(p: Product): Product[] {
  const rows = p.m >= p.n;
  const length = rows ? p.m : p.n;
  const pieces = Math.min(MOST_PARTS, Math.floor(costOf(p) / PART), Math.floor(length / PART_LENGTH));
  if (pieces < 2) return [p];
  const size = 16 * Math.ceil(length / pieces / 16);
  const starts = Array.from({ length: Math.ceil(length / size) }, (_, i) => i * size);
  return starts.map((from) => {
    const span = Math.min(size, length - from);
    return rows
      ? { ...p, m: span, a: p.a + 4 * from * (p.transposeA ? 1 : p.pitchA), c: p.c + 4 * from * p.pitchC }
      : { ...p, n: span, b: p.b + 4 * from * (p.transposeB ? p.pitchB : 1), c: p.c + 4 * from };
  });
}
