import assert from "node:assert/strict";
import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { paperFigure } from "spectral-lab/paper/index";
import {
  candidatesOf,
  finishedRuns,
  measuredOtherwise,
  preferred,
  storedRuns,
} from "spectral-lab/paper/stored";
import { mlpLabels, transformer, unet, vgg } from "spectral-lab/tasks/index";
import { inventedData } from "../store/description.js";
import { temporaryFolder } from "../store/temporary-folder.js";
import { storeExample } from "./stored-example.js";

const example = { matrices: ["fc.weight"], contacts: [] };

const generated = { name: "generated textures", standIn: true, fingerprint: "generated" };

test("stored runs: real data first, then more of them, whatever is measured; a setting's seeds are on equal data", (t) => {
  const runs = temporaryFolder(t);
  const stored = (number: number): unknown[] =>
    storedRuns(paperFigure(number), "quick", { runs, results: false }).map(({ facets, run }) => ({
      ...facets,
      data: run.record.data.fingerprint,
    }));
  storeExample(runs, { task: vgg }, { ...example, data: generated });
  storeExample(runs, { task: vgg, seed: 1 }, { ...example, data: generated });
  storeExample(runs, { task: unet, set: { evaluationLimit: 7 } }, example);
  storeExample(runs, { task: transformer, setting: "small" }, example);
  const { fingerprint } = inventedData;
  assert.deepEqual(stored(3), [
    { task: "vgg", setting: null, seed: 0, data: "generated" },
    { task: "vgg", setting: null, seed: 1, data: "generated" },
    { task: "unet", setting: null, seed: 0, data: fingerprint },
  ]);
  storeExample(runs, { task: vgg }, example);
  assert.deepEqual(stored(3)[0], { task: "vgg", setting: null, seed: 0, data: fingerprint });
  assert.equal(stored(3).length, 2, "the other seed is not on these data");
  storeExample(runs, { task: vgg }, { ...example, data: { fingerprint: "more", training: 1000 } });
  assert.deepEqual(stored(3)[0], { task: "vgg", setting: null, seed: 0, data: "more" });
  storeExample(runs, { task: mlpLabels, setting: "random", seed: 1 }, example);
  assert.deepEqual(stored(8), [{ task: "mlp-labels", setting: "random", seed: 1, data: fingerprint }]);
});

test("candidates are trained as is asked; the one on the given data is preferred", (t) => {
  const runs = temporaryFolder(t);
  const real = storeExample(runs, { task: vgg }, example);
  const standIn = storeExample(runs, { task: vgg }, { ...example, data: generated });
  storeExample(runs, { task: vgg, set: { learningRate: 0.2 } }, example);
  storeExample(runs, { task: vgg, seed: 1 }, example);
  const found = candidatesOf(finishedRuns([runs], vgg), { task: vgg });
  assert.deepEqual(new Set(found.map(({ folder }) => folder)), new Set([real.folder, standIn.folder]));
  assert.equal(preferred(found)?.folder, real.folder);
  assert.equal(preferred(found, "generated")?.folder, standIn.folder);
  assert.equal(preferred(found, "neither")?.folder, real.folder);
  assert.equal(preferred([]), undefined);
  assert.deepEqual(measuredOtherwise(real, { task: vgg }), []);
  assert.deepEqual(measuredOtherwise(real, { task: vgg, set: { evaluationLimit: 7 } }), [
    "evaluationLimit = 200, asked 7",
  ]);
});

test("a default that was changed since is never silently taken from an old run", (t) => {
  const runs = temporaryFolder(t);
  storeExample(runs, { task: vgg }, example);
  const later = { ...vgg, defaults: { ...vgg.defaults, momentum: 0.8 } };
  assert.throws(() => candidatesOf(finishedRuns([runs], later), { task: later }), {
    name: "StoreError",
    message:
      /expected a run with momentum = 0\.8, found one with momentum = 0\.9: a default of task vgg was changed/,
  });
});

test("a damaged run is left out of pages and figures, with the command that makes it anew; the others stay", (t) => {
  const runs = temporaryFolder(t);
  const spoils: [what: string, spoil: (folder: string) => void][] = [
    ["rows.jsonl", (folder) => truncateSync(join(folder, "rows.jsonl"), 300)],
    ["rows.jsonl", (folder) => flip(join(folder, "rows.jsonl"))],
    ["steps/50.safetensors", (folder) => flip(join(folder, "steps/50.safetensors"))],
    ["steps/50.safetensors", (folder) => rmSync(join(folder, "steps/50.safetensors"))],
  ];
  storeExample(runs, { task: vgg, seed: 1 }, example);
  for (const [what, spoil] of spoils) {
    const { folder } = storeExample(runs, { task: vgg }, example);
    spoil(folder);
    const said: string[] = [];
    const tell = (line: string): void => void said.push(line);
    const found = finishedRuns([runs], vgg, tell);
    assert.deepEqual(candidatesOf(found, { task: vgg }, tell), []);
    assert.deepEqual(candidatesOf(found, { task: vgg }, tell), []);
    assert.equal(candidatesOf(found, { task: vgg, seed: 1 }, tell).length, 1);
    assert.ok(
      said.every((line) => line.startsWith(`left out: ${join(folder, what)}: expected `)),
      said.join("\n"),
    );
    assert.match(said[0], /spectral train vgg .*--retrain$/);
    const drawn = storedRuns(paperFigure(3), "quick", { runs, results: false }).map(
      ({ facets }) => facets.seed,
    );
    assert.deepEqual(drawn, [1]);
    rmSync(folder, { recursive: true });
  }
});

/** Changes one digit in the middle of a file. */
function flip(path: string): void {
  const bytes = readFileSync(path);
  bytes[Math.floor(bytes.length / 2)] ^= 1;
  writeFileSync(path, bytes);
}
