import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import type { AnalysisFile } from "../../tools/golden/analysis/file.js";
import { checkSpectra } from "../../tools/golden/analysis/spectra.js";
import { agrees } from "../../tools/golden/compare.js";

for (const seed of [7, 8]) {
  const path = `../shared/reference/analysis-${seed}.json`;
  test(
    `fits of spectra agree with the reference of seed ${seed}`,
    { skip: !existsSync(path) && "../shared is not here" },
    () => {
      const reference = JSON.parse(readFileSync(path, "utf8")) as AnalysisFile;
      const found = checkSpectra(reference).differences();
      assert.deepEqual(
        found.filter((difference) => !agrees(difference)),
        [],
      );
      assert.equal(found.length, 20);
      const other = { ...reference, seed: seed + 1 }; // other draws: everything that is made of them differs
      const differing = checkSpectra(other)
        .differences()
        .filter((difference) => !agrees(difference));
      assert.ok(differing.length >= 9, differing.map(({ quantity }) => quantity).join());
    },
  );
}
