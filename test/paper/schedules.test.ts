import assert from "node:assert/strict";
import { test } from "node:test";
import { drawSchedules } from "spectral-lab/paper/schedules";

test("a panel for each experiment, with the rates of its schedule", async () => {
  const { data, description } = await drawSchedules("paper");
  assert.equal(data.length, 6);
  assert.match(description, /modular-addition, vgg, unet, lstm, transformer, mlp-labels/);
  const rates = data.map((trace) => Array.from((trace as { y: number[] }).y));
  const [addition, vgg, , lstm, transformer] = rates;
  assert.deepEqual([...new Set(addition)], [1e-3]);
  assert.deepEqual([...new Set(vgg)], [0.1, 0.01, 0.001, 1e-4]);
  assert.ok(lstm.every((rate, i) => i === 0 || rate <= lstm[i - 1]) && lstm[0] === 3e-4);
  assert.ok(Math.max(...transformer) <= 6e-4 && transformer[0] < 1e-4); // it warms up first
});
