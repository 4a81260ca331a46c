import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { StoreError } from "../core/errors.js";
import { discard, temporaryPath, writeNewFile } from "./atomic.js";
import { codeOf, storeError } from "./io-error.js";
import { liveness, thisProcess, type ProcessIdentity } from "./process.js";

/** Who holds a lock. */
export interface Holder extends ProcessIdentity {
  /** ISO 8601 time at which it was taken. */
  readonly since: string;
  /** Unique to this taking of the lock. */
  readonly token: string;
}

/** A lock that this process holds. */
export interface Lock {
  /** Gives the lock back. Also happens when the process exits in order. Harmless when repeated. */
  release(): void;
}

/**
 * Takes a lock file for this process. A lock whose holder was killed is taken over; the holder is told from a later
 * process with the same number by its start time.
 * @param subject what is locked, for the error
 * @throws StoreError that says who holds it, or that the file cannot be written
 */
export function acquireLock(path: string, subject: string): Lock {
  const holder: Holder = {
    ...thisProcess(),
    since: new Date().toISOString(),
    token: randomBytes(8).toString("hex"),
  };
  const aside = temporaryPath(path);
  try {
    writeNewFile(aside, JSON.stringify(holder));
    claim(path, aside, subject);
  } catch (error) {
    throw storeError("lock", subject, error);
  } finally {
    discard(aside);
  }
  const release = (): void => {
    process.removeListener("exit", release);
    if (readHolder(path)?.token === holder.token) discard(path);
  };
  process.on("exit", release);
  return { release };
}

/** Who holds the lock now; undefined if it is free or its holder is dead. */
export function holderOf(path: string): Holder | undefined {
  const holder = readHolder(path);
  return holder !== undefined && liveness(holder) === "dead" ? undefined : holder;
}

/**
 * Puts the whole file `aside` under the name `path`, for one process only. A dead holder's lock may be replaced only by
 * the process that holds the right to do so: a lock of its own, named after that one taking. So of several processes
 * that find the same dead holder one wins, and a slow one cannot remove the winner's lock. The winner's right becomes
 * the lock by renaming.
 */
function claim(path: string, aside: string, subject: string): void {
  while (!createFrom(aside, path)) {
    const holder = readHolder(path);
    if (holder === undefined) continue; // released this moment
    if (liveness(holder) !== "dead") throw heldBy(holder, path, subject);
    const right = `${path}.${holder.token}`;
    claim(right, aside, subject);
    if (readHolder(path)?.token === holder.token) return fs.renameSync(right, path);
    discard(right); // someone else took over before
  }
}

// Whole or not at all, and only if the name is free. Some file systems have no hard links: there, only if it is free.
function createFrom(aside: string, path: string): boolean {
  try {
    fs.linkSync(aside, path);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(codeOf(error))) throw error;
  }
  try {
    fs.copyFileSync(aside, path, fs.constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

function readHolder(path: string): Holder | undefined {
  let text: string;
  try {
    text = fs.readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw storeError("read", path, error);
  }
  try {
    const { pid, machine, started, since, token } = JSON.parse(text) as Holder;
    if (
      Number.isInteger(pid) &&
      [machine, started, since, token].every((field) => typeof field === "string")
    ) {
      return { pid, machine, started, since, token };
    }
  } catch {
    // not JSON: said below
  }
  throw new StoreError(
    `${path}: expected a lock file, found damage; if no process uses this run, delete the file`,
  );
}

function heldBy(holder: Holder, path: string, subject: string): StoreError {
  const { pid, machine, since } = holder;
  const self = thisProcess();
  if (pid === self.pid && machine === self.machine) {
    return new StoreError(`${subject} is already open in this process (since ${since}): close it first`);
  }
  const elsewhere = machine === self.machine ? "" : `; if that process is gone, delete ${path}`;
  return new StoreError(`${subject} is in use by process ${pid} on ${machine} since ${since}${elsewhere}`);
}
