import assert from "node:assert/strict";
import { existsSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { acquireLock } from "spectral-lab/core/files/lock";
import { temporaryFolder } from "../store/temporary-folder.js";
import { spectral } from "./spectral.js";

const far = JSON.stringify({ pid: 7, machine: "far", started: "", since: "2020-01-01", token: "t" });

test("unlock says who holds a run, and breaks the lock only of who is gone, or by force", (t) => {
  const run = join(temporaryFolder(t), "run");
  const lock = join(run, "lock");
  mkdirSync(run);
  const free = spectral(["unlock", run]);
  assert.deepEqual([free.status, free.stdout], [0, `${lock}: not locked\n`]);

  writeFileSync(lock, far);
  const fresh = spectral(["unlock", run]);
  assert.deepEqual([fresh.status, fresh.stdout], [1, ""]);
  assert.match(
    fresh.stderr,
    /^spectral unlock: .*lock is in use by process 7 on far since 2020-01-01, last beat \d+ s ago.*\n$/,
  );
  assert.ok(fresh.stderr.endsWith(`: spectral unlock --force ${run}\n`));
  assert.ok(existsSync(lock));

  utimesSync(lock, 0, 0);
  const lapsed = spectral(["unlock", run]);
  assert.equal(lapsed.status, 0, lapsed.stderr);
  assert.match(
    lapsed.stdout,
    /held by process 7 on far .*last beat \d{9,} s ago\n.*broken, its lease has run/,
  );
  assert.ok(!existsSync(lock));

  const held = acquireLock(lock, "the run");
  assert.equal(spectral(["unlock", run]).status, 1);
  const forced = spectral(["unlock", run, "--force"]);
  assert.equal(forced.status, 0, forced.stderr);
  assert.match(forced.stdout, new RegExp(`held by process ${process.pid} on .*\n.*: broken, by force\n$`));
  assert.throws(() => held.check(), /its lock was removed/);
});

test("a damaged lock, a dangling link and a missing folder are one clear sentence each", (t) => {
  const folder = temporaryFolder(t);
  const lock = join(folder, "x.part.lock");
  const cases: [make: () => void, says: RegExp][] = [
    [
      () => writeFileSync(lock, "{"),
      /x\.part\.lock: expected a lock file, found damage; .*--force .*lock\n$/,
    ],
    [() => symlinkSync(join(folder, "nowhere"), lock), /found a dangling link; .*--force .*lock\n$/],
  ];
  for (const [make, says] of cases) {
    make();
    const refused = spectral(["unlock", lock]);
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, says);
    assert.equal(refused.stderr.trim().split("\n").length, 1);
    const forced = spectral(["unlock", "--force", lock]);
    assert.deepEqual([forced.status, forced.stdout], [0, `${lock}: broken, by force\n`]);
    assert.equal(spectral(["unlock", lock]).status, 1);
  }
  assert.match(spectral(["unlock", lock]).stderr, /expected a run folder or a lock file, found neither/);
  assert.equal(spectral(["unlock"]).status, 2);
});

test("no other file is taken for a lock, also by force", (t) => {
  const path = join(temporaryFolder(t), "run.json");
  writeFileSync(path, "{}");
  for (const options of [[], ["--force"]]) {
    const refused = spectral(["unlock", path, ...options]);
    assert.deepEqual([refused.status, refused.stdout], [1, ""]);
    assert.match(refused.stderr, /run\.json: expected a run folder or a lock file .*, found another file\n$/);
  }
  assert.ok(existsSync(path));
});
