import assert from "node:assert/strict";
import { test } from "node:test";
import { float32, type NamedArrays } from "spectral-lab/core/array";
import { permuteUnits } from "spectral-lab/nn/units";
import type { UnitGroup } from "spectral-lab/nn/model";

const group: UnitGroup = {
  name: "g",
  size: 3,
  axes: [
    { parameter: "b", axis: 0 },
    { parameter: "w", axis: 1, start: 1 },
    { parameter: "k", axis: 1 },
    { parameter: "absent", axis: 0 },
  ],
};
const arrays: NamedArrays = new Map([
  ["b", float32([3], Float32Array.of(0, 1, 2))],
  ["w", float32([2, 4], Float32Array.of(9, 0, 1, 2, 8, 10, 11, 12))],
  ["k", float32([1, 3, 2], Float32Array.of(0, 0.5, 1, 1.5, 2, 2.5))],
  ["other", float32([3], Float32Array.of(4, 5, 6))],
]);
const permuted = (order: number[]): NamedArrays =>
  permuteUnits([group], arrays, new Map([["g", Int32Array.from(order)]]));

test("unit i becomes what unit pi[i] was, on every axis from its start; the rest stays", () => {
  const before = structuredClone(arrays);
  const found = permuted([2, 0, 1]);
  assert.deepEqual([...found.get("b")!.data], [2, 0, 1]);
  assert.deepEqual([...found.get("w")!.data], [9, 2, 0, 1, 8, 12, 10, 11]);
  assert.deepEqual([...found.get("k")!.data], [2, 2.5, 0, 0.5, 1, 1.5]);
  assert.equal(found.get("other"), arrays.get("other"));
  assert.deepEqual([...found.keys()], [...arrays.keys()]);
  assert.deepEqual(arrays, before);
  assert.deepEqual(permuteUnits([group], arrays, new Map()), arrays);
});

test("blocks change places whole, and units within them; an order that tears one is refused", () => {
  const w = float32(
    [8],
    Float32Array.from({ length: 8 }, (_, i) => i),
  );
  const blocked: UnitGroup = { name: "g", size: 8, blocks: [4, 2], axes: [{ parameter: "w", axis: 0 }] };
  const apply = (...order: number[]): number[] => {
    const found = permuteUnits([blocked], new Map([["w", w]]), new Map([["g", Int32Array.from(order)]]));
    return [...(found.get("w")!.data as Float32Array)];
  };
  const kept = [7, 6, 4, 5, 2, 3, 0, 1];
  assert.deepEqual(apply(...kept), kept);
  const torn = (...order: number[]): [() => unknown, object] => [
    () => apply(...order),
    { name: "SpectralError", message: /units "g": expected an order that keeps blocks of [24] together/ },
  ];
  assert.throws(...torn(0, 1, 4, 5, 2, 3, 6, 7));
  assert.throws(...torn(0, 2, 1, 3, 4, 5, 6, 7));
});

test("what is no order of the units, and units that do not lie in an array, are named", () => {
  for (const order of [
    [0, 1],
    [0, 1, 1],
    [0, 1, 3],
    [-1, 0, 1],
  ]) {
    assert.throws(() => permuted(order), {
      name: "SpectralError",
      message: /units "g": expected an order of 0 to 2/,
    });
  }
  const beyond = { ...group, axes: [{ parameter: "w", axis: 1, start: 2 }] };
  assert.throws(() => permuteUnits([beyond], arrays, new Map([["g", Int32Array.of(0, 1, 2)]])), {
    name: "SpectralError",
    message: /units "g": expected entries 2 to 5 of axis 1 of "w", found \[2,4\]/,
  });
});
