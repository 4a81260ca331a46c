import type { Duration, When } from "../core/time.js";
import type { Model } from "../nn/model.js";
import type { Optimiser } from "../optim/optimiser.js";
import type { Batching, Examples } from "./examples.js";
import type { Evaluation, Probe } from "./measure.js";

/** Ends a run early, once a metric has stayed good for a while: "until it has grokked". */
export interface Stop {
  /** A row of the probe "metrics": its split and metric. */
  readonly split: string;
  readonly metric: string;
  /** Good means below this. */
  readonly below: number;
  /** How long the run goes on after the first good measurement. */
  readonly then: Duration;
}

/** All that a training run needs: what is trained, on what, how, how long, and what is measured meanwhile. */
export interface Experiment<Batch = unknown> {
  readonly model: Model<Batch>;
  readonly optimiser: Optimiser;
  readonly training: Examples<Batch>;
  readonly evaluations: Readonly<Record<string, Evaluation<Batch>>>;
  readonly batching: Batching;
  readonly length: Duration;
  readonly stop?: Stop;
  readonly probes: readonly Probe<Batch>[];
  /** When the weights are kept for later analyses. The last weights always are. */
  readonly checkpoints: When;
}
