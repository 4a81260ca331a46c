import * as fs from "node:fs";
import { acquireLock } from "spectral-lab/core/files/lock";
import { StoreError } from "spectral-lab/core/errors";
import { writeFileAtomic } from "spectral-lab/core/files/atomic";

// Takes the lock argv[2] argv[4] times, and each time proves with the witness file argv[3] that it is alone. Every
// second time it leaves the lock in the name of a dead process instead of releasing it, so that others must take over;
// with argv[5], "lapse", in the name of a process on another machine that has not beaten for an hour.
process.setMaxListeners(0); // of locks that it pretends to have died with
const [path, witness, times, lapse] = process.argv.slice(2);
for (let taken = 0; taken < Number(times);) {
  try {
    const lock = acquireLock(path, "the test");
    fs.closeSync(fs.openSync(witness, "wx"));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3); // long enough for a thief to show
    fs.unlinkSync(witness);
    taken++;
    if (taken % 2 === 0) lock.release();
    else leave(`${process.pid}-${taken}`);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
  }
}

function leave(token: string): void {
  const holder = JSON.parse(fs.readFileSync(path, "utf8")) as object;
  if (lapse === undefined) {
    writeFileAtomic(path, JSON.stringify({ ...holder, pid: 4194304, token }));
  } else {
    writeFileAtomic(path, JSON.stringify({ ...holder, machine: "far", token }));
    const hourAgo = Date.now() / 1000 - 3600;
    fs.utimesSync(path, hourAgo, hourAgo);
  }
}
