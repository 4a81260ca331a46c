import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "spectral-lab/core/errors";
import { any, at, every, paperMoments, stepsOf, toSteps, within } from "spectral-lab/core/time";

const clock = { stepsPerEpoch: 40, totalSteps: 120 };

test("durations in epochs, steps and per cent", () => {
  assert.equal(toSteps("3ep", clock), 120);
  assert.equal(toSteps("0.5ep", clock), 20);
  assert.equal(toSteps("7it", clock), 7);
  assert.equal(toSteps("25%", clock), 30);
});

test("a duration that is none is a ConfigError that shows it", () => {
  for (const bad of ["", "ep", "-1ep", "3 epochs", "3", "1e3it", "NaNep"]) {
    assert.throws(
      () => toSteps(bad, clock),
      (error: Error) => error instanceof ConfigError && error.message.includes(`"${bad}"`),
    );
  }
});

test("every includes start and end", () => {
  assert.deepEqual(stepsOf(every("50it"), clock), [0, 50, 100, 120]);
  assert.deepEqual(stepsOf(every("1ep"), clock), [0, 40, 80, 120]);
  assert.throws(() => stepsOf(every("0it"), clock), ConfigError);
});

test("parts of an epoch that are no whole number of steps stay in time with the epochs", () => {
  const odd = { stepsPerEpoch: 43, totalSteps: 86 };
  assert.deepEqual(stepsOf(every("0.5ep"), odd), [0, 22, 43, 65, 86]);
  assert.deepEqual(stepsOf(any(within("1ep", 5), every("0.2ep")), odd), stepsOf(every("0.2ep"), odd));
});

test("at names moments; later ones than the run are left out", () => {
  assert.deepEqual(stepsOf(at("0", "50%", "end", "500it"), clock), [0, 60, 120]);
});

test("the paper's moments: initialisation, four inside epoch 1, every epoch's end", () => {
  assert.deepEqual(stepsOf(paperMoments, clock), [0, 8, 16, 24, 32, 40, 80, 120]);
});

test("unions are sorted and without repeats", () => {
  assert.deepEqual(stepsOf(any(within("1ep", 2), every("1ep"), at("20it")), clock), [0, 20, 40, 80, 120]);
});
