import * as aq from "arquero";
import type { RunReader } from "../store/stored-run.js";
import type { StudyReader } from "../store/study.js";
import { maskedMatrix } from "./figure10.js";
import { shownMatrix, shownOf } from "./shown.js";

/**
 * Which arrays of a run figures and claims read, beside its rows: at every moment the singular values of the matrix and the alignment
 * of the contact that figures show in detail, and at its first and last one the singular values of every matrix (universality).
 * @example exportRun(run, folder, { arrays: arraysRead(run) })
 */
export function arraysRead(run: RunReader): (name: string, step: number) => boolean {
  const { matrix, contact } = shownOf(run);
  const steps = run.steps();
  const ends = [steps[0], steps[steps.length - 1]];
  return (name, step) =>
    name === `alignment/${contact}` ||
    name === `singular-values/${matrix}` ||
    (name.startsWith("singular-values/") && ends.includes(step));
}

/**
 * Which arrays of a study figures and claims read, beside its rows: of stability the agreement of every matrix (figure 9's claim), of
 * others that of the matrices that a task's figures and figure 10 show.
 */
export function studyArraysRead(study: StudyReader): (name: string) => boolean {
  if (study.record.kind === "stability") return (name) => name.startsWith("agreement/");
  const rows = study.rows().filter(({ matrix }) => typeof matrix === "string");
  const matrices = rows.map(({ matrix }) => String(matrix));
  const depths = rows.map(({ depth }) => Number(depth));
  const { name: shown } = shownMatrix(study.record.inputs[0].task, [...new Set(matrices)]);
  const kept = [shown, maskedMatrix(aq.table({ matrix: matrices, depth: depths }))];
  return (name) => kept.some((one) => name === `agreement/${one}` || name === `agreement-matrix/${one}`);
}
