import type { Clock } from "../core/time.js";
import { SpectrumError, TrainingError } from "../core/errors.js";
import { stepsOf, toSteps } from "../core/time.js";
import type { NamedArrays } from "../core/array.js";
import type { Row } from "../store/rows.js";
import type { Run } from "../store/run.js";
import type { Evaluator } from "./evaluator.js";
import type { Experiment } from "./experiment.js";
import type { Decomposer, Probe } from "./measure.js";
import { mergeRequests } from "./measure.js";
import { type ReferenceSvds, takeSnapshot } from "./snapshot.js";
import type { TrainingState } from "./step.js";

type Weights = Pick<TrainingState, "parameters" | "buffers">;

interface Measured {
  readonly step: number;
  readonly rows: readonly Row[];
  readonly arrays: NamedArrays;
}

/** Measurements that may be under way while training goes on; each holds a copy of the weights. */
const IN_FLIGHT = 3;

/**
 * The measurements of one training run: which step asks for which probes, their results written in the order of
 * steps whatever order they finish in, and the step at which the run ends.
 */
export class MeasurementQueue<Batch> {
  readonly #probesAt = new Map<number, Probe<Batch>[]>();
  readonly #pending: Promise<Measured>[] = [];
  #rows: Row[] = [];
  #end: number;
  #goalMet = false;

  constructor(
    readonly experiment: Experiment<Batch>,
    readonly clock: Clock,
    readonly run: Run,
    readonly engine: Decomposer,
    readonly reference: ReferenceSvds,
    readonly evaluator: Evaluator<Batch>,
    end?: number,
  ) {
    for (const probe of experiment.probes) {
      for (const step of stepsOf(probe.when, clock)) {
        this.#probesAt.set(step, [...(this.#probesAt.get(step) ?? []), probe]);
      }
    }
    this.#end = clock.totalSteps;
    if (end !== undefined) this.#endAt(end);
    run.rows().forEach((row) => this.#considerStop(row));
  }

  /** The step after which the run is over: the last of its length, or an earlier one where its `stop` is met. */
  get end(): number {
    return this.#end;
  }

  /** Whether `end` is settled: the goal of the experiment's `stop` was met. */
  get goalMet(): boolean {
    return this.#goalMet;
  }

  isDue(step: number): boolean {
    return this.#probes(step).length > 0;
  }

  /**
   * Starts what is due at a step. Takes over the weights. Returns when it may go on in the background, which with a `stop` is when it is done.
   * @param meanLoss the mean training-mode loss since the last measurement, if there were steps
   */
  async measure(step: number, epoch: number, weights: Weights, meanLoss: number | undefined): Promise<void> {
    const measured = this.#measure(this.#probes(step), step, epoch, weights, meanLoss);
    measured.catch(() => undefined); // awaited in order below; not an unhandled rejection meanwhile
    this.#pending.push(measured);
    const allowed = this.experiment.stop ? 0 : IN_FLIGHT;
    while (this.#pending.length > allowed) await this.#writeNext();
  }

  /** Waits for all measurements and writes them. */
  async drain(): Promise<void> {
    while (this.#pending.length > 0) await this.#writeNext();
  }

  /** Waits until nothing is under way any more, whatever fails, and writes what was measured before the first failure. */
  async close(): Promise<void> {
    const pending = [...this.#pending];
    await this.drain().catch(() => undefined);
    await Promise.allSettled(pending);
    this.#pending.length = 0;
  }

  /** The rows written since the last call. */
  takeRows(): Row[] {
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }

  #probes(step: number): readonly Probe<Batch>[] {
    // A run that stops early measures at its end what was planned for the end of its full length.
    return (
      this.#probesAt.get(step === this.#end ? this.clock.totalSteps : step) ?? this.#probesAt.get(step) ?? []
    );
  }

  async #measure(
    probes: readonly Probe<Batch>[],
    step: number,
    epoch: number,
    { parameters, buffers }: Weights,
    meanLoss: number | undefined,
  ): Promise<Measured> {
    const { reference, evaluator } = this;
    const { model, training, evaluations } = this.experiment;
    const requests = mergeRequests(probes.flatMap((probe) => probe.needs?.(model) ?? []));
    const source = { step, epoch, model, training, evaluations, parameters, buffers, reference, evaluator };
    const snapshot = takeSnapshot(source, requests, this.engine);
    const rows: Row[] = [];
    const arrays = new Map<string, NonNullable<ReturnType<NamedArrays["get"]>>>();
    if (meanLoss !== undefined) {
      rows.push({
        step,
        epoch,
        probe: "metrics",
        split: "batches",
        variant: "full",
        metric: "loss",
        value: meanLoss,
      });
    }
    try {
      const found = await Promise.allSettled(probes.map((probe) => probe.measure(snapshot)));
      found.forEach((result, i) => {
        if (result.status === "rejected") throw divergenceAt(step, result.reason);
        const measurement = result.value;
        for (const row of measurement.rows) rows.push({ step, epoch, probe: probes[i].name, ...row });
        measurement.arrays?.forEach((array, name) => arrays.set(name, array));
      });
    } finally {
      snapshot.dispose();
    }
    return { step, rows, arrays };
  }

  async #writeNext(): Promise<void> {
    const { step, rows, arrays } = await this.#pending.shift()!;
    if (arrays.size > 0) this.run.writeArrays(step, arrays);
    this.run.appendRows(rows);
    rows.forEach((row) => this.#considerStop(row));
    for (const row of rows) this.#rows.push(row);
  }

  #considerStop(row: Row): void {
    const { stop } = this.experiment;
    if (!stop || row.probe !== "metrics" || row.variant !== "full") return;
    if (row.split !== stop.split || row.metric !== stop.metric || !(Number(row.value) < stop.below)) return;
    this.#endAt(Number(row.step) + toSteps(stop.then, this.clock));
  }

  #endAt(step: number): void {
    this.#goalMet = true;
    this.#end = Math.min(this.#end, step);
  }
}

/** A matrix without spectrum is one that holds a NaN or an infinity: training has diverged before a loss could say so. */
function divergenceAt(step: number, reason: unknown): unknown {
  if (!(reason instanceof SpectrumError)) return reason;
  return new TrainingError(`training: step ${step}: ${reason.message}`, step);
}
