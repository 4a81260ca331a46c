import type { Comparison } from "../compare.js";
import { checkAlignment } from "./alignment.js";
import { checkAgreement } from "./agreement.js";
import { checkInputs } from "./checks.js";
import type { AnalysedModel, AnalysisFile } from "./file.js";
import type { AnalysisInputs } from "./inputs.js";
import { checkSpectra } from "./spectra.js";
import { checkInterpolation } from "./interpolation.js";
import { checkMasks } from "./masks.js";
import { checkPermutation } from "./permutation.js";
import { checkPerturbation } from "./perturbation.js";
import { checkSpectralInterpolation } from "./spectral-interpolation.js";
import { checkStatistics } from "./statistics.js";

/** Compares one section of a model with what our functions give, on the backend that is started. */
type ModelSection = (model: AnalysedModel, inputs: AnalysisInputs) => Comparison | Promise<Comparison>;
/** Compares one section of the file. */
type FileSection = (file: AnalysisFile) => Comparison | Promise<Comparison>;

/** What checks each section of a model, by the section's name. One that is not here is reported as missing. */
export const MODEL_SECTIONS: Readonly<Record<string, ModelSection>> = {
  checks: checkInputs,
  statistics: checkStatistics,
  interpolation: checkInterpolation,
  spectralInterpolation: checkSpectralInterpolation,
  alignment: checkAlignment,
  masks: checkMasks,
  perturbation: checkPerturbation,
  permutation: checkPermutation,
  agreement: checkAgreement,
};

/** What checks each section that is about no model. */
export const FILE_SECTIONS: Readonly<Record<string, FileSection>> = {
  spectra: checkSpectra,
};
