import type { Plan } from "../sweep/plan.js";
import type { ProfileName } from "../tasks/task.js";

export function connectivityPlan(name: string, profile: ProfileName): Plan {
  return { name, profile, runs: [{ name: "trunk", task: "vgg" }] };
}
