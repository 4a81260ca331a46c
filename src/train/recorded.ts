import * as tf from "@tensorflow/tfjs";
import type { Recorder, Recording } from "../backend/recording.js";

/** Kinds of batches (by shapes and what lies on the host) whose work is recorded; that of further kinds is composed. */
const KINDS = 4;

/** Batches of one kind: where their content is written, and what the work on them does once it is known. */
interface Kind<Batch> {
  readonly home: readonly Batch[];
  /** The batches that `home` holds. */
  held?: readonly Batch[];
  recording?: Recording;
  /** Where recorded work writes its results: memory that it takes must be free again at its end. Absent until the work was composed once. */
  results?: readonly tf.Tensor[];
  /** Whether a second recording was the same. */
  proven: boolean;
}

/**
 * Work on batches that is recorded on a device and replayed. Batches have memory of their own, into which each is written; what else
 * the work reads must lie in the same memory every time. The first time for a kind of batch the work is composed (programs are
 * compiled), the second and third it is recorded and compared; from the fourth on the recording is replayed. Where two recordings
 * differ, work stays composed; and so does that of further kinds of batches where there are many.
 */
export class Recorded<Batch> {
  readonly #kinds = new Map<string, Kind<Batch>>();
  #composed = false;
  #told = false;

  /**
   * @param work gives new tensors
   * @param onFallback told once why work is composed
   */
  constructor(
    readonly recorder: Recorder,
    readonly work: (batches: readonly Batch[]) => tf.Tensor[],
    readonly onFallback: (why: string) => void,
  ) {}

  /** Does the work on batches, and gives its results, which are the caller's. */
  run(batches: readonly Batch[]): tf.Tensor[] {
    const kind = this.#composed ? undefined : this.#kindOf(batches);
    if (!kind) return this.work(batches);
    if (kind.held !== batches) this.#fill(kind, batches);
    if (!kind.results) {
      const results = this.work(kind.home);
      kind.results = results.map((tensor) => this.recorder.own(tensor));
      return results;
    }
    if (kind.proven) this.recorder.replay(kind.recording!);
    else this.#record(kind);
    const results = kind.results.map((tensor) => this.recorder.own(tensor));
    if (this.#composed) this.dispose();
    return results;
  }

  /** The recording that is replayed for the first kind of batch that has one; undefined where there is none yet. */
  get recording(): Recording | undefined {
    return [...this.#kinds.values()].find(({ proven }) => proven)?.recording;
  }

  /** Frees the recordings and the memory of batches. */
  dispose(): void {
    for (const { home, results, recording } of this.#kinds.values()) {
      tf.dispose(home.flatMap(tensorsOf));
      tf.dispose((results as tf.Tensor[] | undefined) ?? []);
      recording?.dispose();
    }
    this.#kinds.clear();
  }

  /** What is known of batches of these shapes; undefined where there are too many kinds already. */
  #kindOf(batches: readonly Batch[]): Kind<Batch> | undefined {
    const key = JSON.stringify(batches.map(signature));
    const known = this.#kinds.get(key);
    if (known) return known;
    if (this.#kinds.size >= KINDS) {
      this.#tell(`there are more than ${KINDS} kinds of batches (shapes, or numbers that lie on the host)`);
      return undefined;
    }
    const home = batches.map((batch) => mapTensors(batch, (tensor) => this.recorder.own(tensor)));
    const kind: Kind<Batch> = { home, held: batches, proven: false };
    this.#kinds.set(key, kind);
    return kind;
  }

  #fill(kind: Kind<Batch>, batches: readonly Batch[]): void {
    const [to, from] = [kind.home, batches].map((all) => all.flatMap(tensorsOf));
    to.forEach((tensor, i) => this.recorder.assign(tensor, from[i]));
    kind.held = batches;
  }

  #record(kind: Kind<Batch>): void {
    const { recording: before } = kind;
    const recording = this.recorder.record(() => {
      const results = this.work(kind.home);
      this.recorder.assignAll(kind.results!.map((home, i) => [home, results[i]] as const));
      tf.dispose(results);
    });
    kind.recording = recording;
    if (!before) return;
    const why = this.recorder.difference(before, recording);
    before.dispose();
    kind.proven = why === undefined;
    if (why === undefined) return;
    this.#composed = true;
    this.#tell(why);
  }

  #tell(why: string): void {
    if (!this.#told) this.onFallback(why);
    this.#told = true;
  }
}

/** Shapes and types of a batch's tensors; of what else it holds the content, which a recording would not see change. */
function signature(batch: unknown): unknown {
  return Object.entries(batch as Record<string, unknown>).map(([name, value]) => {
    if (value instanceof tf.Tensor) return [name, value.dtype, value.shape];
    return [name, ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<number>) : value];
  });
}

function tensorsOf(batch: unknown): tf.Tensor[] {
  return Object.values(batch as Record<string, unknown>).filter((value) => value instanceof tf.Tensor);
}

function mapTensors<Batch>(batch: Batch, map: (tensor: tf.Tensor) => tf.Tensor): Batch {
  const entries = Object.entries(batch as Record<string, unknown>);
  const mapped = entries.map(([name, value]) => [name, value instanceof tf.Tensor ? map(value) : value]);
  return Object.fromEntries(mapped) as Batch;
}
