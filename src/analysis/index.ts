import { unknownName } from "../core/config.js";
import { agreement } from "./agreement.js";
import { distance } from "./distance.js";
import type { StudyKind } from "./study.js";

export { agreement, distance };

/** All kinds of study. */
export const STUDIES: readonly StudyKind[] = [agreement, distance];

/** The kind called `name`. @throws ConfigError with the nearest name if there is none */
export function studyNamed(name: string): StudyKind {
  const study = STUDIES.find(({ kind }) => kind === name);
  const names = STUDIES.map(({ kind }) => kind);
  if (!study) throw unknownName("study", name, names);
  return study;
}
