import assert from "node:assert/strict";
import { test } from "node:test";
import { reproduce } from "spectral-lab/lab/reproduce";
import { lstm, vgg } from "spectral-lab/tasks/index";
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
