import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import type { TestContext } from "node:test";

type Name =
  | "writeSync"
  | "renameSync"
  | "ftruncateSync"
  | "fsyncSync"
  | "rmSync"
  | "openSync"
  | "linkSync"
  | "readdirSync";

/** Calls a function before each of some calls of the file system, until the function returned is called or the test ends. */
export function beforeCalls(
  t: TestContext,
  names: readonly Name[],
  before: (name: Name, given: readonly unknown[]) => void,
): () => void {
  const mocks = names.map((name) => {
    const real = fs[name] as (...given: unknown[]) => unknown;
    const watched = (...given: unknown[]): unknown => {
      before(name, given);
      return real(...given);
    };
    return t.mock.method(fs, name, watched as never);
  });
  syncBuiltinESMExports();
  const restore = (): void => {
    for (const mock of mocks) mock.mock.restore();
    syncBuiltinESMExports();
  };
  t.after(restore);
  return restore;
}

/** A crash of the machine, as far as files go: from the call that is counted on, nothing reaches the disk any more. */
export class Crash extends Error {}

const CHANGES = ["writeSync", "renameSync", "ftruncateSync", "rmSync"] as const;

/**
 * Runs an action and lets every change of a file fail from the `count`-th on.
 * @returns whether it came to that; if not, the action ended
 */
export function crashingAfter(t: TestContext, count: number, action: () => void): boolean {
  let changes = 0;
  const restore = beforeCalls(t, CHANGES, () => {
    if (changes++ >= count) throw new Crash("the machine is off");
  });
  try {
    action();
  } catch (error) {
    if (changes <= count) throw error;
  } finally {
    restore();
  }
  return changes > count;
}
