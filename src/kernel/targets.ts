import { accessSync, constants, lstatSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { DataError, StoreError } from "../core/errors.js";
import { makeFolders } from "../core/files/folders.js";
import { storeError } from "../core/files/io-error.js";
import { printable } from "../core/printable.js";

/** Where an executed notebook is written, as named: beside the others in `output`, or in place. */
export function targetOf(path: string, output?: string): string {
  return output === undefined ? path : join(output, basename(path));
}

/**
 * The file that writing to `path` changes, links followed; its folder is made.
 * @throws StoreError if it cannot be written: better now than after hours of work
 */
export function fileBehind(path: string): string {
  try {
    makeFolders(dirname(path));
    const file = followLinks(path);
    const there = statSync(file, { throwIfNoEntry: false });
    if (there && !there.isFile())
      throw new StoreError(`cannot write ${printable(path)}: it is no regular file`);
    if (there) accessSync(file, constants.W_OK);
    accessSync(dirname(file), constants.W_OK);
    return file;
  } catch (error) {
    throw storeError("write", printable(path), error);
  }
}

/** Also where the last link leads nowhere yet. */
function followLinks(path: string): string {
  let file = resolve(path);
  const seen = new Set<string>();
  while (lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink()) {
    if (seen.has(file)) break; // the system says ELOOP
    seen.add(file);
    file = resolve(realpathSync(dirname(file)), readlinkSync(file));
  }
  return join(realpathSync(dirname(file)), basename(file));
}

/**
 * Holds that each of several notebooks is written to a file of its own, and over no other of them.
 * @throws DataError naming the notebooks and the file that they share
 */
export function checkTargets(paths: readonly string[], output?: string): void {
  const writers = new Map<string, string>();
  for (const path of paths) {
    const target = targetOf(path, output);
    for (const mark of marksOf(target, output)) {
      const other = writers.get(mark);
      if (other !== undefined) throw collision(other, path, target);
    }
    for (const mark of marksOf(target, output)) writers.set(mark, path);
  }
  if (output === undefined) return;
  for (const path of paths) {
    const writer = identity(path) && writers.get(identity(path)!);
    if (writer !== undefined && writer !== path) throw collision(path, writer, path);
  }
}

function collision(one: string, other: string, target: string): DataError {
  const both =
    one === other ? `${printable(one)} is named twice` : `${printable(one)} and ${printable(other)}`;
  return new DataError(
    `${both}: both would be written to ${printable(target)}, and one would be lost; nothing was run. ` +
      "Name each once, or execute them in separate calls with an --output of their own",
  );
}

/** What tells a target: the file that is there, and in a common folder its name, as systems that ignore case see it. */
function marksOf(target: string, output?: string): string[] {
  const there = identity(target);
  const name = `name ${basename(target).normalize("NFC").toLowerCase()}`;
  const byName = output !== undefined ? [name] : there === undefined ? [`path ${resolve(target)}`] : [];
  return there === undefined ? byName : [there, ...byName];
}

/** The same for all names of one file; undefined where there is none. */
function identity(path: string): string | undefined {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `file ${dev}:${ino}`;
  } catch {
    return undefined; // what is wrong with it is said when it is read or written
  }
}
