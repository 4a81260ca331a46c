/** A helping thread of `ProductTeam`: computes products that lie in the memory of the process, until it is ended. */
import { isMainThread, workerData } from "node:worker_threads";
import { loadBlas } from "../../linalg/blas.js";
import { ProductQueue, type QueueMemory } from "./product-queue.js";

/** What a helping thread is started with. */
export interface ProductWorkerSetup {
  readonly memory: QueueMemory;
  /** The library, as its path. */
  readonly library: string;
}

if (!isMainThread) serve(workerData as ProductWorkerSetup);

function serve({ memory, library }: ProductWorkerSetup): void {
  const queue = new ProductQueue(memory);
  const blas = loadBlas(library);
  queue.greet();
  for (;;) {
    const product = queue.take();
    if (product === undefined) {
      queue.awaitPost();
      continue;
    }
    blas.multiply(product);
    queue.finishOne();
  }
}
