import assert from "node:assert/strict";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { FacetedRun } from "spectral-lab/analysis/tables";
import { reproduce } from "spectral-lab/lab/reproduce";
import { lstm, mnistMlp, vgg } from "spectral-lab/tasks/index";
import { storeExample } from "../paper/stored-example.js";
import { temporaryFolder } from "../store/temporary-folder.js";
import { printed } from "./fake-notebook.js";

const example = { matrices: ["fc.weight"], contacts: [] };

test("several tasks are reproduced as their profile configures them, told apart by their names", async (t) => {
  const runs = temporaryFolder(t);
  storeExample(runs, { task: vgg }, example);
  storeExample(runs, { task: lstm }, example);
  let facets: unknown[] = [];
  const text = await printed(async () => {
    facets = (await reproduce([vgg, lstm], { profile: "quick", runs })).map((run) => run.facets);
  });
  assert.deepEqual(facets, [
    { task: "vgg", setting: null, seed: 0 },
    { task: "lstm", setting: null, seed: 0 },
  ]);
  assert.match(text.join("\n"), /\*\*vgg\*\*, seed 0: 100 steps/);
  await assert.rejects(reproduce([vgg], { runs, seeds: [] }), { name: "ConfigError" });
  storeExample(runs, { task: vgg, seed: 2 }, example);
  const seedsOf = async (seeds?: number[]): Promise<number[]> => {
    let found: number[] = [];
    await printed(async () => {
      const runsOfPage = await reproduce([vgg], { profile: "quick", runs, seeds });
      found = runsOfPage.map(({ run }) => run.record.seed);
    });
    return found;
  };
  assert.deepEqual(await seedsOf(), [0, 2], "other seeds are shown where they are stored");
  assert.deepEqual(await seedsOf([2]), [2]);
});

test("a damaged run is left out of a page in one line with the command that makes it anew; the others are shown", async (t) => {
  const runs = temporaryFolder(t);
  const set = { epochs: 1, trainingExamples: 200, standIn: true };
  const settings = Object.keys(mnistMlp.profiles.quick.settings).slice(0, 2);
  const page = async (): Promise<{ found: FacetedRun[]; said: string }> => {
    const warned = t.mock.method(console, "warn", () => undefined);
    let found: FacetedRun[] = [];
    await printed(async () => {
      found = await reproduce(mnistMlp, { profile: "quick", settings, seeds: [0], set, runs });
    });
    const said = warned.mock.calls.map((call) => String(call.arguments[0])).join("\n");
    warned.mock.restore();
    return { found, said };
  };
  const whole = await page();
  assert.deepEqual([whole.found.length, whole.said], [2, ""]);
  const [{ folder }] = whole.found.map(({ run }) => run);
  const files = ["run.json", "rows.jsonl"];
  for (const file of files) {
    const path = join(folder, file);
    const content = readFileSync(path);
    truncateSync(path, 40);
    const { found, said } = await page();
    assert.deepEqual(found.map(({ facets }) => facets.setting), [settings[1]]); // prettier-ignore
    assert.match(said, new RegExp(`^left out: ${path}: expected `));
    if (file === "rows.jsonl") assert.match(said, /spectral train mnist-mlp .*--retrain/);
    else assert.ok(said.includes(`spectral runs set-aside ${folder}`));
    writeFileSync(path, content);
  }
  assert.equal((await page()).found.length, 2);
});
