import assert from "node:assert/strict";
import { test } from "node:test";
import { randomStream } from "spectral-lab/core/random";
import { chanceAlignment, chanceDeviation } from "spectral-lab/paper/chance";

test("chance alignment is Gamma(d/2) / (sqrt(pi) Gamma((d+1)/2))", () => {
  const close = (found: number, expected: number): void =>
    assert.ok(Math.abs(found - expected) < 1e-12 * expected);
  close(chanceAlignment(1), 1);
  close(chanceAlignment(2), 2 / Math.PI);
  close(chanceAlignment(3), 1 / 2);
  close(chanceAlignment(4), 4 / (3 * Math.PI));
  close(chanceAlignment(5), 3 / 8);
  assert.ok(Math.abs(chanceAlignment(768) / Math.sqrt(2 / (Math.PI * 768)) - 1) < 1e-3);
  assert.throws(() => chanceAlignment(0), RangeError);
});

test("chance alignment is what random vectors have", () => {
  const random = randomStream(0, "test");
  const draws = Array.from({ length: 4000 }, () => {
    const u = Array.from({ length: 20 }, () => random.normal());
    return Math.abs(u[0]) / Math.hypot(...u); // v is an axis
  });
  const mean = draws.reduce((sum, x) => sum + x, 0) / draws.length;
  const variance = draws.reduce((sum, x) => sum + (x - mean) ** 2, 0) / draws.length;
  assert.ok(Math.abs(mean - chanceAlignment(20)) < (4 * chanceDeviation(20)) / Math.sqrt(4000));
  assert.ok(Math.abs(Math.sqrt(variance) / chanceDeviation(20) - 1) < 0.05);
});
