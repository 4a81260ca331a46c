import * as fs from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGE = "spectral-lab";

/**
 * The folder of this package: the nearest one above this file, else above the working folder (when bundled into one
 * file elsewhere), that has our package.json; else the working folder itself.
 */
export function projectRoot(): string {
  const here = import.meta.url?.startsWith("file:") ? dirname(fileURLToPath(import.meta.url)) : process.cwd();
  return packageFolder(here) ?? packageFolder(process.cwd()) ?? process.cwd();
}

/** Where runs live: SPECTRAL_RUNS if set, else data/runs of the project. Not committed. */
export function runsFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return environment.SPECTRAL_RUNS ? resolve(environment.SPECTRAL_RUNS) : join(projectRoot(), "data", "runs");
}

/** Where studies live: SPECTRAL_STUDIES if set, else data/studies of the project. Not committed. */
export function studiesFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const { SPECTRAL_STUDIES } = environment;
  return SPECTRAL_STUDIES ? resolve(SPECTRAL_STUDIES) : join(projectRoot(), "data", "studies");
}

/** Where sweeps keep their plans and logs: SPECTRAL_SWEEPS if set, else data/sweeps of the project. Not committed. */
export function sweepsFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const { SPECTRAL_SWEEPS } = environment;
  return SPECTRAL_SWEEPS ? resolve(SPECTRAL_SWEEPS) : join(projectRoot(), "data", "sweeps");
}

/** Where the compact results of our own runs lie: data/results of the project. Committed. */
export function resultsFolder(): string {
  return join(projectRoot(), "data", "results");
}

/** Where the compact results of our own studies lie: data/results/studies of the project. Committed. */
export function studyResultsFolder(): string {
  return join(resultsFolder(), "studies");
}

function packageFolder(start: string): string | undefined {
  for (let folder = start; ; folder = dirname(folder)) {
    if (nameIn(join(folder, "package.json")) === PACKAGE) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}

function nameIn(path: string): unknown {
  try {
    return (JSON.parse(fs.readFileSync(path, "utf8")) as { name?: unknown }).name;
  } catch {
    return undefined; // none here, or not one that names us
  }
}
