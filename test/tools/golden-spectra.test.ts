import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { checkSpectra, type SpectraReference } from "../../tools/golden/analysis/spectra.js";
import { agrees } from "../../tools/golden/compare.js";

for (const seed of [7, 8]) {
  const path = `../shared/reference/analysis-${seed}.json`;
  test(
    `fits of spectra agree with the reference of seed ${seed}`,
    { skip: !existsSync(path) && "../shared is not here" },
    () => {
      const reference = JSON.parse(readFileSync(path, "utf8")) as SpectraReference;
      const found = checkSpectra(reference);
      assert.deepEqual(
        found.filter((difference) => !agrees(difference)),
        [],
      );
      assert.equal(found.length, 20);
      const wrong = structuredClone(reference) as { seed: number } & SpectraReference;
      wrong.seed++; // other draws: everything that is made of them differs
      const differing = checkSpectra(wrong).filter((difference) => !agrees(difference));
      assert.ok(differing.length >= 9, differing.map(({ quantity }) => quantity).join());
    },
  );
}
