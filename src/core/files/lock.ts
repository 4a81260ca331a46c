import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { basename, dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { StoreError } from "../errors.js";
import { printable } from "../printable.js";
import { discard, temporaryPath, writeNewFile } from "./atomic.js";
import { codeOf, storeError } from "./io-error.js";
import { liveness, thisProcess, type ProcessIdentity } from "./process.js";

// Locks between processes, also of several machines that share a file system. Whether a holder on this machine still
// lives is known. A holder elsewhere shows it by beats: it writes its lock file anew, so that the file server sets the
// file's time. Ages are differences of two times of that server, never of this machine's clock.

/** Seconds between two beats of a holder. */
export const BEAT_SECONDS = 30;
/**
 * Seconds without a beat after which a lock of another machine may be taken over. Generous: synchronous work keeps a
 * holder's timer from beating, network file systems show times up to a minute late, and clocks behind one may differ.
 */
export const LEASE_SECONDS = 600;

/** Who holds a lock. */
export interface Holder extends ProcessIdentity {
  /** ISO 8601 time at which it was taken. */
  readonly since: string;
  /** Unique to this taking of the lock. */
  readonly token: string;
}

/** What a lock file says now. */
export interface LockState {
  readonly holder: Holder;
  /** Seconds since the holder's last beat. */
  readonly idle: number;
  /** Why it may be taken over: its process died, or its lease ran out. undefined: it must be honoured. */
  readonly stale: "dead" | "lapsed" | undefined;
}

/** A lock that this process holds. It beats by itself as long as the process answers its timers. */
export interface Lock {
  /**
   * To be called before each write to what is locked. Beats too, where a beat is due.
   * @throws StoreError if the lock was broken or taken over meanwhile (that says by whom), or if its folder was moved,
   *   deleted, or replaced by another or by a copy
   */
  check(): void;
  /** Gives the lock back. Also happens when the process exits in order. Harmless when repeated. */
  release(): void;
}

/** The lock is held by someone who must be honoured. */
export class LockHeldError extends StoreError {}

/**
 * Takes a lock file for this process. It is taken over from a holder that died (told from a later process with the same
 * number by its start time), and from one on another machine whose lease ran out. A process that was stopped for longer
 * than the lease notices at its next `check`.
 * @param subject what is locked, for the error
 * @throws LockHeldError that says who holds it and how to break it; StoreError if the file cannot be written, or is none
 */
export function acquireLock(path: string, subject: string): Lock {
  let aside: string | undefined;
  try {
    const since = new Date().toISOString();
    const holder: Holder = { ...thisProcess(), since, token: randomBytes(8).toString("hex") };
    aside = temporaryPath(path);
    writeNewFile(aside, contentOf(holder));
    claim(path, aside, subject);
    return keep({ path, subject, holder, file: fs.openSync(path, READ) });
  } catch (error) {
    throw storeError("lock", subject, error);
  } finally {
    if (aside !== undefined) discard(aside);
  }
}

/** `acquireLock` that waits until the lock is free, looking every second. @throws the signal's reason; StoreError */
export async function waitForLock(
  path: string,
  subject: string,
  options: { readonly signal?: AbortSignal; onWait?(why: string): void } = {},
): Promise<Lock> {
  const { signal, onWait } = options;
  for (let waits = 0; ; waits++) {
    signal?.throwIfAborted();
    try {
      return acquireLock(path, subject);
    } catch (error) {
      if (!(error instanceof LockHeldError)) throw error;
      if (waits === 0) onWait?.(error.message);
    }
    await sleep(Math.min(1000, 25 * 2 ** waits), undefined, { signal }).catch(() => undefined); // thrown above
  }
}

/** Who holds the lock now; undefined if it is free or may be taken over. @throws StoreError if the file is no lock */
export function holderOf(path: string): Holder | undefined {
  const holder = readLock(path)?.holder;
  if (holder === undefined || liveness(holder) === "dead") return undefined;
  if (liveness(holder) === "alive") return holder;
  try {
    return inspectLock(path)?.stale === undefined ? holder : undefined;
  } catch {
    return holder; // a folder that cannot be written tells no time
  }
}

/**
 * What a lock file says; undefined if there is none. Writes a file beside it for a moment, to learn the file server's
 * time.
 * @throws StoreError if the file is no lock, or the folder cannot be written
 */
export function inspectLock(path: string): LockState | undefined {
  if (readLock(path) === undefined) return undefined;
  const probe = temporaryPath(path);
  try {
    writeNewFile(probe, "");
    return stateOf(path, probe);
  } catch (error) {
    throw storeError("look at", path, error);
  } finally {
    discard(probe);
  }
}

/**
 * Removes a lock file whose holder died or whose lease ran out; with `force` any, also a damaged one.
 * @returns what it said; undefined if there was none, or nothing that could be read
 * @throws LockHeldError if its holder must be honoured; StoreError if it is no lock
 */
export function breakLock(path: string, force = false): LockState | undefined {
  let state: LockState | undefined;
  try {
    state = inspectLock(path);
    if (state === undefined) return undefined;
    if (state.stale === undefined && !force) throw heldBy(state, path, path);
    if (state.stale !== undefined) {
      acquireLock(path, path).release();
      return state;
    }
  } catch (error) {
    if (!force) throw error;
  }
  try {
    fs.unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw storeError("remove", path, error);
  }
  return state;
}

/** "process 7 on far since 2026-01-01T00:00:00.000Z, last beat 12 s ago" */
export function describeHolder({ holder, idle }: LockState): string {
  const beat = `last beat ${Math.round(idle)} s ago`;
  const [machine, since] = [holder.machine, holder.since].map((text) => printable(text, 100));
  return `process ${holder.pid} on ${machine} since ${since}, ${beat}`;
}

/** A lock that this process took. */
interface Taken {
  readonly path: string;
  readonly subject: string;
  readonly holder: Holder;
  /** The lock file, kept open: as long as it is, no other file has its number. */
  readonly file: number;
}

/** Beats for a lock that was just taken, until it is released. */
function keep(taken: Taken): Lock {
  let beaten = Date.now();
  const check = (): void => {
    const due = Math.abs(Date.now() - beaten) >= BEAT_SECONDS * 1000;
    renew(taken, due);
    if (due) beaten = Date.now();
  };
  const beat = (): void => {
    try {
      check();
    } catch {
      // said by the next check before a write
    }
  };
  const timer = setInterval(beat, BEAT_SECONDS * 1000).unref();
  let released = false;
  const release = (): void => {
    if (released) return;
    released = true;
    clearInterval(timer);
    process.removeListener("exit", release);
    const ours = isOurs(taken);
    fs.closeSync(taken.file);
    if (ours) discard(taken.path);
  };
  process.on("exit", release);
  return { check, release };
}

function isOurs(taken: Taken): boolean {
  try {
    renew(taken, false);
    return true;
  } catch {
    return false; // someone else's by now
  }
}

/**
 * Sees to it that the file at the lock's path is the one that this holder took, and writes it anew if `beat`. Reads and
 * writes one open file in place: should it be taken over in between, what is written goes to the file that lost its
 * name, not to the new lock.
 */
function renew({ path, subject, holder, file: own }: Taken, beat: boolean): void {
  let found: Holder | undefined;
  let copied = false;
  try {
    const file = fs.openSync(path, beat ? READ_WRITE : READ);
    try {
      found = readHolder(path, file);
      copied = found.token === holder.token && !isSameFile(file, own);
      if (beat && found.token === holder.token && !copied) fs.writeSync(file, contentOf(holder), 0);
    } finally {
      fs.closeSync(file);
    }
  } catch (error) {
    if (!["ENOENT", "ENOTDIR"].includes(codeOf(error))) throw storeError("keep the lock of", subject, error);
  }
  if (found?.token === holder.token && !copied) return;
  throw new StoreError(`${subject} is no longer locked by this process: ${lossOf(path, found, copied)}`);
}

function lossOf(path: string, found: Holder | undefined, copied: boolean): string {
  if (copied) return `a copy of its folder lies in its place; what was not copied is in the folder itself`;
  if (found !== undefined)
    return `process ${found.pid} on ${printable(found.machine, 100)} holds it since ${printable(found.since, 100)}`;
  if (fs.existsSync(dirname(path))) return "its lock was removed";
  return `its folder was moved away, deleted or unmounted; once it is back, the same command goes on`;
}

function isSameFile(a: number, b: number): boolean {
  const [first, second] = [a, b].map((file) => fs.fstatSync(file, { bigint: true }));
  return first.dev === second.dev && first.ino === second.ino;
}

// The last field has the same length at each beat, so that a beat changes its digits and nothing else.
function contentOf(holder: Holder): string {
  return JSON.stringify({ ...holder, beat: new Date().toISOString() });
}

/**
 * Puts the whole file `aside`, written just now, under the name `path`, for one process only. A stale lock may be
 * replaced only by the process that holds the right to do so: a lock of its own, named after that one taking. So of
 * several processes that find the same stale lock one wins, and a slow one cannot remove the winner's lock. The winner's
 * right becomes the lock by renaming.
 */
function claim(path: string, aside: string, subject: string): void {
  for (let attempt = 0; !createFrom(aside, path); attempt++) {
    const state = stateOf(path, aside);
    if (state === undefined) {
      if (attempt < 100) continue; // released this moment
      throw new StoreError(`cannot lock ${subject}: ${path} can neither be made nor read`);
    }
    if (state.stale === undefined) throw heldBy(state, path, subject);
    const right = `${path}.${state.holder.token}`;
    claim(right, aside, subject);
    const now = stateOf(path, aside);
    if (now?.holder.token === state.holder.token && now.stale !== undefined)
      return fs.renameSync(right, path);
    discard(right); // someone else took over before, or the holder beat again
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

/** @param probe a file of the same file system that was written no later than now: its time stands for the present */
function stateOf(path: string, probe: string): LockState | undefined {
  const lock = readLock(path);
  if (lock === undefined) return undefined;
  const { holder, beat } = lock;
  const idle = Math.max(0, (fs.statSync(probe).mtimeMs - beat) / 1000);
  const life = liveness(holder);
  const lapsed = life === "unknown" && idle > LEASE_SECONDS;
  return { holder, idle, stale: life === "dead" ? "dead" : lapsed ? "lapsed" : undefined };
}

// How a lock file is opened: a pipe in its place must not be waited for. Windows has no such flag.
const READ = fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0);
const READ_WRITE = fs.constants.O_RDWR | (fs.constants.O_NONBLOCK ?? 0);

/** The holder in a lock file and the file's time in milliseconds. Opened first: network file systems look then. */
function readLock(path: string): { holder: Holder; beat: number } | undefined {
  try {
    const file = fs.openSync(path, READ);
    try {
      return { beat: fs.fstatSync(file).mtimeMs, holder: readHolder(path, file) };
    } finally {
      fs.closeSync(file);
    }
  } catch (error) {
    if (codeOf(error) === "ENXIO") throw noLock(path, "a socket or a device");
    if (codeOf(error) !== "ENOENT") throw storeError("read", path, error);
  }
  if (fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink()) throw noLock(path, "a dangling link");
  return undefined;
}

/** Most bytes of a lock file. */
const MOST_BYTES = 2 ** 16;

function readHolder(path: string, file: number): Holder {
  const stats = fs.fstatSync(file);
  if (!stats.isFile() && !stats.isDirectory()) throw noLock(path, "a pipe or a device");
  if (stats.size > MOST_BYTES) throw noLock(path, `${stats.size} bytes of something else`);
  return parse(path, fs.readFileSync(file, "utf8")); // of a folder: the error says so
}

function parse(path: string, text: string): Holder {
  try {
    const { pid, machine, started, since, token } = JSON.parse(text) as Holder;
    if (
      Number.isInteger(pid) &&
      [machine, started, since, token].every((field) => typeof field === "string") &&
      /^[\w-]{1,64}$/.test(token) // becomes a part of a file's name
    ) {
      return { pid, machine, started, since, token };
    }
  } catch {
    // not JSON: said below
  }
  throw noLock(path, "damage");
}

function noLock(path: string, found: string): StoreError {
  const remedy = `if no process uses it: ${forcedBreak(path)}`;
  return new StoreError(`${path}: expected a lock file, found ${found}; ${remedy}`);
}

function heldBy(state: LockState, path: string, subject: string): LockHeldError {
  const { pid, machine, since } = state.holder;
  const self = thisProcess();
  if (pid === self.pid && machine === self.machine) {
    return new LockHeldError(
      `${subject} is already open in this process (since ${printable(since, 100)}): close it first`,
    );
  }
  const lease =
    liveness(state.holder) === "unknown" ? ` (another machine: its lease is ${LEASE_SECONDS} s)` : "";
  const remedy = `if that process hangs: ${forcedBreak(path)}`;
  return new LockHeldError(`${subject} is in use by ${describeHolder(state)}${lease}; ${remedy}`);
}

/** The command that breaks a lock: it takes a run's folder, or any lock file. */
function forcedBreak(path: string): string {
  return `spectral unlock --force ${basename(path) === "lock" ? dirname(path) : path}`;
}
