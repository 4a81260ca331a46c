import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import {
  acquireLock,
  BEAT_SECONDS,
  breakLock,
  holderOf,
  inspectLock,
  LEASE_SECONDS,
  waitForLock,
} from "spectral-lab/core/files/lock";
import { thisProcess } from "spectral-lab/core/files/process";
import { ended, firstOutput, start, startOn } from "../../store/child.js";
import { temporaryFolder } from "../../store/temporary-folder.js";

/** A lock of a process on another machine. */
const far = JSON.stringify({ pid: 7, machine: "far", started: "", since: "2020-01-01", token: "t" });

/** Makes a file look as if it was written some seconds ago. */
function setAge(path: string, seconds: number): void {
  const now = fs.statSync(join(path, "..")).mtimeMs / 1000; // of the file system's clock: the folder changed just now
  fs.utimesSync(path, now - seconds, now - seconds);
}

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
    const child = start("../core/files/lock-holder", path);
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
    assert.equal(await ended(start("../core/files/lock-holder", path, "exit")), 0);
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

  it("is not taken from another machine while its lease is fresh: the error says how to break it", (t) => {
    const path = join(temporaryFolder(t), "lock");
    fs.writeFileSync(path, far);
    setAge(path, LEASE_SECONDS - 60);
    const message =
      /^run x is in use by process 7 on far since 2020-01-01, last beat 5\d\d s ago .*600 s.*: spectral unlock --force \/[^ ]*[^k]$/;
    assert.throws(() => acquireLock(path, "run x"), { name: "StoreError", message });
    assert.equal(holderOf(path)?.pid, 7);
    assert.equal(inspectLock(path)?.stale, undefined);
    assert.equal(fs.readFileSync(path, "utf8"), far);
    assert.deepEqual(fs.readdirSync(join(path, "..")), ["lock"]);
  });

  it("is taken over from another machine once the lease has run out", (t) => {
    const path = join(temporaryFolder(t), "lock");
    fs.writeFileSync(path, far);
    setAge(path, LEASE_SECONDS + 60);
    assert.equal(inspectLock(path)?.stale, "lapsed");
    assert.equal(holderOf(path), undefined);
    const lock = acquireLock(path, "run x");
    assert.equal(holderOf(path)?.pid, process.pid);
    lock.check();
    lock.release();
    assert.deepEqual(fs.readdirSync(join(path, "..")), []);
  });

  it("is held by one of several machines that find the same lapsed lease", async (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, "lock");
    for (let round = 0; round < 5; round++) {
      fs.writeFileSync(path, far);
      setAge(path, LEASE_SECONDS + 60);
      const machines = ["a", "b", "c"].map((name) => startOn(name, "../core/files/lock-holder", path));
      const said = await Promise.all(machines.map(firstOutput));
      assert.deepEqual(said.map((text) => text.split(" ")[0]).sort(), ["held\n", "the", "the"]);
      const lost = said.find((text) => text.startsWith("the test is in use by process "));
      assert.match(lost ?? "", /another machine: its lease is 600 s\); .* spectral unlock --force /);
      machines.forEach((machine) => machine.kill("SIGKILL"));
      await Promise.all(machines.map(ended));
      fs.rmSync(path); // killed elsewhere: known to no one here
    }
  });

  it("is taken from no one alive by machines that leave it to each other's leases", async (t) => {
    const folder = temporaryFolder(t);
    const contenders = ["a", "b", "c", "c"].map((machine) =>
      startOn(
        machine,
        "../core/files/lock-contender",
        join(folder, "lock"),
        join(folder, "witness"),
        "15",
        "lapse",
      ),
    );
    assert.deepEqual(await Promise.all(contenders.map(ended)), [0, 0, 0, 0]);
    assert.equal(fs.existsSync(join(folder, "witness")), false);
  });

  it("beats by itself, and before a write when its timer is late", (t) => {
    t.mock.timers.enable({ apis: ["setInterval", "Date"], now: Date.now() });
    const path = join(temporaryFolder(t), "lock");
    const lock = acquireLock(path, "run x");
    const size = fs.statSync(path).size;
    const idle = (): number => inspectLock(path)!.idle;
    setAge(path, 400);
    assert.ok(idle() > 390);
    lock.check(); // no beat is due
    assert.ok(idle() > 390);
    t.mock.timers.tick(BEAT_SECONDS * 1000);
    assert.ok(idle() < 60);
    setAge(path, 400);
    t.mock.timers.setTime(Date.now() + BEAT_SECONDS * 1000); // the clock goes on, the timer does not
    setAge(path, 400);
    lock.check();
    assert.ok(idle() < 60);
    assert.equal(fs.statSync(path).size, size);
    lock.release();
    fs.writeFileSync(path, far);
    setAge(path, 400);
    t.mock.timers.tick(10 * BEAT_SECONDS * 1000);
    assert.ok(idle() > 390, "a released lock still beats");
  });

  it("tells a holder that lost it to whom, and is then neither beaten nor released by that one", (t) => {
    const path = join(temporaryFolder(t), "lock");
    const lock = acquireLock(path, "run x");
    lock.check();
    fs.writeFileSync(`${path}.new`, far);
    fs.renameSync(`${path}.new`, path);
    const message = /^run x is no longer locked by this process: process 7 on far holds it since 2020-01-01$/;
    assert.throws(() => lock.check(), { name: "StoreError", message });
    lock.release();
    assert.equal(fs.readFileSync(path, "utf8"), far);
    fs.rmSync(path);
    assert.throws(() => lock.check(), { name: "StoreError", message: /its lock was removed$/ });
  });

  it("is waited for until it is free, or the wait is aborted", async (t) => {
    const path = join(temporaryFolder(t), "lock");
    const lock = acquireLock(path, "set x");
    const heard: string[] = [];
    const onWait = (why: string): number => heard.push(why);
    const next = waitForLock(path, "set x", { onWait });
    const stopped = waitForLock(path, "set x", { signal: AbortSignal.abort(new Error("stopped by hand")) });
    await assert.rejects(stopped, /stopped by hand/);
    setTimeout(() => lock.release(), 200);
    const second = await next;
    assert.throws(() => lock.check(), /is no longer locked by this process/);
    second.check();
    second.release();
    assert.equal(heard.length, 1);
    assert.match(heard[0], /set x is already open/);
  });

  it("is never looked for without end: a dangling link and a folder are errors", { timeout: 10_000 }, (t) => {
    const folder = temporaryFolder(t);
    fs.symlinkSync(join(folder, "nowhere"), join(folder, "lock"));
    const message = /lock: expected a lock file, found a dangling link; .*spectral unlock --force /;
    assert.throws(() => acquireLock(join(folder, "lock"), "run x"), { name: "StoreError", message });
    assert.throws(() => holderOf(join(folder, "lock")), { name: "StoreError", message });
    fs.mkdirSync(join(folder, "folder"));
    const found = { name: "StoreError", message: /folder: it is a folder, not a file/ };
    assert.throws(() => acquireLock(join(folder, "folder"), "run x"), found);
    assert.deepEqual(fs.readdirSync(folder).sort(), ["folder", "lock"]);
  });

  it("is broken where its holder is gone, and by force", (t) => {
    const path = join(temporaryFolder(t), "lock");
    assert.equal(breakLock(path), undefined);
    fs.writeFileSync(path, far);
    assert.throws(() => breakLock(path), { name: "StoreError", message: /in use by process 7 on far/ });
    assert.equal(breakLock(path, true)?.holder.pid, 7);
    fs.writeFileSync(path, far);
    setAge(path, LEASE_SECONDS + 60);
    assert.equal(breakLock(path)?.stale, "lapsed");
    fs.writeFileSync(path, "damage");
    assert.throws(() => breakLock(path), /expected a lock file, found damage/);
    assert.equal(breakLock(path, true), undefined);
    fs.symlinkSync(join(path, "..", "nowhere"), path);
    assert.equal(breakLock(path, true), undefined);
    assert.deepEqual(fs.readdirSync(join(path, "..")), []);
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
      start("../core/files/lock-contender", join(folder, "lock"), join(folder, "witness"), "25"),
    );
    assert.deepEqual(await Promise.all(contenders.map(ended)), [0, 0, 0, 0]);
    assert.equal(fs.existsSync(join(folder, "witness")), false);
  });

  it(
    "is not taken from a machine of the same name that started after it was taken",
    { skip: thisProcess().started === "" },
    (t) => {
      const path = join(temporaryFolder(t), "lock");
      const other = { ...thisProcess(), pid: 4194304, started: "00000000-77", token: "t" };
      for (const since of [new Date().toISOString(), "no time"]) {
        fs.writeFileSync(path, JSON.stringify({ ...other, since }));
        const message = /in use by process 4194304 .*another machine: its lease is 600 s/;
        assert.throws(() => acquireLock(path, "run x"), { name: "StoreError", message });
        assert.equal(holderOf(path)?.pid, 4194304);
      }
      setAge(path, LEASE_SECONDS + 60);
      acquireLock(path, "run x").release();
    },
  );

  it("is lost with its folder: moved, deleted, or replaced by a copy or by another's", (t) => {
    const root = temporaryFolder(t);
    const folder = join(root, "run");
    const path = join(folder, "lock");
    const lose: [change: () => void, message: RegExp][] = [
      [() => fs.renameSync(folder, join(root, "moved")), /its folder was moved away, deleted or unmounted/],
      [() => fs.rmSync(folder, { recursive: true }), /its folder was moved away, deleted or unmounted/],
      [
        () => {
          fs.cpSync(folder, join(root, "copy"), { recursive: true });
          fs.renameSync(folder, join(root, "original"));
          fs.renameSync(join(root, "copy"), folder);
        },
        /a copy of its folder lies in its place/,
      ],
      [
        () => {
          fs.renameSync(folder, join(root, "other"));
          fs.mkdirSync(folder);
          fs.writeFileSync(path, far);
        },
        /process 7 on far holds it since 2020-01-01$/,
      ],
    ];
    for (const [change, message] of lose) {
      fs.mkdirSync(folder, { recursive: true });
      const lock = acquireLock(path, "run x");
      lock.check();
      change();
      assert.throws(() => lock.check(), { name: "StoreError", message });
      const there = fs.existsSync(path);
      lock.release();
      assert.equal(fs.existsSync(path), there, "what lies there is not this process's to remove");
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });

  it("survives that its folder is moved and put back", (t) => {
    const root = temporaryFolder(t);
    fs.mkdirSync(join(root, "run"));
    const lock = acquireLock(join(root, "run", "lock"), "run x");
    fs.renameSync(join(root, "run"), join(root, "moved"));
    fs.renameSync(join(root, "moved"), join(root, "run"));
    lock.check();
    lock.release();
    assert.deepEqual(fs.readdirSync(join(root, "run")), []);
  });

  it(
    "is no pipe, socket, device or large file: they are named, and not waited for",
    { timeout: 10_000 },
    (t) => {
      const path = join(temporaryFolder(t), "lock");
      const made = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0;
      const kinds: [make: () => boolean, message: RegExp][] = [
        [() => made("mkfifo", path), /lock: expected a lock file, found a pipe or a device; .*--force/],
        [() => (fs.symlinkSync("/dev/zero", path), fs.existsSync(path)), /found a pipe or a device/],
        [() => (fs.writeFileSync(path, "x".repeat(2 ** 17)), true), /found 131072 bytes of something else/],
        [() => (fs.symlinkSync(path, path), true), /cannot lock run x|cannot read .*lock: .*ELOOP/],
        [
          () => (fs.writeFileSync(path, JSON.stringify({ ...JSON.parse(far), token: "../x" })), true),
          /found damage/,
        ],
      ];
      for (const [make, message] of kinds) {
        if (make()) {
          assert.throws(() => acquireLock(path, "run x"), { name: "StoreError", message });
          assert.throws(() => holderOf(path), { name: "StoreError", message });
          breakLock(path, true);
        }
        assert.deepEqual(fs.readdirSync(join(path, "..")), []);
      }
    },
  );

  it("names foreign holders without their control characters", (t) => {
    const path = join(temporaryFolder(t), "lock");
    fs.writeFileSync(path, JSON.stringify({ ...JSON.parse(far), machine: "a\u001b[31m\nb" }));
    assert.throws(() => acquireLock(path, "run x"), /on a\\u001b\[31m\\nb since/);
  });

  it("says when no more files can be opened, or no permission is given", (t) => {
    const folder = temporaryFolder(t);
    const script = fileURLToPath(new URL("./lock-without.js", import.meta.url));
    const said = (what: string): string =>
      spawnSync(process.execPath, [script, join(folder, "lock"), what], {
        encoding: "utf8",
        env: process.env,
      }).stdout;
    if (process.platform === "linux")
      assert.match(said("files"), /cannot lock run x: this process has too many files open/);
    if (process.getuid?.() !== 0) return; // only root can become someone without permission
    assert.match(said("permission"), /cannot lock run x: no permission \(EACCES\)/);
    acquireLock(join(folder, "lock"), "run x");
    fs.chmodSync(folder, 0o777);
    fs.chmodSync(join(folder, "lock"), 0);
    assert.match(said("permission"), /cannot read .*lock: no permission \(EACCES\)/);
  });
});
