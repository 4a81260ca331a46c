import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { before, test } from "node:test";
import { startBackend } from "spectral-lab/backend/start";
import { checkAnalyses } from "../../tools/golden/analysis/analyses.js";
import type { AnalysisFile } from "../../tools/golden/analysis/file.js";
import { agrees } from "../../tools/golden/compare.js";
import { readReference } from "../../tools/golden/file.js";

before(() => startBackend({ backend: "wasm" }));

for (const seed of [7, 8]) {
  const path = `../shared/reference/analysis-${seed}.json`;
  const options = { skip: !existsSync(path) && "../shared is not here" };
  test(
    `every analysis of seed ${seed} agrees with PyTorch in float64, and none is left out`,
    options,
    async () => {
      const problems: unknown[] = [];
      const good = await checkAnalyses(
        (await readReference(path)) as AnalysisFile,
        (name, differences) => {
          problems.push(...differences.filter((found) => !agrees(found)).map((found) => [name, found]));
          return differences.every(agrees);
        },
        (name, why) => problems.push([name, why]),
      );
      assert.deepEqual(problems, []);
      assert.ok(good);
    },
  );
}
