import type { FacetedRun } from "../analysis/tables.js";
import { unknownName } from "../core/config.js";
import { ConfigError, DamagedError, StoreError } from "../core/errors.js";
import { facetsText } from "../core/facets.js";
import { printable } from "../core/printable.js";
import type { Provenance } from "../core/provenance.js";
import { describeData } from "../data/provenance.js";
import {
  candidatesOf,
  facetedBy,
  finishedRuns,
  measuredOtherwise,
  PAPER_SEEDS,
  preferred,
  requestsOf,
  type RunChoice,
  sameData,
} from "../paper/stored.js";
import { resultsFolder, runsFolder } from "../store/paths.js";
import type { RunRecord } from "../store/record.js";
import type { RunReader } from "../store/stored-run.js";
import { commandOf, runTask, type RunRequest } from "../tasks/run.js";
import { configOf, type ProfileName, PROFILES, type Task } from "../tasks/task.js";
import { interrupted, interruptSignal } from "./interrupt.js";
import { Markdown, md } from "./markdown-text.js";
import { banner, duration, markdown } from "./markdown.js";
import { progress, type Progress } from "./progress.js";

/**
 * Which runs of a task a page is about: by default the profile that `profileFromEnvironment` names; of one task all its
 * settings, of several tasks none; seed 0, and of the paper's other seeds those whose runs are stored.
 */
export interface Reproduction extends RunChoice {
  /** Train even what the repository has results of. Default: whether SPECTRAL_RETRAIN is 1. */
  readonly retrain?: boolean;
}

/**
 * The profile that SPECTRAL_PROFILE names, else `otherwise`.
 * @throws ConfigError if there is no such profile
 */
export function profileFromEnvironment(otherwise: ProfileName = "quick"): ProfileName {
  const name = process.env.SPECTRAL_PROFILE || otherwise;
  if (!(PROFILES as readonly string[]).includes(name))
    throw unknownName("SPECTRAL_PROFILE: profile", name, PROFILES);
  return name as ProfileName;
}

/** Whether SPECTRAL_RETRAIN asks to train even what the repository has results of. */
export function retrainAsked(): boolean {
  return process.env.SPECTRAL_RETRAIN === "1";
}

/**
 * The finished runs of a task, or of several, in some settings and seeds: read where they are stored (trained here, or
 * results that came with the repository), trained where not. A stored run on other data than this machine has is shown with
 * a banner that says so. Says first what runs, on what, and for how many steps; follows each training in one line.
 * Interrupted, it keeps what is done, and goes on when it is called again.
 * @throws ConfigError for an unknown profile, setting or field; StoreError if a stored run was not measured as is asked and
 * cannot be; what `runTask` throws
 */
export async function reproduce(
  task: Task | readonly Task[],
  options: Reproduction = {},
): Promise<FacetedRun[]> {
  const { runs = runsFolder(), retrain = retrainAsked() } = options;
  const profile = options.profile ?? profileFromEnvironment();
  const tasks: readonly Task[] = [task].flat();
  const settings = options.settings ?? (Array.isArray(task) ? [] : undefined);
  const requests = tasks.flatMap((one) => requestsOf(one, { ...options, profile, settings, runs }));
  if (requests.length === 0) throw new ConfigError("reproduce: expected at least one task and one seed");
  const roots = retrain ? [runs] : [runs, resultsFolder()];
  const found: FacetedRun[] = [];
  const elsewhere = new Map<string, Markdown>();
  const leftOut = new Set<string>();
  let damage: DamagedError | undefined;
  const leaveOut = (line: string): void => {
    if (!leftOut.has(line)) console.warn(line); // as text: a damaged record may hold anything
    leftOut.add(line);
  };
  for (const request of requests) {
    const finished = finishedRuns(roots, request.task, leaveOut);
    const candidates = candidatesOf(finished, request, leaveOut);
    let answer: Awaited<ReturnType<typeof storedOrTrained>>;
    try {
      answer = await storedOrTrained(candidates, request, retrain);
    } catch (error) {
      if (!(error instanceof DamagedError)) throw error;
      leaveOut(`left out: ${error.message}`);
      damage = error;
      continue; // the others are shown
    }
    const { run, other } = answer;
    if (other) elsewhere.set(other.source, other);
    const others = options.seeds ? [] : PAPER_SEEDS.filter((seed) => seed !== request.seed);
    const stored = others.flatMap(
      (seed) =>
        preferred(candidatesOf(finished, { ...request, seed }, leaveOut), run.record.data.fingerprint) ?? [],
    );
    found.push(...[run, ...sameData(stored, run)].map((one) => facetedBy(request, one)));
  }
  if (damage && found.length === 0) throw damage;
  if (elsewhere.size > 0) markdown(Markdown.joined([...elsewhere.values()], "\n\n"));
  markdown(provenance(found));
  return found;
}

/**
 * The run of a request: stored on this machine's data, else stored on others, else trained.
 * @param candidates stored runs of the request, on whatever data
 * @param retrain take no run on other data
 * @returns `other` where its data are not this machine's: a sentence that says so
 */
async function storedOrTrained(
  candidates: readonly RunReader[],
  request: RunRequest,
  retrain: boolean,
): Promise<{ run: RunReader; other?: Markdown }> {
  if (candidates.length === 0) return { run: await trainShown(request) };
  const here = await dataHere(request);
  const run = preferred(candidates, here.fingerprint)!;
  const same = run.record.data.fingerprint === here.fingerprint;
  if (retrain && !same) return { run: await trainShown(request) };
  const otherwise = measuredOtherwise(run, request);
  if (otherwise.length > 0 && same && run.weightSteps().length > 0) return { run: await trainShown(request) };
  if (otherwise.length > 0) {
    throw new StoreError(
      `${printable(run.folder)}: this stored run was measured otherwise (${printable(otherwise.join("; "))}) and came without the weights ` +
        `to measure again; train one with: ${commandOf(request)}`,
    );
  }
  if (same) return { run };
  const [theirs, ours] = [describeData(run.record.data), describeData(here)];
  const stored = md`The stored runs of ${request.task.name} on this page were trained on ${theirs}; this machine has ${ours}.`;
  return {
    run,
    other: md`**Other data than on this machine.** ${stored} SPECTRAL_RETRAIN=1 trains on what is here.`,
  };
}

/** What a request would be trained on here; nothing is downloaded for it. */
async function dataHere({ task, seed = 0, data, ...choice }: RunRequest): Promise<Provenance> {
  const config = configOf(task, choice);
  return (await task.open(config, seed, { ...data, allowDownload: false })).provenance;
}

/** Trains one run with its progress as output of the cell. */
async function trainShown(request: RunRequest): Promise<RunReader> {
  const { task, profile = "quick", setting } = request;
  const training = runTask({ ...request, signal: interruptSignal() });
  let shown: Progress | undefined;
  try {
    let next = await training.next();
    for (; !next.done; next = await training.next()) {
      const { step, totalSteps, epoch, losses, rows, backend, description } = next.value;
      if (!shown) {
        const data = describeData(description.data);
        const facts = { profile, backend: backend.description, data, steps: totalSteps, from: step };
        banner({ task: [task.title, setting].filter(Boolean).join(", "), ...facts });
        shown = progress({ title: setting ?? task.name, total: totalSteps, from: step });
      }
      const loss: Record<string, number> = losses.length > 0 ? { loss: losses[losses.length - 1] } : {};
      shown.update({ step, epoch, metrics: { ...loss, ...validationOf(rows) } });
    }
    const { run, outcome } = next.value;
    if (outcome.status === "finished") {
      shown?.done();
      return run;
    }
    shown?.stopped("interrupted");
    throw interrupted(`stopped at step ${outcome.step}, checkpoint saved; run the cell again to go on`);
  } finally {
    await training.return(undefined as never); // where showing failed: training stops and frees its tensors
  }
}

/** The newest validation metrics among rows: { "validation error": 0.3 }. */
function validationOf(rows: readonly Readonly<Record<string, unknown>>[]): Record<string, number> {
  const own = rows.filter(
    (row) => row.probe === "metrics" && row.split === "validation" && row.variant === "full",
  );
  return Object.fromEntries(own.map((row) => [`validation ${String(row.metric)}`, Number(row.value)]));
}

/** Runs listed at most. */
const LISTED = 200;

/** Where the runs of a page come from, one line each: trained when, on what, from which data. */
function provenance(runs: readonly FacetedRun[]): Markdown {
  const lines = runs.slice(0, LISTED).map(({ facets, run: { record } }) => {
    const { seed, timings, id } = record;
    return md`* **${facetsText(facets)}**, seed ${seed}: ${trainedOn(record, timings.training)} (run ${id})`;
  });
  if (runs.length > LISTED) lines.push(md`* and ${runs.length - LISTED} others`);
  return md`Runs on this page:\n\n${Markdown.joined(lines, "\n")}`;
}

/**
 * How long, on which machines and on what a run was trained: "76 steps (epoch 4) with wasm on CPU, 8.3 s, on CIFAR-10, ...".
 * @param seconds that it took; left out where they are not given
 */
export function trainedOn({ stretches, data, step, epoch }: RunRecord, seconds?: number): string {
  const time = seconds === undefined ? "" : `, ${duration(seconds)}`;
  const machines = stretches.map(({ backend, device, to }, i) => {
    const until = i < stretches.length - 1 ? ` to step ${to}` : "";
    return `${backend} on ${device}${until}`;
  });
  return `${step} steps (epoch ${epoch}) with ${machines.join(", then ")}${time}, on ${describeData(data)}`;
}
