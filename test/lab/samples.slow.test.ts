import assert from "node:assert/strict";
import { test } from "node:test";
import { startBackend } from "spectral-lab/backend/start";
import { drawSamples } from "spectral-lab/lab/samples";
import { unet as network } from "spectral-lab/models/unet";
import { openRun } from "spectral-lab/store/run";
import { unet } from "spectral-lab/tasks/index";
import { describeRequest } from "../store/description.js";
import { temporaryFolder } from "../store/temporary-folder.js";

test("digits are drawn from the last weights of a run: noise first, the same every time", async (t) => {
  await startBackend({ backend: "wasm" });
  const model = network({ channels: [4, 8, 16, 32], embedding: 8 });
  const run = openRun(
    temporaryFolder(t),
    describeRequest({ task: unet, set: { channels: 4, embedding: 8 } }, { standIn: true }),
  );
  run.writeWeights(1, new Map([...model.init(0), ...model.initBuffers(0)]));
  run.writeWeights(5, new Map([...model.init(1), ...model.initBuffers(0)]));
  run.close();
  const choice = { count: 2, moments: 4, seed: 3 };
  const first = await drawSamples(run, choice);
  assert.deepEqual(first.layout.xaxis?.ticktext, ["750", "500", "250", "0"]);
  const { z } = first.data.find(({ type }) => type === "heatmap") as unknown as {
    z: (number | null)[][];
  };
  const pixels = z.flat().filter((value) => value !== null);
  assert.equal(pixels.length, 2 * 4 * 28 * 28);
  assert.ok(pixels.every((value) => value >= 0 && value <= 1));
  assert.ok(new Set(pixels).size > 100);
  assert.deepEqual(await drawSamples(run, choice), first);
  const other = await drawSamples(run, { ...choice, pureNoise: true });
  assert.notDeepEqual(other.data, first.data);
});
