import assert from "node:assert/strict";
import { test } from "node:test";
import { faceted, type FacetedRun } from "spectral-lab/analysis/tables";
import type { Facets } from "spectral-lab/core/facets";
import { planProvenance } from "spectral-lab/lab/plan-provenance";
import type { RunReader } from "spectral-lab/store/stored-run";
import { inventedData } from "../store/description.js";

function run(id: string, seconds: number, facets: Facets): FacetedRun {
  const stretches = [{ from: 0, to: 10, backend: "wasm", device: "CPU" }];
  const record = { id, task: "toy", seed: 0, step: 10, epoch: 2, data: inventedData, stretches };
  const reader = { record: { ...record, timings: { training: seconds } } } as unknown as RunReader;
  return faceted(reader, facets);
}

test("a line per group: what varies on the page, once what does not; a run that stands twice is counted once", () => {
  const alike = { hidden: 8, milestones: "" };
  const runs = [
    run("aa", 2, { ...alike, group: "trunk", seed: 0 }),
    run("bb", 3, { ...alike, group: "branch", seed: 0, order: 1, split: "1ep" }),
    run("cc", 4, { ...alike, group: "branch", seed: 0, order: 2, split: "1ep" }),
    run("cc", 4, { ...alike, group: "branch", seed: 0, order: 2, split: "2ep" }),
  ];
  const { plain } = planProvenance({ name: "toys", profile: "lab", runs: [] }, runs);
  const [head, , first, second, ...more] = plain.split("\n");
  assert.equal(
    head,
    "Runs on this page, in the profile **lab**, all of them with task toy; seed 0; hidden 8; milestones none:",
  );
  assert.match(first, /^\* \*\*trunk\*\*: 10 steps \(epoch 2\) with wasm on CPU, 2\.0 s, on .* \(run aa\)$/);
  assert.match(second, /^\* \*\*branch\*\*, order 1, 2; split 1ep, 2ep: 2 runs, 10 steps .*, 7\.0 s, on .* \(run bb, cc\)$/); // prettier-ignore
  assert.deepEqual(more, []);
});
