import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { StoreError } from "../core/errors.js";
import { makeFolders } from "../core/files/folders.js";
import { storeError } from "../core/files/io-error.js";
import { lockFolder, lockPath } from "./lock-folder.js";
import type { FolderKind } from "./record-file.js";

/** Where a folder that is moved away goes. */
interface Away {
  /** The folder's new name is the first that is free of `<name>-1`, `<name>-2`, ... */
  readonly name: string;
  /** In which folder. */
  readonly into: string;
}

/**
 * Moves a folder aside, out of the sight of every search, so that another can take its name: to .replaced/<id>-<n> beside it.
 * @param still decides under the lock whether the folder is to go; default always
 * @returns where it lies now; undefined if it was not to go, or is gone
 * @throws StoreError if another process has it
 */
export function moveAside(kind: FolderKind, folder: string, still?: () => boolean): string | undefined {
  const away = { name: basename(folder), into: join(dirname(folder), ".replaced") };
  return moveAway(kind, folder, away, still);
}

/**
 * Sets a folder aside that is damaged: renames it to <id>.damaged-<n>, which no search looks at. Loses nothing.
 * @returns where it lies now
 * @throws StoreError if another process has it, or there is none
 */
export function setFolderAside(kind: FolderKind, folder: string): string {
  const away = { name: `${basename(folder)}.damaged`, into: dirname(folder) };
  const target = moveAway(kind, folder, away);
  if (target !== undefined) return target;
  throw new StoreError(`${folder}: expected the folder of a ${kind.name}, found none`);
}

function moveAway(
  kind: FolderKind,
  folder: string,
  { name, into }: Away,
  still: () => boolean = () => true,
): string | undefined {
  const lock = lockFolder(kind, folder, () => fs.existsSync(folder));
  if (lock === undefined) return undefined;
  try {
    if (!still()) return undefined;
    makeFolders(into);
    let n = 1;
    while (fs.existsSync(join(into, `${name}-${n}`))) n++;
    const target = join(into, `${name}-${n}`);
    fs.renameSync(folder, target);
    fs.rmSync(lockPath(target), { force: true });
    return target;
  } catch (error) {
    throw storeError("move aside", folder, error);
  } finally {
    lock.release();
  }
}

/** Whether a folder of such a name was set aside. */
export function isSetAside(name: string): boolean {
  return name.startsWith(".") || /\.damaged-\d+$/.test(name);
}

/** Renames a file or folder to the first free <path>.damaged-<n>. @returns its new path */
export function setAsideFile(path: string): string {
  let n = 1;
  while (fs.existsSync(`${path}.damaged-${n}`)) n++;
  fs.renameSync(path, `${path}.damaged-${n}`);
  return `${path}.damaged-${n}`;
}
