import { ConfigError } from "../core/errors.js";
import { changedFields, parseSetting } from "../core/config.js";
import { stepsOf } from "../core/time.js";
import { printable } from "../core/printable.js";
import { bytesOfVectors } from "../probes/vectors.js";
import { runsFolder } from "../store/paths.js";
import { runAtStep } from "../store/run-at-step.js";
import type { RunReader } from "../store/stored-run.js";
import { taskNamed } from "../tasks/index.js";
import {
  finishedRun,
  type PreparedRun,
  prepareRun,
  runPrepared,
  type RunProgress,
  type RunRequest,
} from "../tasks/run.js";
import type { ProfileName } from "../tasks/task.js";
import { engineNamed } from "../linalg/engine-choice.js";
import { parseEdit } from "../train/edits/edit.js";
import { clockOf, type Outcome } from "../train/loop.js";
import { describeData } from "../data/provenance.js";
import { report } from "./data.js";
import type { Given } from "./command.js";
import type { train } from "./declarations.js";
import { rowsOf } from "./rows.js";
import type { Stop } from "./stop.js";

/** Trains a task, resumes it, or says that it is finished. */
export async function run({ values, positionals }: Given<typeof train>, stop: Stop): Promise<number> {
  const task = taskNamed(positionals[0]);
  const settings = values.set.map((text) => parseSetting(task.name, task.defaults, text));
  const request: RunRequest = {
    task,
    profile: values.profile as ProfileName,
    setting: values.setting,
    set: Object.assign({}, ...settings),
    seed: values.seed === undefined ? undefined : wholeNumber("seed", values.seed),
    order: values.order === undefined ? undefined : wholeNumber("order", values.order),
    start: startOf(values),
    keep: values.keep?.split(","),
    probes: values.probes?.split(","),
    vectors: values.vectors === undefined ? undefined : wholeNumber("vectors", values.vectors),
    retrain: values.retrain,
    backend: values.backend,
    svd: engineNamed(values.svd),
    runs: values.runs,
    checkpointSeconds: secondsOf(values["checkpoint-seconds"]),
    data: { onProgress: report },
    signal: stop.signal,
  };
  const log = values.json ? (): void => undefined : (line: string): void => console.log(line);
  const prepared = await prepareRun(request).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error; // else given up: nothing is written yet
  });
  if (prepared === undefined || stop.signal.aborted) {
    console.log(JSON.stringify(nothingOf(task.name)));
    return stop.status;
  }
  log(`${task.title}: ${describe(prepared)}`);
  const { data, config } = prepared.description;
  if (data.standIn && !config.standIn)
    console.error(`stand-in data: ${printable(data.source ?? "no reason given")}`);
  if (request.vectors !== undefined) log(vectorsLine(prepared, request.vectors));
  const done = request.retrain ? undefined : finishedRun(prepared);
  if (done) log("this run is finished");
  const { run, outcome } = await follow(prepared, log).catch((error: unknown) => {
    if (!done || error !== stop.signal.reason) throw error; // else stopped while it measured what a finished run lacks
    const { step = 0, epoch = 0 } = done.record;
    return { run: done, outcome: { status: "interrupted", step, epoch } as const };
  });
  console.log(JSON.stringify(summary(run, outcome)));
  return outcome.status === "finished" ? 0 : stop.status;
}

/** @throws ConfigError, StoreError if there is no such run, or it did not keep the weights of that step */
function startOf(values: Given<typeof train>["values"]): RunRequest["start"] {
  const { from, edit, runs, "fresh-moments": fresh } = values;
  if (from === undefined) {
    const alone = edit !== undefined ? "edit" : fresh ? "fresh-moments" : undefined;
    if (alone === undefined) return undefined;
    throw new ConfigError(`--${alone}: expected --from RUN@STEP with it, found none`);
  }
  const { run, step } = runAtStep(from, [runs ?? runsFolder()]);
  return { run, step, edit: edit === undefined ? undefined : parseEdit(edit), memory: !fresh };
}

function wholeNumber(option: string, text: string): number {
  if (!/^\d{1,9}$/.test(text))
    throw new ConfigError(`--${option}: expected a whole number >= 0, found "${printable(text, 100)}"`);
  return Number(text);
}

function secondsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = text.trim() === "" ? NaN : Number(text);
  if (!(seconds >= 0 && seconds < Infinity))
    throw new ConfigError(`--checkpoint-seconds: expected a number >= 0, found "${printable(text, 100)}"`);
  return seconds;
}

function describe({ request, description }: PreparedRun): string {
  const { profile = "quick", task } = request;
  const { seed, order, origin, config, data } = description;
  const changed = Object.entries(changedFields(config, task.defaults));
  const fields = changed.map(([key, value]) => `${key}=${value}`).join(" ");
  const changes = `${origin?.edit ? `, after ${origin.edit}` : ""}${origin?.memory === false ? ", fresh moments" : ""}`;
  const from = origin && `\n  from ${origin.run}@${origin.step}${changes}`;
  const streams = `seed ${seed}${order === undefined ? "" : `, order ${order}`}`;
  const summary = `profile ${profile} (${task.profiles[profile].summary}), ${streams}${from ?? ""}`;
  return `${summary}\n  data: ${describeData(data)}${fields && `\n  ${fields}`}`;
}

/** What keeping singular vectors costs. */
function vectorsLine({ experiment, description }: PreparedRun, count: number): string {
  const { probes, model } = experiment;
  const first = description.origin?.step ?? 0;
  const when = probes.find(({ vectors }) => vectors !== undefined)!.when;
  const moments = stepsOf(when, clockOf(experiment)).filter((step) => step >= first).length;
  const bytes = bytesOfVectors(model, count);
  const size = (n: number): string => `${(n / 1e6).toFixed(n < 1e7 ? 3 : 0)} MB`;
  const each = `${size(bytes)} at each of ${moments} moments, ${size(moments * bytes)} in all`;
  return `  the ${count} leading singular vectors of ${model.matrices.length} matrices are kept: ${each}`;
}

/** Trains, with a line every few seconds. */
async function follow(
  prepared: PreparedRun,
  log: (line: string) => void,
): Promise<{ run: RunReader; outcome: Outcome }> {
  const started = performance.now();
  let first: RunProgress | undefined;
  let last = 0;
  const training = runPrepared(prepared);
  let next = await training.next();
  for (; !next.done; next = await training.next()) {
    const progress = next.value;
    if (!first)
      log(`${progress.backend.description}${progress.step > 0 ? `; going on at step ${progress.step}` : ""}`);
    first ??= progress;
    const seconds = (performance.now() - started) / 1000;
    if (seconds - last < 5) continue;
    last = seconds;
    log(progressLine(progress, (progress.step - first.step) / seconds));
  }
  return next.value;
}

function progressLine({ step, totalSteps, epoch, losses }: RunProgress, rate: number): string {
  const loss = losses.length > 0 ? `  loss ${losses[losses.length - 1].toPrecision(4)}` : "";
  const left = rate > 0 ? `  ${Math.ceil((totalSteps - step) / rate)} s left` : "";
  return `step ${step} of ${totalSteps}  epoch ${epoch.toFixed(1)}${loss}  ${rate.toPrecision(3)} steps/s${left}`;
}

/** The summary of a run that was stopped before it was known which it is. */
function nothingOf(task: string): Record<string, unknown> {
  return { run: null, task, status: "interrupted", step: 0, epoch: 0, metrics: {}, folder: null };
}

/** Run id, status, step, epoch and the last value of every metric, under "split.metric". */
function summary(run: RunReader, { status, step, epoch }: Outcome): Record<string, unknown> {
  const metrics: Record<string, unknown> = {};
  for (const row of rowsOf(run)) {
    if (row.probe === "metrics" && row.split !== "batches") metrics[`${row.split}.${row.metric}`] = row.value;
  }
  return { run: run.record.id, task: run.record.task, status, step, epoch, metrics, folder: run.folder };
}
