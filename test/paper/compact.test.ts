import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { stability } from "spectral-lab/analysis/index";
import { studyArrays } from "spectral-lab/analysis/faceted-study";
import { faceted, type FacetedRun } from "spectral-lab/analysis/tables";
import { arraysRead, studyArraysRead } from "spectral-lab/paper/compact";
import { drawUniversality } from "spectral-lab/paper/universality";
import { exportRun, readResult } from "spectral-lab/store/results";
import { runAtStep } from "spectral-lab/store/run-at-step";
import { exportStudy, readStudy, type StudyReader } from "spectral-lab/store/study";
import { modularAddition, vgg } from "spectral-lab/tasks/index";
import { runTask } from "spectral-lab/tasks/run";
import { complete } from "../analysis/toy-study.js";
import { temporaryFolder } from "../store/temporary-folder.js";
import { storeExample } from "./stored-example.js";

test("claims of universality are the same from compact results as from the runs themselves: every matrix counts", (t) => {
  const [root, results] = [temporaryFolder(t), temporaryFolder(t)];
  const matrices = ["layers.0.conv.weight", "layers.1.conv.weight", "layers.3.conv.weight", "fc.weight"];
  const runs = [0, 1].map((seed) => storeExample(root, { task: vgg, seed }, { matrices, contacts: [] }));
  const compact = runs.map((run) => readResult(exportRun(run, results, { arrays: arraysRead(run) })));
  const drawn = (own: typeof runs): ReturnType<typeof drawUniversality> =>
    drawUniversality(own.map((run): FacetedRun => faceted(run)));
  assert.deepEqual(drawn(compact).claims, drawn(runs).claims);
  assert.equal(drawn(compact).claims[1].numbers.matrices, matrices.length);
  assert.deepEqual(
    compact[0].steps().map((step) => [...compact[0].readArrays(step).keys()].length),
    [matrices.length, 1, matrices.length],
    "between the ends only what is shown",
  );
});

test("the agreement of every matrix with the end is kept: figure 9's claim reads all of them", async (t) => {
  const root = temporaryFolder(t);
  const runs = join(root, "runs");
  const set = { modulus: 7, width: 8, hidden: 16, epochs: 4, batchSize: 8, measureEvery: 2, pruneEvery: 4 };
  const training = runTask({ task: modularAddition, backend: "wasm", runs, set, vectors: 5 });
  let next = await training.next();
  while (!next.done) next = await training.next();
  const inputs = [runAtStep(`${next.value.run.folder}@end`)];
  const whole = await complete(
    { kind: stability, inputs, set: { pairs: 5 } },
    { studies: join(root, "studies") },
  );
  const compact = readStudy(exportStudy(whole, join(root, "results"), { arrays: studyArraysRead(whole) }));
  const rowsOf = (study: StudyReader): object[] =>
    studyArrays([{ facets: {}, study }], "agreement/").objects();
  assert.deepEqual(rowsOf(compact), rowsOf(whole));
  assert.ok(new Set(rowsOf(compact).map((row) => (row as { matrix: string }).matrix)).size > 1);
});
