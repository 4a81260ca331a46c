import { existsSync, realpathSync, statSync } from "node:fs";
import { join, parse } from "node:path";
import { DataError } from "../core/errors.js";
import { printable } from "../core/printable.js";
import { writeNotebook, type Notebook } from "./notebook.js";
import { fileBehind, targetOf } from "./targets.js";

/** Where an executed notebook goes. A notebook that somebody changed since it was read is never written over. */
export class Destination {
  /** As a person names it. */
  readonly path: string;
  readonly #file: string;
  /** In place: what tells the file that was read from a later one. */
  #read: string | undefined;

  /**
   * @param output folder for it; in place if undefined
   * @throws StoreError if it cannot be written
   */
  constructor(path: string, output?: string) {
    this.path = targetOf(path, output);
    this.#file = fileBehind(this.path);
    if (existsSync(path) && realpathSync(path) === this.#file) this.#read = stamp(this.#file);
  }

  /** @throws StoreError naming the file; DataError if the notebook was changed, naming the file written instead */
  async write(notebook: Notebook): Promise<void> {
    if (this.#read !== undefined && stamp(this.#file) !== this.#read) {
      const beside = freeName(this.#file);
      await writeNotebook(beside, notebook);
      throw new DataError(
        `${printable(this.path)}: somebody changed it while it was executed, so it is left as it is; ` +
          `the executed notebook is ${printable(beside)}`,
      );
    }
    await writeNotebook(this.#file, notebook);
    if (this.#read !== undefined) this.#read = stamp(this.#file);
  }
}

function stamp(file: string): string {
  const { ino, size, mtimeNs } = statSync(file, { bigint: true, throwIfNoEntry: false }) ?? {};
  return `${ino} ${size} ${mtimeNs}`;
}

/** "name.executed.ipynb", or with a number. */
function freeName(file: string): string {
  const { dir, name, ext } = parse(file);
  for (let i = 1; ; i++) {
    const free = join(dir, `${name}.executed${i > 1 ? `-${i}` : ""}${ext}`);
    if (!existsSync(free)) return free;
  }
}
