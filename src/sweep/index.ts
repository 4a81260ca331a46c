export { expand, type Member, type RunMember, type StudyMember } from "./expand.js";
export { type PlanOptions, type PlanResult, runPlan } from "./inline.js";
export { type BranchPoint, type Plan, readPlan, type RunGroup, type StudyGroup } from "./plan.js";
export type { Ending, MemberResult, SweepProgress } from "./schedule.js";
export { loadPlan } from "./sweep-folder.js";
