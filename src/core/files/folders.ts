import * as fs from "node:fs";
import { dirname } from "node:path";
import { codeOf } from "./io-error.js";

/**
 * Makes a folder and those above it, as far as they are missing. Not Node's own way (`recursive: true`): it tries for
 * ever where a folder is there and its file system makes none, such as /proc.
 * @param within a folder that must be there: only folders below it are made, so that one which was moved away is not
 *   made anew in its old place. Default: all are made
 * @throws the system's error
 */
export function makeFolders(path: string, within?: string): void {
  if (path === within) return;
  try {
    return fs.mkdirSync(path);
  } catch (error) {
    if (isFolder(path)) return;
    const above = dirname(path);
    if (codeOf(error) !== "ENOENT" || above === path || above === within) throw error;
    if (!isFolder(above)) makeFolders(above, within); // else another process has just made it, or there is none to make
  }
  try {
    fs.mkdirSync(path);
  } catch (error) {
    if (!isFolder(path)) throw error; // else another process made it
  }
}

function isFolder(path: string): boolean {
  return fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
