import assert from "node:assert/strict";
import { test } from "node:test";
import { bannerText, duration } from "spectral-lab/lab/index";

test("the banner says profile, backend, data and steps, and where a run goes on", () => {
  const facts = { task: "VGG", profile: "quick", backend: "wasm", steps: 900 };
  assert.equal(
    bannerText({ ...facts, data: "textures" }),
    "**VGG** · profile **quick** · backend **wasm** · data **textures** · **900** steps",
  );
  assert.match(
    bannerText({ ...facts, from: 271 }),
    /backend \*\*wasm\*\* · goes on at step \*\*271 of 900\*\*$/,
  );
});

test("lengths of time are written as people say them", () => {
  assert.deepEqual([0, 9.94, 9.96, 59.4, 60, 125, 3600, 4830].map(duration), [
    "0.0 s",
    "9.9 s",
    "10 s",
    "59 s",
    "1 min",
    "2 min 5 s",
    "1 h",
    "1 h 20 min",
  ]);
});
