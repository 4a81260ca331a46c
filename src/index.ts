/**
 * What notebooks import: `import { reproduce, modularAddition, present, drawFigure2 } from "spectral-lab"`. Every module
 * can also be imported by its own path, such as "spectral-lab/linalg/spectrum".
 */
export * from "./lab/index.js";
export { drawFigure1 } from "./lab/figure1.js";
export { drawFigure2 } from "./lab/figure2.js";
export { drawFigure3 } from "./lab/figure3.js";
export { drawFigure4 } from "./lab/figure4.js";
export { drawFigure5 } from "./lab/figure5.js";
export { drawFigure8 } from "./lab/figure8.js";
export { FOUR_TASKS } from "./lab/experiments.js";
export { drawSamples, showSamples, type SamplesChoice } from "./lab/samples.js";
export { shownOf, type Shown } from "./lab/shown.js";
export { dynamicsOf, type DynamicsChoice } from "./lab/dynamics.js";
export { type Drawn, present } from "./lab/drawn.js";
export { PAPER_FIGURES, paperFigure, storedRuns, type PaperFigure } from "./lab/paper-figures.js";
export { profileFromEnvironment, reproduce, type Reproduction } from "./lab/reproduce.js";

export * from "./tasks/index.js";
export type { Choice, ProfileName, Profile, Task } from "./tasks/task.js";
export { configOf, PROFILES } from "./tasks/task.js";
export { runTask, type RunProgress, type RunRequest } from "./tasks/run.js";

export * from "./analysis/tables.js";
export * from "./analysis/summaries.js";
export * from "./analysis/index.js";
export { runAtStep, type RunAtStep } from "./store/run-at-step.js";
export { runStudy, type StudyProgress, type StudyRequest } from "./analysis/study.js";
export { studyTable } from "./analysis/study-table.js";
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
export * from "./linalg/alignment.js";
export { gaussianMatrix, withSpikes } from "./linalg/random-matrix.js";
export { randomStream, type Random } from "./core/random.js";
export { matrixOf } from "./nn/views.js";
export * from "./figures/index.js";
