/**
 * What notebooks import: `import { reproduce, modularAddition, present, drawFigure2 } from "spectral-lab"`. Every module
 * can also be imported by its own path, such as "spectral-lab/linalg/spectrum".
 */
export * from "./lab/index.js";

export * from "./paper/index.js";
export * from "./paper/chance.js";
export type { Claim, Verdict } from "./paper/claim.js";
export { PAPER_TASKS } from "./paper/details.js";
export {
  allDetails,
  changedFrom,
  type DetailRow,
  detailsTable,
  experimentalDetails,
  type Standing,
  standings,
} from "./paper/experimental-details.js";
export { type GridRow, gridsTable, planDetails } from "./paper/plan-details.js";
export { drawSchedules } from "./paper/schedules.js";
export { rankFalls } from "./paper/claims/figure3.js";
export { FOUR_TASKS } from "./paper/columns.js";
export { dynamicsOf, type DynamicsChoice } from "./paper/dynamics.js";
export type { Drawn, PaperFigure } from "./paper/figure.js";
export { shownOf, type Shown } from "./paper/shown.js";
export { PAPER_SEEDS, storedRuns } from "./paper/stored.js";
export { storedPlan, type StoredPlan } from "./paper/stored-plan.js";

export * from "./tasks/index.js";
export type { Choice, ProfileName, Profile, Task } from "./tasks/task.js";
export { configOf, PROFILES } from "./tasks/task.js";
export { runPlan, type PlanOptions, type PlanResult } from "./sweep/inline.js";
export { readPlan, type Plan, type RunGroup, type StudyGroup } from "./sweep/plan.js";
export type { MemberResult, SweepProgress } from "./sweep/schedule.js";
export { runTask, type RunProgress, type RunRequest } from "./tasks/run.js";

export { facetsText, where, type Facet, type Facets } from "./core/facets.js";
export * from "./analysis/tables.js";
export * from "./analysis/summaries.js";
export * from "./analysis/index.js";
export { spectraOf, type CheckpointSpectra, type SpectraOptions } from "./analysis/checkpoint-spectra.js";
export { editedInput, studyInput } from "./analysis/input.js";
export { runAtStep, type RunAtStep } from "./store/run-at-step.js";
export { runStudy, type StudyProgress, type StudyRequest } from "./analysis/study.js";
export { studyTable } from "./analysis/study-table.js";
export { barrierOf, type Barrier } from "./analysis/barrier-of.js";
export { barriersTable } from "./analysis/barriers-table.js";
export { distancesTable } from "./analysis/distance.js";
export { pairsTable, wholePairs } from "./analysis/pairs.js";
export { predictBarrier, type PredictionOptions } from "./analysis/predict-barrier.js";
export * from "./analysis/rank-correlation.js";
export * from "./analysis/faceted-study.js";
export { findStudies, type StudyReader } from "./store/study.js";
export type { RunReader } from "./store/stored-run.js";
export { findRuns } from "./store/find-runs.js";
export { openSafetensors, readSafetensors, writeSafetensors } from "./store/safetensors.js";

export { startBackend } from "./backend/start.js";
export { SvdPool } from "./linalg/pool.js";
export { svdSync } from "./linalg/engine.js";
export type { Matrix, Svd, SvdOptions } from "./linalg/svd.js";
export * from "./linalg/spectrum.js";
export * from "./linalg/agreement.js";
export * from "./linalg/marchenko-pastur.js";
export * from "./linalg/power-law.js";
export * from "./linalg/alignment.js";
export { gaussianMatrix, withSpikes } from "./linalg/random-matrix.js";
export { randomStream, type Random } from "./core/random.js";
export { matrixOf } from "./nn/views.js";
export { permuteUnits, type Permutations } from "./nn/units.js";
export { weightMatching, type Matching } from "./nn/weight-matching.js";
export { parseEdit, printEdit, type Edit } from "./train/edits/edit.js";
export { pruningRounds, type PruningRound } from "./train/edits/rounds.js";
export * from "./figures/index.js";
