import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import test from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { openedOnce } from "spectral-lab/data/memory";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const reads = new Map<string, number>();

/** Opens data of so many bytes. @returns them, with the number of times that any of this name were read */
async function open(name: string, bytes: number): Promise<{ value: object; read: number }> {
  const value = await openedOnce({ name }, async () => {
    reads.set(name, (reads.get(name) ?? 0) + 1);
    return { value: { name }, bytes };
  });
  return { value, read: reads.get(name) ?? 0 };
}

async function read(name: string, megabytes: number): Promise<number> {
  const times = (await open(name, megabytes * 2 ** 20)).read;
  await turn(); // a WeakRef holds its target until the turn ends
  collect();
  return times;
}

test("data are read once, and those last used stay", async () => {
  assert.equal(await read("a", 200), 1);
  assert.equal(await read("b", 200), 1);
  assert.equal(await read("a", 200), 1);
  assert.equal(await read("c", 200), 1); // now b goes, which was used before a
  assert.equal(await read("a", 200), 1);
  assert.equal(await read("c", 200), 1);
  assert.equal(await read("b", 200), 2);
});

test("large data are shared while they are held, and send no others away", async () => {
  assert.equal(await read("small", 1), 1);
  const held = await open("large", 1900 * 2 ** 20);
  assert.equal(await read("large", 1900), 1);
  assert.ok(held.value);
  assert.equal(await read("forgotten", 1900), 1);
  assert.equal(await read("forgotten", 1900), 2);
  assert.equal(await read("small", 1), 1);
});

test("what fails is tried again", async () => {
  let tries = 0;
  const attempt = () =>
    openedOnce("failing", async () => {
      if (++tries === 1) throw new Error("damaged");
      return { value: {}, bytes: 1 };
    });
  await assert.rejects(attempt, /damaged/);
  assert.equal(await attempt(), await attempt());
  assert.equal(tries, 2);
});
