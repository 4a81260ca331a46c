import { dirname } from "node:path";
import { StoreError } from "../core/errors.js";
import { commandToMeasure } from "../store/remake.js";
import type { HeldNorms } from "../store/record.js";
import { runNamed, type RunsFolders } from "../store/run-at-step.js";
import type { RunReader } from "../store/stored-run.js";
import { type Edit, normsReadBy } from "../train/edits/edit.js";
import type { Experiment } from "../train/experiment.js";
import { clockOf } from "../train/loop.js";
import { hashOfCourse, type NormCourse, normCourse } from "../train/norm-course.js";

/** Another run of a run's task, under its name there, looked for in `roots` and beside it. @throws StoreError as runNamed */
export function namedBeside(name: string, { folder, record }: RunReader, roots: RunsFolders): RunReader {
  const whole = name.includes("/") ? name : `${record.task}/${name}`;
  return runNamed(whole, [...new Set([...roots, dirname(dirname(folder))])]);
}

/**
 * The norms that a branch is held at: those that its edit reads, else those that its trunk was held at; undefined if none. So
 * a branch of a run that is held stays held.
 * @param begun what the branch's record says, if it was begun: it stays with those steps which were measured then
 * @throws StoreError if the norms do not reach from the branch's start to its end, or are others than those it was begun with
 */
export function normsHeld(
  { run: trunk, step, edit }: { readonly run: RunReader; readonly step: number; readonly edit?: Edit },
  experiment: Experiment,
  { roots, begun }: { readonly roots: RunsFolders; readonly begun?: HeldNorms },
): NormCourse | undefined {
  const named = edit && normsReadBy(edit);
  const before = named === undefined ? (begun ?? trunk.record.norms) : begun;
  const name = named ?? before?.run;
  if (name === undefined) return undefined;
  const { record, folder, rows } = namedBeside(name, trunk, roots);
  const course = normCourse(record.id, rows(), experiment.model, before?.steps);
  const end = clockOf(experiment).totalSteps;
  const [first, last] = [course.steps[0], course.steps.at(-1)];
  if (first === undefined || last === undefined || first > step || last < end) {
    const found = last === undefined ? "none" : `those of ${first} .. ${last}`;
    const measure = `measure them with: ${commandToMeasure(record, "spectra")}`;
    throw new StoreError(
      `${folder}: norms: expected those of steps ${step} .. ${end}, found ${found}; ${measure}`,
    );
  }
  if (before && before.hash !== hashOfCourse(course)) {
    throw new StoreError(
      `${folder}: norms: expected those that this branch was begun with, found others: this run was trained anew since; ` +
        "train the branch anew too: --retrain",
    );
  }
  return course;
}

/** What a branch's record says of the norms that it is held at. */
export function recordOfHeld(course: NormCourse): HeldNorms {
  return { run: course.run, steps: course.steps, hash: hashOfCourse(course) };
}
