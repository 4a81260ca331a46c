import { grouped } from "./format.js";
import { printable } from "../core/printable.js";
import { html } from "./html.js";
import { duration } from "./markdown.js";
import { currentNotebook, type Bundle } from "./notebook.js";
import { liveHtml } from "./progress-html.js";

/** Where a run is. */
export interface ProgressReport {
  /** Steps done. */
  readonly step: number;
  readonly epoch?: number;
  /** Numbers to show, the first of them as a curve: { loss: 0.31, error: 0.1 }. */
  readonly metrics?: Readonly<Record<string, number | undefined>>;
}

/** One line of output that follows a run. */
export interface Progress {
  /** Reports a step; shown at most 4 times a second. */
  update(report: ProgressReport): void;
  /** Leaves one line: what was done, how long it took, the last metrics. */
  done(): void;
  /** Leaves one line that says why the run stopped ("interrupted; run the cell again to go on"). */
  stopped(reason: string): void;
}

export interface ProgressOptions {
  /** What runs: "modular addition, decay 1". */
  readonly title: string;
  /** Steps of the whole run. */
  readonly total: number;
  /** What is counted; default "steps". */
  readonly unit?: string;
  /** Steps done before this process (a resumed run): they do not count for the rate. Default 0. */
  readonly from?: number;
  /** Milliseconds; default the process's clock. */
  readonly now?: () => number;
  /** Where plain text goes outside a notebook; default standard error. */
  readonly stream?: { readonly isTTY?: boolean; write(text: string): unknown };
}

/** What is shown of a run. */
export interface ProgressState {
  readonly title: string;
  readonly total: number;
  readonly unit: string;
  readonly report: ProgressReport;
  /** Steps a second; 0 before the first. */
  readonly rate: number;
  /** Seconds since the start. */
  readonly seconds: number;
  /** Values of the first metric so far, at most 400. */
  readonly curve: readonly number[];
}

const shownEvery = 250; // ms
const printedEvery = 10_000; // ms, where lines cannot be replaced

/**
 * Follows a run in one output: a bar, step, rate, time left, metrics and the curve of the first of them. In a notebook
 * the output is replaced in place and ends as one line of text; on a terminal the line is rewritten; elsewhere a line
 * is printed every 10 seconds.
 */
export function progress(options: ProgressOptions): Progress {
  const {
    title,
    total,
    unit = "steps",
    from = 0,
    now = () => performance.now(),
    stream = process.stderr,
  } = options;
  const display = displayOf(stream);
  const start = now();
  const curve = new Curve();
  let report: ProgressReport = { step: from };
  let shown = -Infinity;
  const state = (): ProgressState => {
    const seconds = (now() - start) / 1000;
    const rate = seconds > 0 ? Math.max(0, report.step - from) / seconds : 0;
    return { title, total, unit, report, rate, seconds, curve: curve.values };
  };
  return {
    update(next) {
      report = next;
      const first = Object.values(next.metrics ?? {})[0];
      if (first !== undefined) curve.add(first);
      if (now() - shown < display.interval) return;
      shown = now();
      display.show(state());
    },
    done: () => display.end(finalText(state(), "done")),
    stopped: (reason) => display.end(finalText(state(), reason)),
  };
}

/** One line: "modular addition: 1 200 of 20 000 steps (6 %), epoch 3.0, 85 steps/s, 3 min 41 s left, loss 0.031". */
export function liveText({ title, total, unit, report, rate }: ProgressState): string {
  const left = rate > 0 ? `, ${duration(Math.max(0, total - report.step) / rate)} left` : "";
  const percent = total > 0 ? Math.floor((100 * report.step) / total) : 100;
  return `${printable(title)}: ${grouped(report.step)} of ${grouped(total)} ${unit} (${percent} %)${epochText(report)}, ${rateText(rate, unit)}${left}${metricsText(report)}`;
}

/** The line that stays. */
export function finalText(
  { title, total, unit, report, rate, seconds }: ProgressState,
  outcome: string,
): string {
  const steps =
    report.step >= total
      ? `${grouped(report.step)} ${report.step === 1 ? unit.replace(/s$/, "") : unit}`
      : `${grouped(report.step)} of ${grouped(total)} ${unit}`;
  const sign = outcome === "done" ? "✓" : "■";
  const why = outcome === "done" ? "" : `, ${printable(outcome)}`;
  return `${sign} ${printable(title)}: ${steps}${epochText(report)} in ${duration(seconds)} (${rateText(rate, unit)})${metricsText(report)}${why}`;
}

interface Display {
  /** Milliseconds between shows. */
  readonly interval: number;
  show(state: ProgressState): void;
  end(line: string): void;
}

function displayOf(stream: NonNullable<ProgressOptions["stream"]>): Display {
  const notebook = currentNotebook();
  if (notebook) {
    const id = nextDisplayId();
    let update = false;
    const send = (bundle: Bundle): void => {
      notebook.display(bundle, { id, update });
      update = true;
    };
    return {
      interval: shownEvery,
      show(state) {
        const text = liveText(state);
        const part = state.total > 0 ? Math.min(1, state.report.step / state.total) : 1;
        send({ "text/html": liveHtml(text, part, state.curve), "text/plain": text });
      },
      end: (line) => send({ "text/html": html`<div>${line}</div>`, "text/plain": line }),
    };
  }
  if (stream.isTTY) {
    return {
      interval: shownEvery,
      show: (state) => void stream.write(`\r\u001b[2K${liveText(state)}`),
      end: (line) => void stream.write(`\r\u001b[2K${line}\n`),
    };
  }
  const print = (line: string): void => void stream.write(`${line}\n`);
  return { interval: printedEvery, show: (state) => print(liveText(state)), end: print };
}

const counter = Symbol.for("spectral-lab.progress");

/** Numbers the displays of a kernel: what a cell leaves does not depend on chance. */
function nextDisplayId(): string {
  const kernel = globalThis as { [counter]?: number };
  kernel[counter] = (kernel[counter] ?? 0) + 1;
  return `spectral-progress-${kernel[counter]}`;
}

/** A curve that keeps its shape in at most 400 values: full, it drops every second one and then takes half as many. */
class Curve {
  readonly #limit = 400;
  #values: number[] = [];
  #every = 1;
  #seen = 0;

  add(value: number): void {
    if (this.#seen++ % this.#every !== 0 || !Number.isFinite(value)) return;
    this.#values.push(value);
    if (this.#values.length < this.#limit) return;
    this.#values = this.#values.filter((_, i) => i % 2 === 0);
    this.#every *= 2;
  }

  get values(): readonly number[] {
    return this.#values;
  }
}

function rateText(rate: number, unit: string): string {
  return rate > 0 && rate < 0.995
    ? `${(1 / rate).toPrecision(2)} s/${unit.replace(/s$/, "")}`
    : `${Number(rate.toPrecision(3))} ${unit}/s`;
}

function epochText({ epoch }: ProgressReport): string {
  return epoch === undefined ? "" : `, epoch ${epoch.toFixed(epoch < 100 ? 1 : 0)}`;
}

function metricsText({ metrics = {} }: ProgressReport): string {
  return Object.entries(metrics)
    .map(([name, value]) =>
      value === undefined ? "" : `, ${printable(name)} ${Number(value.toPrecision(3))}`,
    )
    .join("");
}
