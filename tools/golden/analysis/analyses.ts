import type { Difference } from "../compare.js";
import { type AnalysedModel, ANALYSED, type AnalysisFile } from "./file.js";
import { analysisInputs } from "./inputs.js";
import { FILE_SECTIONS, MODEL_SECTIONS } from "./sections.js";

/** What a file says of itself, and what another section checks. */
const NO_SECTIONS = ["seed", "torch", "numpy", "scipy", "alphas", "hiddenMatrices"];

/**
 * Checks every section of a file; inputs before all that is made of them.
 * @param report prints differences, and says whether all agree
 * @param missing prints that what a file holds is checked by nothing
 * @returns whether all of the file was checked and agrees
 */
export async function checkAnalyses(
  file: AnalysisFile,
  report: (name: string, differences: readonly Difference[]) => boolean,
  missing: (name: string, why: string) => void,
): Promise<boolean> {
  let good = true;
  for (const name of ANALYSED) {
    if (!(name in file)) continue;
    const expected = file[name] as AnalysedModel;
    const inputs = analysisInputs(name, file.seed);
    for (const section of sectionsOf(expected)) {
      const check = MODEL_SECTIONS[section];
      if (!check) missing(`${name} ${section}`, "nothing checks this section");
      good =
        check !== undefined &&
        report(`${name} ${section}`, (await check(expected, inputs)).differences()) &&
        good;
    }
  }
  for (const section of sectionsOf(file)) {
    if ((ANALYSED as readonly string[]).includes(section)) continue;
    const check = FILE_SECTIONS[section];
    if (!check) missing(section, "nothing checks this section");
    good = check !== undefined && report(section, (await check(file)).differences()) && good;
  }
  return good;
}

function sectionsOf(content: object): string[] {
  const names = Object.keys(content).filter((name) => !NO_SECTIONS.includes(name));
  return names.sort((a, b) => Number(b === "checks") - Number(a === "checks"));
}
