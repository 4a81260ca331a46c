import assert from "node:assert/strict";
import { test } from "node:test";
import { recordClock, stepIn } from "spectral-lab/store/record-clock";

test("moments of a stored run are counted in its own epochs", () => {
  const record = { step: 213, epoch: 3 }; // 71 steps each
  assert.deepEqual(recordClock(record), { stepsPerEpoch: 71, totalSteps: 213 });
  const moments = ["0", "0.2ep", "1ep", "50it", "50%", "end"];
  assert.deepEqual(
    moments.map((moment) => stepIn(record, moment)),
    [0, 14, 71, 50, 107, 213],
  );
  assert.equal(stepIn(record, "4ep"), undefined);
  assert.equal(stepIn({}, "1ep"), undefined);
});
