import { BackendError } from "../../core/errors.js";

/** A buffer of the pool: what we must know of it without asking the driver. */
export interface PooledBuffer extends GPUBuffer {
  /** Unique; cached bind groups are keyed by it. */
  serial: number;
  /** Size of its bucket: at least what was asked for. */
  bytes: number;
  bucket: Bucket;
  /** Whether it has been given back: it lies in its bucket, or was destroyed. */
  free: boolean;
  /** The submission that last used it (see `PooledWebGpu.submission`). */
  submission: number;
}

interface Bucket {
  readonly bytes: number;
  readonly usage: number;
  /** Free buffers by falling serial: the oldest is taken first, so that equal steps meet equal buffers. */
  readonly free: PooledBuffer[];
  lastUse: number;
}

/** Buffers that are given back to, and taken from, one store. */
export type Store = Map<number, Bucket>;

/** Counts since start; growth in steady state is a defect. */
export interface PoolCounters {
  readonly created: number;
  readonly destroyed: number;
  readonly bytesAllocated: number;
  readonly bytesUsed: number;
  readonly peakBytesUsed: number;
}

/**
 * Recycles GPU buffers, because making one costs the driver up to milliseconds. Sizes are rounded up to an eighth of
 * their power of two, so that batches of varying length share buffers. A freed buffer may be taken again at once: the
 * queue runs in order. Takes the place of the BufferManager of TensorFlow.js's WebGPU backend.
 */
export class BufferPool {
  private readonly shared: Store = new Map();
  private buckets = this.shared;
  private clock = 0;
  private serials = 0;
  private destroyed = 0;
  numBytesUsed = 0;
  numBytesAllocated = 0;
  private peak = 0;

  /**
   * @param beforeDestroy called before free buffers are destroyed: recorded commands may still use them, and cached bind
   * groups hold them
   */
  constructor(
    private readonly device: GPUDevice,
    private readonly beforeDestroy: () => void,
  ) {}

  /** Takes buffers from a store of its own while an action runs; wherever a buffer came from, it goes back there. */
  within<T>(store: Store, action: () => T): T {
    const before = this.buckets;
    this.buckets = store;
    try {
      return action();
    } finally {
      this.buckets = before;
    }
  }

  /** Destroys the free buffers of a store. */
  drop(store: Store): void {
    this.beforeDestroy();
    for (const bucket of store.values()) this.empty(bucket);
  }

  /** A buffer of at least `size` bytes; its content is undefined. */
  acquireBuffer(size: number, usage: number, mappedAtCreation = false): PooledBuffer {
    const bucket = this.bucketFor(size, usage);
    bucket.lastUse = ++this.clock;
    const oldest = mappedAtCreation ? undefined : bucket.free.pop();
    const buffer = oldest ?? this.create(bucket, mappedAtCreation);
    buffer.free = false;
    this.numBytesUsed += bucket.bytes;
    if (this.numBytesUsed > this.peak) this.peak = this.numBytesUsed;
    return buffer;
  }

  /**
   * Gives a buffer back, to be used again or, if `reuse` is false, destroyed.
   * @throws BackendError if it was given back before: two tensors would then share it
   */
  releaseBuffer(buffer: PooledBuffer, reuse = true): void {
    if (buffer.free) {
      const { serial, bucket } = buffer;
      throw new BackendError(
        `backend "webgpu": buffer ${serial} (${bucket.bytes} bytes, usage ${bucket.usage}) was released twice`,
      );
    }
    buffer.free = true;
    this.numBytesUsed -= buffer.bytes;
    if (!reuse) {
      this.beforeDestroy();
      this.destroy(buffer);
      return;
    }
    const { free } = buffer.bucket;
    let low = 0;
    let high = free.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (free[middle].serial > buffer.serial) low = middle + 1;
      else high = middle;
    }
    free.splice(low, 0, buffer);
  }

  counters(): PoolCounters {
    return {
      created: this.serials,
      destroyed: this.destroyed,
      bytesAllocated: this.numBytesAllocated,
      bytesUsed: this.numBytesUsed,
      peakBytesUsed: this.peak,
    };
  }

  /** Destroys all free buffers. */
  dispose(): void {
    this.drop(this.shared);
  }

  private bucketFor(size: number, usage: number): Bucket {
    const bytes = bucketSize(size);
    const key = bytes * 1024 + usage; // usages are below 1024
    let bucket = this.buckets.get(key);
    if (!bucket) this.buckets.set(key, (bucket = { bytes, usage, free: [], lastUse: 0 }));
    return bucket;
  }

  private create(bucket: Bucket, mappedAtCreation: boolean): PooledBuffer {
    this.trim(bucket.bytes);
    const buffer = this.device.createBuffer({ size: bucket.bytes, usage: bucket.usage, mappedAtCreation });
    this.numBytesAllocated += bucket.bytes;
    return Object.assign(buffer, {
      serial: ++this.serials,
      bytes: bucket.bytes,
      bucket,
      free: false,
      submission: -1,
    }) as PooledBuffer;
  }

  /** Lets go of the longest unused sizes when far more is held than was ever needed at once (lengths that come and go). */
  private trim(wanted: number): void {
    const limit = 1.5 * Math.max(this.peak, this.numBytesUsed + wanted) + 64 * 2 ** 20;
    if (this.numBytesAllocated + wanted <= limit) return;
    const oldestFirst = [...this.shared.values()]
      .filter((b) => b.free.length > 0)
      .sort((a, b) => a.lastUse - b.lastUse);
    if (oldestFirst.length > 0) this.beforeDestroy();
    for (const bucket of oldestFirst) {
      if (this.numBytesAllocated + wanted <= limit) break;
      this.empty(bucket);
    }
  }

  private empty(bucket: Bucket): void {
    for (const buffer of bucket.free) this.destroy(buffer);
    bucket.free.length = 0;
  }

  private destroy(buffer: PooledBuffer): void {
    buffer.destroy();
    this.destroyed++;
    this.numBytesAllocated -= buffer.bytes;
  }
}

/** Rounds up to 8 steps an octave (at most an eighth of waste), and to 256 bytes. */
export function bucketSize(bytes: number): number {
  if (bytes <= 256) return 256;
  const step = Math.max(256, 2 ** (Math.floor(Math.log2(bytes)) - 3));
  return Math.ceil(bytes / step) * step;
}
