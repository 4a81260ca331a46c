import { resolve } from "node:path";
import { startBackend } from "../backend/start.js";
import { unknownName } from "../core/config.js";
import { ConfigError } from "../core/errors.js";
import { printable } from "../core/printable.js";
import { allPlans, amongPlans, frugal, PAPER_FIGURES, PLANS } from "../paper/index.js";
import { dryRun } from "../sweep/dry-run.js";
import { expand } from "../sweep/expand.js";
import { joined, type Plan } from "../sweep/plan.js";
import { processes } from "../sweep/processes.js";
import { resolverOf } from "../sweep/resolve.js";
import { schedule } from "../sweep/schedule.js";
import { type SlurmMember, submit } from "../sweep/slurm.js";
import { begunPlans, loadPlan, sweepFolder, writePlan } from "../sweep/sweep-folder.js";
import { dryRunSummary, dryRunText, progressText } from "../sweep/text.js";
import { PROFILES, type ProfileName } from "../tasks/task.js";
import { type Given, UsageError } from "./command.js";
import { report } from "./data.js";
import type { sweep } from "./declarations.js";
import type { Stop } from "./stop.js";

type Values = Given<typeof sweep>["values"];

/** Carries out a plan, or says what that would take. */
export async function run({ values, positionals }: Given<typeof sweep>, stop: Stop): Promise<number> {
  const plan = planOf(positionals, profileOf(values));
  const log = values.json ? (): void => undefined : (line: string): void => console.log(line);
  const profile = plan.profile ?? "quick";
  const members = expand(plan);
  await startBackend({ backend: "js" }); // for the shapes of networks: nothing is computed here
  const runs = values.runs === undefined ? undefined : resolve(values.runs);
  const studies = values.studies === undefined ? undefined : resolve(values.studies);
  const begun = begunPlans().filter(({ name }) => name !== plan.name);
  const others = [...allPlans(profile), ...begun];
  const folders = { runs, studies, others, signal: stop.signal, data: { onProgress: report } };
  if (values["dry-run"]) {
    const planned = await dryRun(await resolverOf(members, { ...folders, outline: true }));
    log(dryRunText(planned, profile));
    if (values.json) console.log(JSON.stringify({ sweep: plan.name, ...dryRunSummary(planned, profile) }));
    return 0;
  }
  if (values.engine !== "local" && values.engine !== "slurm")
    throw new UsageError(`--engine: expected local or slurm, found "${values.engine}"`);
  if (values.slurm !== undefined && values.engine !== "slurm")
    throw new UsageError("--slurm: expected --engine slurm with it");
  const jobs = jobsOf(values.jobs);
  const folder = sweepFolder(plan);
  writePlan(folder, plan);
  const resolver = await resolverOf(members, folders);
  const common = { backend: values.backend, svd: values.svd };
  log(
    `${plan.title ?? plan.name}: ${resolver.members.length} members, profile ${profile}; logs in ${folder}`,
  );
  if (values.engine === "slurm") {
    const given = values.slurm?.split(/\s+/).filter((word) => word !== "");
    const members = await submit(resolver, folder, { ...common, options: given, jobs });
    for (const one of members) log(slurmText(one));
    console.log(JSON.stringify({ sweep: plan.name, ...countsOf(members.map(({ what }) => what)), folder }));
    return members.some(({ what }) => what === "failed") ? 1 : 0;
  }
  const options = { jobs, signal: stop.signal };
  const carrying = schedule(resolver, processes(resolver, folder, common), options);
  let next = await carrying.next();
  for (; !next.done; next = await carrying.next()) log(progressText(next.value));
  const results = next.value;
  for (const { member, ending, why } of results)
    if (ending === "failed" || ending === "waiting") console.error(`${member.name}: ${ending}: ${why}`);
  console.log(JSON.stringify({ sweep: plan.name, ...countsOf(results.map(({ ending }) => ending)), folder }));
  if (stop.signal.aborted) return stop.status;
  return results.every(({ ending }) => ending === "finished" || ending === "reused") ? 0 : 1;
}

/** How often each word comes. */
function countsOf(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}

/** "branch/seed=0: queued (12_3 RUNNING)", "trunk/seed=0: submitted (14_0), after 12_0 OUT_OF_MEMORY" */
function slurmText({ member, what, job, why, ended }: SlurmMember): string {
  const words = what === "elsewhere" ? "another process works on it" : what;
  const task = job === undefined ? "" : ` (${job})`;
  const before = ended === undefined ? "" : `, after ${ended}`;
  return `${member.name}: ${words}${task}${before}${why === undefined ? "" : `: ${why}`}`;
}

function profileOf({ profile }: Values): ProfileName | undefined {
  if (profile === undefined || (PROFILES as readonly string[]).includes(profile))
    return profile as ProfileName | undefined;
  throw unknownName("profile", printable(profile, 100), PROFILES);
}

function jobsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new UsageError(`--jobs: expected a number >= 1, found "${text}"`);
  return Number(text);
}

/**
 * The plan of files and figures; several are joined. "figures" are all that have one.
 * @throws ConfigError, DataError, StoreError
 */
function planOf(names: readonly string[], profile: ProfileName | undefined): Plan {
  const plans = names.flatMap((name) =>
    name === "figures" ? figurePlans(profile) : [plansNamed(name, profile)],
  );
  return joined(plans);
}

function plansNamed(name: string, profile: ProfileName | undefined): Plan {
  if (name.includes("/") || name.includes(".")) {
    const plan = loadPlan(name);
    return profile === undefined ? plan : { ...plan, profile };
  }
  if (Object.hasOwn(PLANS, name)) return frugal(amongPlans(PLANS[name](profile ?? "quick")));
  const known = Object.keys(PLANS);
  const found = printable(name, 200);
  throw new ConfigError(
    `expected a plan's file (its name has a "/" or a ".") or a plan of the paper's (${known.join(", ")}), ` +
      `found "${found}"`,
  );
}

function figurePlans(profile: ProfileName = "quick"): Plan[] {
  const plans = PAPER_FIGURES.flatMap((figure) => (figure.plan ? frugal(figure.plan(profile)) : []));
  if (plans.length === 0) throw new ConfigError("figures: expected figures that have a plan, found none");
  return plans;
}
