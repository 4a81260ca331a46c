import type { FacetedRun } from "../analysis/tables.js";
import { unknownName } from "../core/config.js";
import { ConfigError } from "../core/errors.js";
import { facetsText } from "../core/facets.js";
import { facetedBy, PAPER_SEEDS, requestsOf, type RunChoice, storedRun } from "../paper/stored.js";
import { resultsFolder, runsFolder } from "../store/paths.js";
import type { RunReader } from "../store/stored-run.js";
import { runTask, type RunRequest, withData } from "../tasks/run.js";
import { type ProfileName, PROFILES, type Task } from "../tasks/task.js";
import { interruptSignal } from "./interrupt.js";
import { banner, markdown } from "./markdown.js";
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

/**
 * The finished runs of a task, or of several, in some settings and seeds: read where they are stored (trained here, or results that came
 * with the repository), trained where not. Says first what runs, on what, and for how many steps; follows each training
 * in one line. Interrupted, it keeps what is done, and goes on when it is called again.
 * @throws ConfigError for an unknown profile, setting or field; what `runTask` throws
 */
export async function reproduce(
  task: Task | readonly Task[],
  options: Reproduction = {},
): Promise<FacetedRun[]> {
  const { runs = runsFolder(), retrain = process.env.SPECTRAL_RETRAIN === "1" } = options;
  const profile = options.profile ?? profileFromEnvironment();
  const tasks: readonly Task[] = [task].flat();
  const settings = options.settings ?? (Array.isArray(task) ? [] : undefined);
  const requests = tasks.flatMap((one) => requestsOf(one, { ...options, profile, settings, runs }));
  if (requests.length === 0) throw new ConfigError("reproduce: expected at least one task and one seed");
  const roots = retrain ? [runs] : [runs, resultsFolder()];
  const found: FacetedRun[] = [];
  for (const request of requests) {
    const run = storedRun(roots, request) ?? (await standInOrTrained(roots, request));
    const set = run.record.config.standIn === true ? { ...request.set, standIn: true } : request.set;
    const others = options.seeds ? [] : PAPER_SEEDS.filter((seed) => seed !== request.seed);
    const stored = others.map((seed) => storedRun(roots, { ...request, set, seed }));
    found.push(...[run, ...stored].flatMap((one) => (one ? [facetedBy(request, one)] : [])));
  }
  markdown(provenance(found));
  return found;
}

async function standInOrTrained(roots: readonly string[], asked: RunRequest): Promise<RunReader> {
  const request = await withData(asked);
  return (request === asked ? undefined : storedRun(roots, request)) ?? (await trainShown(request));
}

/** Trains one run with its progress as output of the cell. */
async function trainShown(request: RunRequest): Promise<RunReader> {
  const { task, profile = "quick", setting } = request;
  const training = runTask({ ...request, signal: interruptSignal() });
  let shown: Progress | undefined;
  let next = await training.next();
  for (; !next.done; next = await training.next()) {
    const { step, totalSteps, epoch, losses, rows, backend, data } = next.value;
    if (!shown) {
      const facts = { profile, backend: backend.description, data: data.name, steps: totalSteps, from: step };
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
  const error = new Error(`stopped at step ${outcome.step}, checkpoint saved; run the cell again to go on`);
  error.name = "Interrupted";
  throw error;
}

/** The newest validation metrics among rows: { "validation error": 0.3 }. */
function validationOf(rows: readonly Readonly<Record<string, unknown>>[]): Record<string, number> {
  const own = rows.filter(
    (row) => row.probe === "metrics" && row.split === "validation" && row.variant === "full",
  );
  return Object.fromEntries(own.map((row) => [`validation ${String(row.metric)}`, Number(row.value)]));
}

/** Where the runs of a page come from, one line each: trained when, on what, from which data. */
function provenance(runs: readonly FacetedRun[]): string {
  const lines = runs.map(({ facets, run: { record } }) => {
    const { backend, device, earlier = [], data, step, epoch, seed, timings, id } = record;
    const time = timings.training === undefined ? "" : `, ${Math.round(timings.training)} s`;
    const on = data ? `, on ${data.name}` : "";
    const stretches = earlier
      .map((one) => `${one.backend} on ${one.device} to step ${one.until}, then `)
      .join("");
    const machine = `${stretches}${backend} on ${device}`;
    return `* **${facetsText(facets)}**, seed ${seed}: ${step} steps (epoch ${epoch}) with ${machine}${time}${on} (run ${id})`;
  });
  return `Runs on this page:\n\n${lines.join("\n")}`;
}
