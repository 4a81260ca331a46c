import { unknownName } from "../core/config.js";
import { agreement } from "./agreement.js";
import { barrier } from "./barrier.js";
import { distance } from "./distance.js";
import { stability } from "./stability.js";
import type { StudyKind } from "./study.js";
import { trajectory } from "./trajectory.js";

export { agreement, barrier, distance, stability, trajectory };

/** All kinds of study. */
export const STUDIES: readonly StudyKind[] = [agreement, barrier, distance, stability, trajectory];

/** The kind called `name`. @throws ConfigError with the nearest name if there is none */
export function studyNamed(name: string): StudyKind {
  const study = STUDIES.find(({ kind }) => kind === name);
  const names = STUDIES.map(({ kind }) => kind);
  if (!study) throw unknownName("study", name, names);
  return study;
}
