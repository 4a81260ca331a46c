import { largest } from "../core/extent.js";
import { groupBy } from "../core/group-by.js";
import { canonicalJson } from "../core/hash.js";
import { expand, type RunMember } from "./expand.js";
import type { Plan, RunGroup } from "./plan.js";
import { taskNamed } from "../tasks/index.js";
import { configOf, trainingFields } from "../tasks/task.js";

/**
 * A plan whose trunks keep what other plans read of the same runs too. A run that is finished keeps what it was asked for
 * and nothing else: carried out after another plan, one that shares its trunks would find them lacking.
 * @param others plans of which runs are shared; the plan itself may be among them
 * @throws ConfigError as expand
 */
export function keepingForOthers(plan: Plan, others: readonly Plan[]): Plan {
  const asked = groupBy(others.flatMap(trunksOf), runOf);
  const own = trunksOf(plan);
  const runs = plan.runs.map((group): RunGroup => {
    const same = own
      .filter(({ facets }) => facets.group === group.name)
      .flatMap((member) => asked.get(runOf(member)) ?? []);
    if (same.length === 0) return group;
    const keep = [...new Set([...(group.keep ?? []), ...same.flatMap((member) => member.keep)])];
    const vectors = largest([group.vectors ?? 0, ...same.map((member) => member.vectors ?? 0)]);
    return { ...group, ...(keep.length > 0 && { keep }), ...(vectors > 0 && { vectors }) };
  });
  return { ...plan, runs };
}

function trunksOf(plan: Plan): RunMember[] {
  return expand(plan).filter((member): member is RunMember => member.what === "run" && !member.from);
}

/** Equal for members that ask for one run, however they say it: a field that is set to its default names no other. */
function runOf({ task: name, profile, setting, set, seed = 0, order = seed }: RunMember): string {
  const task = taskNamed(name);
  const training = trainingFields(task, configOf(task, { profile, setting, set }));
  return canonicalJson({ task: name, training, seed, order });
}
