import assert from "node:assert/strict";
import { test } from "node:test";
import { BufferPool, bucketSize } from "spectral-lab/backend/webgpu/pool";

/** A device that only makes and counts buffers. */
function fakeDevice() {
  const live = new Set<object>();
  const device = {
    createBuffer({ size, usage }: { size: number; usage: number }) {
      const buffer = { size, usage, destroy: () => void live.delete(buffer) };
      live.add(buffer);
      return buffer;
    },
  };
  return { device: device as unknown as GPUDevice, live };
}

test("buckets waste at most an eighth and are few", () => {
  const sizes = new Set<number>();
  for (let bytes = 1; bytes < 2 ** 22; bytes = Math.ceil(bytes * 1.01)) {
    const bucket = bucketSize(bytes);
    assert.ok(bucket >= bytes && bucket % 4 === 0);
    if (bytes > 2048) assert.ok(bucket <= bytes * 1.125 + 1, `${bytes} in ${bucket}`);
    assert.equal(bucketSize(bucket), bucket);
    sizes.add(bucket);
  }
  assert.ok(sizes.size < 120, `${sizes.size} buckets`);
});

test("equal steps get equal buffers and make none after the first", () => {
  const { device, live } = fakeDevice();
  const pool = new BufferPool(device, () => {});
  const step = (): number[] => {
    const taken = [1000, 5000, 1000, 1000].map((size) => pool.acquireBuffer(size, 128));
    const serials = taken.map((buffer) => buffer.serial);
    for (const i of [2, 0, 3, 1]) pool.releaseBuffer(taken[i]);
    return serials;
  };
  const first = step();
  for (let i = 0; i < 10; i++) assert.deepEqual(step(), first);
  assert.equal(live.size, 4);
  assert.equal(pool.counters().bytesUsed, 0);
});

test("a buffer that is released twice is an error that names it, and stays one buffer", () => {
  const pool = new BufferPool(fakeDevice().device, () => {});
  const [a, b] = [pool.acquireBuffer(512, 128), pool.acquireBuffer(512, 128)];
  pool.releaseBuffer(a);
  const twice = /buffer 1 \(512 bytes, usage 128\) was released twice/;
  assert.throws(() => pool.releaseBuffer(a), { name: "BackendError", message: twice });
  assert.throws(() => pool.releaseBuffer(a, false), twice);
  assert.equal(pool.counters().bytesUsed, 512, "only b is in use");
  assert.equal(pool.acquireBuffer(512, 128), a);
  assert.notEqual(pool.acquireBuffer(512, 128), a);
  pool.releaseBuffer(a); // taken again, it may be given back again
  pool.releaseBuffer(b, false);
  assert.throws(() => pool.releaseBuffer(b), /buffer 2 .* released twice/, "destroyed");
});

test("sizes that come and go do not fill the device", () => {
  const { device, live } = fakeDevice();
  let dropped = 0;
  const pool = new BufferPool(device, () => dropped++);
  const megabyte = 2 ** 20;
  for (let size = 1; size <= 400; size++) pool.releaseBuffer(pool.acquireBuffer(size * megabyte, 128));
  const { bytesAllocated, peakBytesUsed } = pool.counters();
  assert.ok(bytesAllocated <= 1.5 * peakBytesUsed + 64 * megabyte, `${bytesAllocated / megabyte} MiB held`);
  assert.ok(dropped > 0);
  pool.dispose();
  assert.equal(live.size, 0);
});

test("commands that use a free buffer are submitted before it is destroyed", () => {
  const { device, live } = fakeDevice();
  const liveWhenCalled: number[] = [];
  const pool = new BufferPool(device, () => liveWhenCalled.push(live.size));
  const large = pool.acquireBuffer(200 * 2 ** 20, 128);
  pool.releaseBuffer(large);
  for (let megabytes = 100; megabytes < 110; megabytes++)
    pool.releaseBuffer(pool.acquireBuffer(megabytes * 2 ** 20, 128));
  assert.ok(pool.counters().destroyed > 0, "something was trimmed");
  assert.ok(
    liveWhenCalled[0] > live.size - 1 && liveWhenCalled[0] >= 2,
    "all were alive when the submission was due",
  );
  const kept = pool.acquireBuffer(256, 128);
  const before = live.size;
  pool.releaseBuffer(kept, false);
  assert.equal(liveWhenCalled.at(-1), before);
  pool.dispose();
  assert.equal(liveWhenCalled.at(-1), before - 1);
});
