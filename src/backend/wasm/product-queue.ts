import type { Product } from "../../linalg/blas.js";

/** The most products that wait or are computed at the same time. */
export const CAPACITY = 256;

/** Numbers of a product, in this order. */
const FIELDS = 16;

/** Places in the shared counters. They only grow (modulo 2^32). */
const [POSTED, TAKEN, FINISHED, READY] = [0, 1, 2, 3];

/** The memory of a queue; it can be posted to worker threads. */
export interface QueueMemory {
  readonly counters: SharedArrayBuffer;
  readonly products: SharedArrayBuffer;
}

export function queueMemory(): QueueMemory {
  return {
    counters: new SharedArrayBuffer(4 * Int32Array.BYTES_PER_ELEMENT),
    products: new SharedArrayBuffer(CAPACITY * FIELDS * Float64Array.BYTES_PER_ELEMENT),
  };
}

/** A queue of products in shared memory: one thread puts them in, any takes them out. */
export class ProductQueue {
  readonly #counters: Int32Array;
  readonly #products: Float64Array;

  constructor({ counters, products }: QueueMemory) {
    this.#counters = new Int32Array(counters);
    this.#products = new Float64Array(products);
  }

  /** Puts one in. The caller sees to it that at most CAPACITY were put in since all were finished. */
  put(p: Product): void {
    const posted = Atomics.load(this.#counters, POSTED);
    const numbers = [Number(p.transposeA), Number(p.transposeB), p.m, p.n, p.k, p.a, p.b, p.c];
    const more = [p.pitchA, p.pitchB, p.pitchC, Number(p.add), p.count, p.strideA, p.strideB, p.strideC];
    this.#products.set([...numbers, ...more], place(posted));
    Atomics.store(this.#counters, POSTED, (posted + 1) | 0);
    Atomics.notify(this.#counters, POSTED);
  }

  /** Takes the oldest out; undefined if there is none. */
  take(): Product | undefined {
    for (;;) {
      const taken = Atomics.load(this.#counters, TAKEN);
      if (taken === Atomics.load(this.#counters, POSTED)) return undefined;
      if (Atomics.compareExchange(this.#counters, TAKEN, taken, (taken + 1) | 0) === taken)
        return this.#read(place(taken));
    }
  }

  #read(at: number): Product {
    const x = this.#products;
    return {
      transposeA: x[at] === 1,
      transposeB: x[at + 1] === 1,
      m: x[at + 2],
      n: x[at + 3],
      k: x[at + 4],
      a: x[at + 5],
      b: x[at + 6],
      c: x[at + 7],
      pitchA: x[at + 8],
      pitchB: x[at + 9],
      pitchC: x[at + 10],
      add: x[at + 11] === 1,
      count: x[at + 12],
      strideA: x[at + 13],
      strideB: x[at + 14],
      strideC: x[at + 15],
    };
  }

  /** Says that one that was taken is computed. */
  finishOne(): void {
    Atomics.add(this.#counters, FINISHED, 1);
    Atomics.notify(this.#counters, FINISHED);
  }

  /** Whether all that were put in are computed. */
  isFinished(): boolean {
    return Atomics.load(this.#counters, FINISHED) === Atomics.load(this.#counters, POSTED);
  }

  /** Sleeps until another one is computed than those that are now, unless all are. */
  awaitFinish(): void {
    const finished = Atomics.load(this.#counters, FINISHED);
    if (finished !== Atomics.load(this.#counters, POSTED)) Atomics.wait(this.#counters, FINISHED, finished);
  }

  /** Sleeps until there may be one to take. */
  awaitPost(): void {
    const posted = Atomics.load(this.#counters, POSTED);
    if (posted === Atomics.load(this.#counters, TAKEN)) Atomics.wait(this.#counters, POSTED, posted);
  }

  /** Says that a thread that takes products out is set up. */
  greet(): void {
    Atomics.add(this.#counters, READY, 1);
    Atomics.notify(this.#counters, READY);
  }

  /** Sleeps until so many threads have greeted, at most so long. @returns whether they have */
  awaitGreetings(threads: number, milliseconds: number): boolean {
    const end = performance.now() + milliseconds;
    for (;;) {
      const ready = Atomics.load(this.#counters, READY);
      if (ready >= threads) return true;
      const left = end - performance.now();
      if (left <= 0) return false;
      Atomics.wait(this.#counters, READY, ready, left);
    }
  }
}

/** Where the product of a number lies. */
function place(number: number): number {
  return ((number >>> 0) % CAPACITY) * FIELDS;
}
