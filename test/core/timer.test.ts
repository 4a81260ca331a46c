import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { LONGEST_TIMER_MS, startTimer } from "spectral-lab/core/timer";

test("a timer fires once, and not when it is taken back", async () => {
  let fired = 0;
  startTimer(() => fired++, 1);
  startTimer(() => fired++, 1)();
  await sleep(30);
  assert.equal(fired, 1);
});

test("a wait that is longer than Node's timers does not end at once", async () => {
  let fired = 0;
  const cancel = [LONGEST_TIMER_MS + 1, 1e13, Infinity].map((ms) => startTimer(() => fired++, ms));
  await sleep(30);
  for (const one of cancel) one();
  assert.equal(fired, 0);
});

test("a long wait goes on after the first timer", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let fired = 0;
  startTimer(() => fired++, LONGEST_TIMER_MS + 1000);
  t.mock.timers.tick(LONGEST_TIMER_MS);
  t.mock.timers.tick(999);
  assert.equal(fired, 0);
  t.mock.timers.tick(1);
  assert.equal(fired, 1);
});
