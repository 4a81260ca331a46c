import { writeStreamAtomic } from "../core/files/atomic.js";
import { checkedNotebook } from "./check-notebook.js";
import type { Notebook } from "./nbformat.js";
import { readJson } from "./text-file.js";

export * from "./nbformat.js";

/**
 * Reads a notebook; every field that the executor uses is checked.
 * @throws DataError naming the file, the cell and the field, what was expected and what was found
 */
export async function readNotebook(path: string): Promise<Notebook> {
  return checkedNotebook(await readJson(path), path);
}

/**
 * Writes a notebook as Jupyter does; readers see the old file or the new one, never a part.
 * @throws StoreError naming the file; the old one is then untouched
 */
export async function writeNotebook(path: string, notebook: Notebook): Promise<void> {
  await writeStreamAtomic(path, pieces(notebook));
}

/** The file cell by cell, since all of it may be longer than a string can be. */
async function* pieces(notebook: Notebook): AsyncGenerator<string> {
  let between = "{\n ";
  for (const [key, value] of Object.entries(notebook) as [string, unknown][]) {
    yield `${between}${JSON.stringify(key)}: `;
    if (key === "cells") yield* list(notebook.cells);
    else yield json(value, 1);
    between = ",\n ";
  }
  yield "\n}\n";
}

async function* list(cells: readonly unknown[]): AsyncGenerator<string> {
  for (const [i, cell] of cells.entries()) yield `${i === 0 ? "[" : ","}\n  ${json(cell, 2)}`;
  yield cells.length > 0 ? "\n ]" : "[]";
}

/** JSON as it stands inside `levels` levels of one space each. */
function json(value: unknown, levels: number): string {
  // Line breaks inside of texts are written as \n, so every one that is there is the layout's.
  return JSON.stringify(value, null, 1).replaceAll("\n", `\n${" ".repeat(levels)}`);
}
