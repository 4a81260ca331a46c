import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { acquireLock, holderOf } from "spectral-lab/store/lock";
import { thisProcess } from "spectral-lab/store/process";
import { ended, firstOutput, start } from "./child.js";
import { temporaryFolder } from "./temporary-folder.js";

describe("lock", () => {
  it("is held once, even within a process, and can be taken again after its release", (t) => {
    const path = join(temporaryFolder(t), "lock");
    const lock = acquireLock(path, "run x");
    assert.equal(holderOf(path)?.pid, process.pid);
    const expected = {
      name: "StoreError",
      message: /run x is already open in this process .*close it first/,
    };
    assert.throws(() => acquireLock(path, "run x"), expected);
    lock.release();
    lock.release();
    assert.equal(holderOf(path), undefined);
    assert.deepEqual(fs.readdirSync(join(path, "..")), []);
    acquireLock(path, "run x").release();
  });

  it("says which other process holds it, and is taken over once that was killed", async (t) => {
    const path = join(temporaryFolder(t), "lock");
    const child = start("lock-holder", path);
    await firstOutput(child);
    const message = new RegExp(`run x is in use by process ${child.pid} on .* since 20`);
    assert.throws(() => acquireLock(path, "run x"), { name: "StoreError", message });
    child.kill("SIGKILL");
    await ended(child);
    assert.equal(holderOf(path), undefined);
    const lock = acquireLock(path, "run x");
    assert.equal(holderOf(path)?.pid, process.pid);
    lock.release();
    assert.deepEqual(fs.readdirSync(join(path, "..")), []);
  });

  it("is released when a process exits in order", async (t) => {
    const path = join(temporaryFolder(t), "lock");
    assert.equal(await ended(start("lock-holder", path, "exit")), 0);
    assert.equal(fs.existsSync(path), false);
  });

  it(
    "is not confused by a later process with the same number",
    { skip: thisProcess().started === "" },
    (t) => {
      const path = join(temporaryFolder(t), "lock");
      const past = { ...thisProcess(), started: "00000000-1", since: "2020-01-01", token: "t" };
      fs.writeFileSync(path, JSON.stringify(past));
      acquireLock(path, "run x").release();
    },
  );

  it("is never taken from another machine: the error says what to delete", (t) => {
    const path = join(temporaryFolder(t), "lock");
    fs.writeFileSync(
      path,
      JSON.stringify({ pid: 7, machine: "far", started: "", since: "2020-01-01", token: "t" }),
    );
    const message =
      /run x is in use by process 7 on far since 2020-01-01; if that process is gone, delete .*lock$/;
    assert.throws(() => acquireLock(path, "run x"), { name: "StoreError", message });
  });

  it("names a damaged lock file and a folder that cannot be written", (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, "lock");
    for (const text of ["", "{", "5", "{}"]) {
      fs.writeFileSync(path, text);
      assert.throws(() => acquireLock(path, "run x"), {
        name: "StoreError",
        message: /lock: expected a lock file/,
      });
    }
    const below = join(path, "lock");
    assert.throws(() => acquireLock(below, "run x"), {
      name: "StoreError",
      message: /cannot lock run x: .*ENOTDIR/,
    });
    assert.deepEqual(fs.readdirSync(folder), ["lock"]);
  });

  it("survives what a taker that was killed half-way left behind", (t) => {
    const folder = temporaryFolder(t);
    const dead = (token: string): string =>
      JSON.stringify({ ...thisProcess(), pid: 4194304, since: "2020-01-01", token });
    fs.writeFileSync(join(folder, "lock"), dead("one"));
    fs.writeFileSync(join(folder, "lock.one"), dead("two"));
    acquireLock(join(folder, "lock"), "run x").release();
    assert.deepEqual(fs.readdirSync(folder), []);
  });

  it("is held by one of several processes that take over from the dead at the same time", async (t) => {
    const folder = temporaryFolder(t);
    const contenders = [1, 2, 3, 4].map(() =>
      start("lock-contender", join(folder, "lock"), join(folder, "witness"), "25"),
    );
    assert.deepEqual(await Promise.all(contenders.map(ended)), [0, 0, 0, 0]);
    assert.equal(fs.existsSync(join(folder, "witness")), false);
  });
});
