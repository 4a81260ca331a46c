import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { stepsOf } from "spectral-lab/analysis/checkpoint-steps";
import { f32, writeForeign } from "../store/foreign-file.js";
import { temporaryFolder } from "../store/temporary-folder.js";

const numbers = (...paths: string[]): number[] => stepsOf(paths).map(({ step }) => step);

test("the step is the last number of a name that differs between all", () => {
  const cases: [string[], number[]][] = [
    [
      ["step1000", "step20/", "step0"],
      [0, 20, 1000],
    ],
    [
      ["a/0.safetensors", "a/376.safetensors"],
      [0, 376],
    ],
    [
      ["epoch=4-step=1760.ckpt", "epoch=0-step=352.ckpt"],
      [352, 1760],
    ],
    [
      ["step_100_v2.pt", "step_50_v2.pt"],
      [50, 100],
    ],
    [
      ["pythia-70m/step512/model.safetensors", "pythia-70m/step1/model.safetensors"],
      [1, 512],
    ],
    [
      ["run/checkpoint-5/model-00001.bin", "run/checkpoint-15/model-00001.bin"],
      [5, 15],
    ],
    [
      ["w0.5.pt", "w1.5.pt"],
      [0.5, 1.5],
    ],
  ];
  for (const [paths, steps] of cases) assert.deepEqual(numbers(...paths), steps);
  assert.deepEqual(
    stepsOf(["b2", "b1"]).map(({ path }) => path),
    ["b1", "b2"],
  );
});

test("names without a number of their own are refused", () => {
  for (const paths of [
    ["first", "last"],
    ["step1", "last"],
    ["a/step1", "b/step1"],
    ["step01", "step1"],
  ])
    assert.throws(() => stepsOf(paths), /whose names have a number of their own.*found .* and /);
});

test("one folder stands for the checkpoints in it", (t) => {
  const folder = temporaryFolder(t);
  assert.throws(() => stepsOf([folder]), /expected a folder of checkpoints .*, found none/);
  assert.throws(() => stepsOf([join(folder, "absent")]), /cannot read /);
  for (const step of [10, 9]) {
    mkdirSync(join(folder, `step${step}`));
    writeForeign(join(folder, `step${step}`, "model.safetensors"), { w: f32([1, 1], [step]) });
  }
  mkdirSync(join(folder, "logs7"));
  writeFileSync(join(folder, "notes8.txt"), "");
  assert.deepEqual(numbers(folder), [9, 10]);
});
