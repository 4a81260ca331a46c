/**
 * Checks reference files of models (see tools/golden/file.ts) and of analyses (tools/golden/analysis/file.ts) against ours:
 *   npm run golden -- [--backend NAME] FILE...
 * Prints the largest relative difference per model and quantity, and what it may be: of models 1e-4 (gradient norms 1e-3), or
 * more where float32 cannot tell (see tools/golden/check.ts), of analyses see tools/golden/analysis/tolerances.ts. Exits
 * with 1 if one is above its limit or a model or an analysis is missing, with 2 if it was called wrongly or a file cannot
 * be read.
 */
import { parseArgs } from "node:util";
import { startBackend } from "spectral-lab/backend/start";
import { messageOf } from "spectral-lab/core/errors";
import { checkAnalyses } from "./golden/analysis/analyses.js";
import { checkModel, checkSchedules } from "./golden/check.js";
import { agrees, type Difference } from "./golden/compare.js";
import { type GoldenFile, isAnalysis, readReference } from "./golden/file.js";

/** @returns whether all of a file agrees */
async function checkFile(path: string): Promise<boolean> {
  const file = await readReference(path);
  console.log(`\n${path}: seed ${file.seed}, PyTorch ${file.torch}`);
  return isAnalysis(file) ? checkAnalyses(file, report, missing) : checkModels(file);
}

async function checkModels(file: GoldenFile): Promise<boolean> {
  let good = report("schedules", checkSchedules(file));
  for (const golden of file.models) {
    const differences = await checkModel(golden, file.seed);
    if (!differences) missing(golden.name, "this model is not built");
    good = differences !== undefined && report(golden.name, differences) && good;
  }
  return good;
}

function missing(name: string, why: string): void {
  console.log(`${name.padEnd(54)}missing: ${why}`);
}

function report(name: string, differences: readonly Difference[]): boolean {
  for (const found of differences) {
    const { quantity, difference, limit, at } = found;
    const verdict = agrees(found) ? "ok  " : "FAIL";
    const numbers = `${difference.toExponential(1).padEnd(9)} of ${limit.toExponential(1).padEnd(9)}`;
    console.log(`${name.padEnd(34)}${quantity.padEnd(20)}${verdict} ${numbers} ${at}`);
  }
  return differences.every(agrees);
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { backend: { type: "string" } },
  });
  if (positionals.length === 0) throw new Error("usage: npm run golden -- [--backend NAME] FILE...");
  const backend = await startBackend({ backend: values.backend ?? process.env.SPECTRAL_BACKEND ?? "wasm" });
  console.log(backend.description);
  let good = true;
  for (const path of positionals) good = (await checkFile(path)) && good;
  console.log(good ? "\nall agree" : "\nsome do not agree");
  backend.dispose();
  return good ? 0 : 1;
}

main().then(
  (code) => (process.exitCode = code),
  (error: unknown) => {
    console.error(`golden: ${messageOf(error)}`);
    process.exitCode = 2;
  },
);
