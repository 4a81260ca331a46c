import { readFile, rename, rm, writeFile } from "node:fs/promises";

/** Notebooks in nbformat 4.5, as far as this project reads and writes them. */

export type Text = string | string[];
export type MimeBundle = Record<string, unknown>;

export interface StreamOutput {
  output_type: "stream";
  name: "stdout" | "stderr";
  text: Text;
}
export interface DisplayOutput {
  output_type: "display_data";
  data: MimeBundle;
  metadata: Record<string, unknown>;
}
export interface ResultOutput {
  output_type: "execute_result";
  execution_count: number | null;
  data: MimeBundle;
  metadata: Record<string, unknown>;
}
export interface ErrorOutput {
  output_type: "error";
  ename: string;
  evalue: string;
  traceback: string[];
}
export type CellOutput = StreamOutput | DisplayOutput | ResultOutput | ErrorOutput;

export interface Cell {
  id: string;
  cell_type: "code" | "markdown" | "raw";
  metadata: Record<string, unknown> & { tags?: string[] };
  source: Text;
  outputs?: CellOutput[];
  execution_count?: number | null;
}

export interface Notebook {
  nbformat: 4;
  nbformat_minor: number;
  metadata: Record<string, unknown>;
  cells: Cell[];
}

/**
 * Reads a notebook; cells of an older format get an id from their position.
 * @throws Error naming the file if it is not a notebook of format 4
 */
export async function readNotebook(path: string): Promise<Notebook> {
  let notebook: Notebook;
  try {
    notebook = JSON.parse(await readFile(path, "utf8")) as Notebook;
  } catch (error) {
    throw new Error(
      `${path}: not a readable notebook: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  if (notebook?.nbformat !== 4 || !Array.isArray(notebook.cells)) {
    throw new Error(`${path}: expected a notebook of format 4, found nbformat ${String(notebook?.nbformat)}`);
  }
  const taken = new Set(notebook.cells.map((cell) => cell.id));
  const cells = notebook.cells.map((cell, i) => ({ ...cell, id: cell.id ?? freeId(i, taken) }));
  return { ...notebook, nbformat_minor: Math.max(5, notebook.nbformat_minor), cells };
}

/** Writes a notebook as Jupyter does; readers see the old file or the new one, never a part. */
export async function writeNotebook(path: string, notebook: Notebook): Promise<void> {
  const aside = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(aside, `${JSON.stringify(notebook, null, 1)}\n`);
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true });
    throw error;
  }
}

export function joinText(text: Text): string {
  return Array.isArray(text) ? text.join("") : text;
}

/** Text as notebooks store it: a list of lines, each with its line break. */
export function splitText(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function freeId(position: number, taken: Set<string>): string {
  let id = `cell-${position}`;
  while (taken.has(id)) id += "-";
  taken.add(id);
  return id;
}
