import { ConfigError } from "../core/errors.js";
import { facetsText } from "../core/facets.js";
import { printable } from "../core/printable.js";
import type { PaperFigure } from "../paper/figure.js";
import { allPlans, amongPlans, frugal } from "../paper/index.js";
import { type StoredChoice, storedPlan, type StoredPlan, storedProfile } from "../paper/stored-plan.js";
import { resultsFolder } from "../store/paths.js";
import { expand, type Member, type Plan, runPlan } from "../sweep/index.js";
import type { RunProgress } from "../tasks/run.js";
import type { ProfileName } from "../tasks/task.js";
import { interrupted, interruptSignal } from "./interrupt.js";
import { Markdown, md } from "./markdown-text.js";
import { markdown } from "./markdown.js";
import { progress, type Progress } from "./progress.js";
import { planProvenance } from "./plan-provenance.js";
import { profileFromEnvironment, retrainAsked } from "./reproduce.js";

/** What a page draws from: the runs and studies of a plan, and the runs of it that diverged. */
export type PlanParts = Pick<StoredPlan, "runs" | "studies" | "diverged">;

/** How a plan is reproduced. */
export interface PlanReproduction extends StoredChoice {
  /** Carry out even what the repository has results of. Default: whether SPECTRAL_RETRAIN is 1. */
  readonly retrain?: boolean;
  /** A backend's name; default the best one. */
  readonly backend?: string;
}

/**
 * The profile in which a page shows a figure, or another plan: the one that SPECTRAL_PROFILE names; else, unless
 * SPECTRAL_RETRAIN is 1, the largest of which all results are stored, here or in the repository; else "quick".
 * @throws ConfigError if SPECTRAL_PROFILE names no profile, or the figure has no plan: `reproduce` makes its runs
 * @example const profile = shownProfile(decayArmsPlan);
 */
export function shownProfile(
  shown: PaperFigure | ((profile: ProfileName) => Plan),
  { retrain = retrainAsked(), backend: _, ...choice }: PlanReproduction = {},
): ProfileName {
  if (process.env.SPECTRAL_PROFILE || retrain) return profileFromEnvironment();
  return storedProfile(typeof shown === "function" ? shown : planOf(shown), choice) ?? "quick";
}

function planOf({ number, plan }: PaperFigure): (profile: ProfileName) => Plan {
  if (!plan) throw new ConfigError(`figure ${number}: expected a figure with a plan, found one without`);
  return plan;
}

/**
 * The runs and studies of a figure's plan, in the profile that is given, else that of `shownProfile`. As `reproducePlan`.
 * @throws ConfigError if the figure has no plan: `reproduce` makes its runs
 * @example const { runs, studies } = await reproduceFigure(figure11, { profile: "quick" });
 */
export async function reproduceFigure(
  figure: PaperFigure,
  { profile, ...options }: PlanReproduction & { profile?: ProfileName } = {},
): Promise<PlanParts> {
  return reproducePlan(planOf(figure)(profile ?? shownProfile(figure, options)), options);
}

/**
 * The runs and studies of a plan: as they are stored, where results of it came with the repository; else its members are
 * trained and computed here, one after the other, those that are finished already left as they are. Says first what is
 * stored and what is missing, at last what failed and why. Interrupted, it keeps what is done, and goes on when it is called
 * again.
 * @throws ConfigError, BackendError, DataError
 */
export async function reproducePlan(plan: Plan, options: PlanReproduction = {}): Promise<PlanParts> {
  const { retrain = retrainAsked(), backend, ...folders } = options;
  const stored = storedPlan(plan, { ...folders, results: !retrain });
  if (stored.missing.length === 0 || foldersOf(stored).some(isCommitted)) return shown(plan, stored);
  const others = allPlans(plan.profile ?? "quick");
  await carryOut(frugal(amongPlans(plan)), { ...folders, others, backend });
  return shown(plan, storedPlan(plan, { ...folders, results: false }));
}

function foldersOf({ runs, studies }: Pick<PlanParts, "runs" | "studies">): string[] {
  return [...runs.map(({ run }) => run.folder), ...studies.map(({ study }) => study.folder)];
}

function isCommitted(folder: string): boolean {
  return folder.startsWith(resultsFolder());
}

/** Carries out a plan in this process, with its progress as output of the cell. @throws Error if it is interrupted */
async function carryOut(
  plan: Plan,
  options: Omit<PlanReproduction, "retrain" | "onLeftOut"> & { readonly others: readonly Plan[] },
): Promise<void> {
  const { name, title = name } = plan;
  const total = expand(plan).length;
  const bar: Progress = progress({ title, total, unit: "members" });
  const failures: Markdown[] = [];
  let done = 0;
  const onTraining = (_: Member, { losses }: RunProgress): void => {
    bar.update({ step: done, metrics: { loss: losses.at(-1) } });
  };
  const carrying = runPlan(plan, { ...options, signal: interruptSignal(), onTraining });
  let stopped = false;
  for await (const { what, member, why, ...progressed } of carrying) {
    done = progressed.done;
    bar.update({ step: done });
    stopped ||= what === "stopped";
    if (why !== undefined) failures.push(md`* **${member.name}**: ${why}`);
  }
  if (stopped) {
    bar.stopped("interrupted");
    throw interrupted(`${printable(name)}: stopped, what is done is kept; run the cell again to go on`);
  }
  bar.done();
  if (failures.length > 0) markdown(md`Not carried out:\n\n${Markdown.joined(failures, "\n")}`);
}

/** Says what of a plan is on the page. */
function shown(plan: Plan, { runs, studies, diverged, missing }: StoredPlan): PlanParts {
  const total = runs.length + studies.length + diverged.length + missing.length;
  if (missing.length > 0) {
    const command = `spectral sweep ${plan.name} --profile ${plan.profile ?? "quick"}`;
    markdown(
      md`**${total - missing.length} of ${total} members of this plan are stored.** The others are not on this page; \`${command}\` makes them, SPECTRAL_RETRAIN=1 does so here.`,
    );
  }
  if (runs.length > 0) markdown(planProvenance(plan, runs));
  if (diverged.length > 0) {
    const lines = diverged.map(({ facets, run: { record } }) => {
      return md`* **${facetsText(facets)}**, seed ${record.seed}: at step ${record.diverged ?? 0} (run ${record.id})`;
    });
    markdown(md`Diverged:\n\n${Markdown.joined(lines, "\n")}`);
  }
  return { runs, studies, diverged };
}
