import type { NdArray } from "../core/array.js";
import type { Provenance } from "../core/provenance.js";

/** A host array of float32. */
export interface FloatArray extends NdArray {
  readonly dtype: "F32";
  readonly data: Float32Array;
}

/** A host array of int32. */
export interface IntArray extends NdArray {
  readonly dtype: "I32";
  readonly data: Int32Array;
}

/** Examples that can be drawn, in any order, as a batch of host arrays. The training loop decides the order. */
export interface HostExamples<Batch> {
  readonly count: number;
  /**
   * @param indices which examples, each an integer in [0, count); repeats are allowed
   * @throws DataError if `indices` is empty or leaves that range
   */
  batch(indices: ArrayLike<number>): Batch;
}

/** A training and a validation set of the same kind. */
export interface Dataset<Batch> {
  readonly provenance: Provenance;
  readonly training: HostExamples<Batch>;
  readonly validation: HostExamples<Batch>;
}

/** Progress of a long preparation. */
export interface PreparationProgress {
  /** "downloading train-clean-100.tar.gz", "features of dev-clean", ... */
  readonly stage: string;
  /** Units of work done: bytes of a download, utterances, documents. */
  readonly done: number;
  /** Units in all; undefined where not known. */
  readonly total: number | undefined;
  /** Seconds to go at the mean speed so far; undefined where `total` is, or before anything was measured. */
  readonly etaSeconds: number | undefined;
}

/** Reports progress at most four times a second, and always at the end. */
export function progressMeter(
  stage: string,
  total: number | undefined,
  report: ((progress: PreparationProgress) => void) | undefined,
  alreadyDone = 0,
): (done: number) => void {
  if (report === undefined) return () => undefined;
  const start = performance.now();
  let last = -Infinity;
  return (done) => {
    const now = performance.now();
    if (now - last < 250 && done !== total) return;
    last = now;
    const speed = (done - alreadyDone) / (now - start);
    const known = total !== undefined && speed > 0;
    report({ stage, done, total, etaSeconds: known ? (total - done) / speed / 1000 : undefined });
  };
}

/** How a data set is opened. */
export interface DataOptions {
  /** Folder that holds the data sets; default `dataRoot()`. */
  readonly root?: string;
  /** Whether an absent data set may be downloaded. Default true, unless SPECTRAL_OFFLINE is set to anything but 0. */
  readonly allowDownload?: boolean;
  /**
   * "auto" (default): generated data where the real ones are neither there nor to be had. "never": a DataError
   * instead. "always": generated data without looking for real ones. Damaged real data are always an error.
   */
  readonly standIn?: "never" | "auto" | "always";
  readonly onProgress?: (progress: PreparationProgress) => void;
  readonly signal?: AbortSignal;
}
