import { join } from "node:path";
import { StoreError } from "../core/errors.js";
import { codeOf } from "../core/files/io-error.js";
import { acquireLock, type Lock } from "../core/files/lock.js";
import type { FolderKind } from "./record-file.js";

/** The lock of a run or a study. */
export function lockPath(folder: string): string {
  return join(folder, "lock");
}

/**
 * Locks a folder. Another process may move it aside at any moment until it is locked: then again.
 * @param there sees to it that the folder is there, or says that it is not
 * @returns undefined if it is not there
 */
export function lockFolder(kind: FolderKind, folder: string, there: () => boolean): Lock | undefined {
  for (let attempt = 1; there(); attempt++) {
    try {
      return acquireLock(lockPath(folder), `${kind.name} ${folder}`);
    } catch (error) {
      const moved = error instanceof StoreError && codeOf(error.cause) === "ENOENT";
      if (!moved || attempt === 10) throw error;
    }
  }
  return undefined;
}
