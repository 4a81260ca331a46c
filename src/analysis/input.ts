import { ConfigError } from "../core/errors.js";
import type { Model } from "../nn/model.js";
import { resultsFolder, runsFolder } from "../store/paths.js";
import { type RunAtStep, runAtStep, type RunsFolders } from "../store/run-at-step.js";
import { readBy, resolved } from "../tasks/edited.js";
import { applyEdit, type Edit, normsReadBy, parseEdit, printEdit } from "../train/edits/edit.js";
import { modelOf } from "./model.js";

/**
 * Reads RUN@STEP, or RUN@STEP+EDIT for the weights of a run after an edit: what studies compare.
 *
 * An edit that reads the trunk's weights when a branch is trained reads the run's own here: "magnitude:0.05" ranks by the run's end,
 * "magnitude:0.05@1760" by its step 1760. Random masks and new weights are drawn as for a branch with the run's order of examples, or
 * from the edit's own "#SEED". Running statistics stay the run's (of permuted units in their new order); studies that evaluate recompute them.
 * @param roots where runs are looked for, the edit's too
 * @throws ConfigError if the text is not of that form; StoreError as runAtStep; as openExperiment if there is an edit
 * @example await studyInput("320342d6aa20@end+magnitude:0.05")
 */
export async function studyInput(
  text: string,
  roots: RunsFolders = [runsFolder(), resultsFolder()],
): Promise<RunAtStep> {
  const [, plain, edit] = /^(.+?@(?:\d+|end))\+(.*)$/s.exec(text) ?? [undefined, text, undefined];
  const input = runAtStep(plain, roots);
  if (edit === undefined) return input;
  const parsed = parseEdit(edit); // before its model is made
  return editedInput(input, parsed, await modelOf(input.run.record), roots);
}

/**
 * The weights of a run after an edit, which is made when they are read.
 * @param model the run's
 * @throws ConfigError for an edit of training alone; StoreError if the weights that the edit reads besides are not kept
 */
export function editedInput(
  input: RunAtStep,
  edit: Edit,
  model: Model<unknown>,
  roots: RunsFolders = [runsFolder(), resultsFolder()],
): RunAtStep {
  const { run, step } = input;
  if (normsReadBy(edit) !== undefined) {
    throw new ConfigError(
      `edit "${printEdit(edit)}" holds while a branch trains: expected another of a network at one step, such as rescale:RUN@STEP`,
    );
  }
  const { seed, order = seed } = run.record;
  const exact = resolved(edit, run, roots);
  const other = readBy(exact, run, roots); // now: what is missing is said before anything is computed
  return {
    run,
    step,
    edit: printEdit(exact),
    weights: () =>
      applyEdit(exact, { model, weights: input.weights(), seed: order, other: other?.weights() }).weights,
  };
}
