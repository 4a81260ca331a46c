/** What the examples truly are; part of every run record, and shown on every page that uses them (`describeData`). */
export interface Provenance {
  /**
   * "MNIST" only where checksums say so, else what is seen: "digits in MNIST's layout (not verified)"; "generated digits
   * (stand-in for MNIST)".
   */
  readonly name: string;
  /** True where the examples were generated because the real ones were absent or not wanted. */
  readonly standIn: boolean;
  /** The folder that was read, or why a stand-in was generated. */
  readonly source: string;
  /**
   * 16 hexadecimal digits of SHA-256 over the examples that train and validate, in their fixed order, before a task takes
   * fewer of them or permutes labels: the same on every machine and in every folder, another for any other byte.
   */
  readonly fingerprint: string;
  /** Training examples opened here, after the split, in `unit`. */
  readonly training: number;
  /** Validation examples opened here. */
  readonly validation: number;
  /** What one counts, in the plural: "images", "utterances", "sequences of 256 words", "pairs". */
  readonly unit: string;
  /**
   * The public set that the examples are or come from, and how many training examples it has after the split; absent where
   * they come from none, or nobody knows.
   */
  readonly of?: { readonly set: string; readonly training: number };
  /** Whether the name is certain: checksums say so, or the examples were generated here. */
  readonly verified: boolean;
  /** What else a reader must know: "JPEG-compressed". */
  readonly note?: string;
}
