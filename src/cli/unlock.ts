import { lstatSync } from "node:fs";
import { basename } from "node:path";
import { StoreError } from "../core/errors.js";
import { breakLock, describeHolder, type LockState } from "../core/files/lock.js";
import { lockPath } from "../store/folder.js";
import type { Given } from "./command.js";
import type { unlock } from "./declarations.js";

/** Breaks the lock of a run, or any lock file, of a holder that is gone. */
export async function run({ values, positionals }: Given<typeof unlock>): Promise<number> {
  const path = lockAt(positionals[0]);
  const there = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  const state = breakLock(path, values.force);
  if (state !== undefined) console.log(`${path}: held by ${describeHolder(state)}`);
  console.log(`${path}: ${there ? `broken, ${reasonFor(state)}` : "not locked"}`);
  return 0;
}

function lockAt(place: string): string {
  const found = lstatSync(place, { throwIfNoEntry: false });
  if (found === undefined)
    throw new StoreError(`${place}: expected a run folder or a lock file, found neither`);
  if (found.isDirectory()) return lockPath(place);
  // With --force whatever lies there is removed, and that must not be a file of results.
  if (!/^lock(\.[\w-]+)?$|\.lock$/.test(basename(place)))
    throw new StoreError(
      `${place}: expected a run folder or a lock file ("lock" or "*.lock"), found another file`,
    );
  return place;
}

function reasonFor(state: LockState | undefined): string {
  if (state?.stale === "dead") return "that process is dead";
  return state?.stale === "lapsed" ? "its lease has run out" : "by force";
}
