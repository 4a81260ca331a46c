import { dirname } from "node:path";
import type { NamedArrays } from "../core/array.js";
import { type RunAtStep, runAtStep, type RunsFolders } from "../store/run-at-step.js";
import { hiddenMatrices } from "../nn/views.js";
import type { RunReader } from "../store/stored-run.js";
import {
  applyEdit,
  type Edit,
  type EditContext,
  normsReadBy,
  parseEdit,
  readingFrom,
  weightsReadBy,
} from "../train/edits/edit.js";
import { namedBeside } from "./held.js";

/**
 * What an edit of a run's weights reads besides them: the run itself at another step, or another run of its task, which is looked for in
 * `roots` and beside the run. undefined for an edit that reads nothing else.
 * @throws StoreError as runAtStep
 */
export function readBy(edit: Edit, { folder, record }: RunReader, roots: RunsFolders): RunAtStep | undefined {
  const from = weightsReadBy(edit);
  if (!from) return undefined;
  if (from.run === undefined) return runAtStep(`${folder}@${from.step}`, []);
  const name = from.run.includes("/") ? from.run : `${record.task}/${from.run}`;
  return runAtStep(`${name}@${from.step}`, [...new Set([...roots, dirname(dirname(folder))])]);
}

/**
 * The same edit with the run that it names under its whole id, so that it is one edit however the run was named.
 * @throws StoreError as runAtStep
 */
export function resolved(edit: Edit, run: RunReader, roots: RunsFolders): Edit {
  const named = weightsReadBy(edit)?.run ?? normsReadBy(edit);
  if (named === undefined || /^[0-9a-f]{12}$/.test(named)) return edit;
  const { record } = readBy(edit, run, roots)?.run ?? namedBeside(named, run, roots);
  return readingFrom(edit, record.id);
}

/**
 * The masks that a run was trained under, made again from what it came from; undefined if none. So a branch of a lottery ticket stays one.
 * @throws StoreError if the run that it came from is gone and may be needed: some weights are exactly 0
 */
export function masksOf(
  { run, weights: read }: RunAtStep,
  model: EditContext["model"],
  roots: RunsFolders,
): NamedArrays | undefined {
  const { task, seed, order = seed, origin } = run.record;
  if (!origin) return undefined;
  const own = read();
  if (!hiddenMatrices(model).some(({ parameter }) => own.get(parameter)!.data.includes(0 as never))) return undefined; // prettier-ignore
  const edit = origin.edit === undefined ? undefined : parseEdit(origin.edit);
  const beside = [...new Set([...roots, dirname(dirname(run.folder))])];
  const trunk = runAtStep(`${task}/${origin.run}@${origin.step}`, beside);
  const before = masksOf(trunk, model, roots);
  if (!edit || "norms" in edit || !("mask" in edit || before)) return before;
  const other = readBy(edit, trunk.run, roots)?.weights();
  const { masks, alongside } = applyEdit(edit, { model, weights: trunk.weights(), seed: order, other });
  return masks ?? (alongside && before ? alongside(before) : before);
}
