import assert from "node:assert/strict";
import { test } from "node:test";
import { progress } from "spectral-lab/lab/index";
import { sparkline } from "spectral-lab/lab/progress-html";
import { inNotebook } from "./fake-notebook.js";

function clock(): { now: () => number; pass: (ms: number) => void } {
  let time = 0;
  return { now: () => time, pass: (ms) => void (time += ms) };
}

test("in a notebook one output is replaced at most 4 times a second and ends as one line", async () => {
  const { now, pass } = clock();
  const shown = await inNotebook(() => {
    const bar = progress({ title: "grokking", total: 1000, now });
    for (let step = 1; step <= 1000; step++) {
      pass(10);
      bar.update({ step, epoch: step / 100, metrics: { loss: 1 / step, error: 0 } });
    }
    bar.done();
  });
  assert.equal(shown.length, 41, "10 s of updates at 4 a second, and the end");
  assert.equal(shown.filter((output) => !output.update).length, 1);
  assert.equal(new Set(shown.map((output) => output.id)).size, 1);
  assert.match(shown[5].data["text/html"], /<svg.*<polyline/);
  assert.equal(
    shown[1].data["text/plain"],
    "grokking: 26 of 1000 steps (2 %), epoch 0.3, 100 steps/s, 9.7 s left, loss 0.0385, error 0",
  );
  const last = "✓ grokking: 1000 steps, epoch 10.0 in 10 s (100 steps/s), loss 0.001, error 0";
  assert.deepEqual(shown[40].data, { "text/html": `<div>${last}</div>`, "text/plain": last });
});

test("a resumed run's earlier steps do not count for its rate; a stop says why", async () => {
  const { now, pass } = clock();
  const shown = await inNotebook(() => {
    const bar = progress({ title: "lstm", total: 20000, from: 10000, now });
    pass(100_000);
    bar.update({ step: 10010 });
    bar.stopped("interrupted, run the cell again to go on");
  });
  assert.equal(
    shown[0].data["text/plain"],
    "lstm: 10\u202f010 of 20\u202f000 steps (50 %), 10 s/step, 27 h 45 min left",
  );
  assert.match(
    shown[1].data["text/plain"],
    /^■ lstm: 10\u202f010 of 20\u202f000 steps in 1 min 40 s .*, interrupted, run/,
  );
});

test("on a terminal the line is rewritten; in a log a line appears every 10 seconds", () => {
  for (const [isTTY, count] of [
    [true, 68], // every third of 200 updates, and the end
    [false, 3],
  ] as const) {
    const { now, pass } = clock();
    const written: string[] = [];
    const bar = progress({
      title: "a",
      total: 200,
      now,
      stream: { isTTY, write: (text) => written.push(text) },
    });
    for (let step = 1; step <= 200; step++) {
      pass(100);
      bar.update({ step, metrics: { loss: undefined } });
    }
    bar.done();
    assert.equal(written.length, count);
    assert.ok(written.every((text) => (isTTY ? text.startsWith("\r\u001b[2K") : text.endsWith("\n"))));
    assert.ok(written[written.length - 1].endsWith("\n"));
  }
});

test("the sparkline spans its box, and needs two values", () => {
  assert.equal(sparkline([1]), "");
  const points = /points="([^"]*)"/.exec(sparkline([10, 1, 0.1]))?.[1];
  assert.equal(points, "0.0,2.0 110.0,22.0 220.0,42.0", "logarithmic");
  assert.match(sparkline([0, 0]), /points="0.0,42.0 220.0,42.0"/);
});
