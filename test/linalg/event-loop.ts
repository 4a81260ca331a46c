import assert from "node:assert/strict";
import { setImmediate, setTimeout } from "node:timers/promises";
import koffi from "koffi";

const ATTEMPTS = 3;

/**
 * Asserts that `work` never keeps the event loop busy for more than `most` milliseconds between two of its turns. On Linux
 * that is the thread's own processor time, so that other processes do not count; elsewhere wall-clock time. A pause of the
 * code's own making is there every time; one that comes once is tried again.
 */
export async function longestPause(most: number, work: () => Promise<unknown>): Promise<void> {
  const pauses: number[] = [];
  while (pauses.length < ATTEMPTS) {
    pauses.push(await longestTurn(work));
    if (pauses[pauses.length - 1] <= most) return;
  }
  const found = pauses.map((pause) => pause.toFixed(1)).join(", ");
  assert.fail(`the event loop was held for up to ${found} ms, more than ${most} every time`);
}

async function longestTurn(work: () => Promise<unknown>): Promise<number> {
  const time = threadClock();
  let longest = 0;
  let done = false;
  const watch = async () => {
    for (let before = time(); !done;) {
      await setImmediate();
      const now = time();
      longest = Math.max(longest, now - before);
      before = now;
    }
  };
  const watching = watch();
  await work();
  await setTimeout(20); // so that a pause at the very end is seen
  done = true;
  await watching;
  return longest;
}

/** A clock of the milliseconds that this thread has run. */
export function threadClock(): () => number {
  if (process.platform !== "linux") return () => performance.now();
  const CLOCK_THREAD_CPUTIME_ID = 3;
  const clock = koffi.load("libc.so.6").func("int clock_gettime(int, void *)");
  const timespec = new BigInt64Array(2);
  return () => {
    clock(CLOCK_THREAD_CPUTIME_ID, timespec);
    return Number(timespec[0]) * 1e3 + Number(timespec[1]) / 1e6;
  };
}
