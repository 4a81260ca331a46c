import { DataError } from "../core/errors.js";
import { printable } from "../core/printable.js";
import { isDeeper, isObject } from "../core/schema.js";
import { DEEPEST, type Cell, type CellOutput, type Notebook, type Text } from "./nbformat.js";

type Fields = Record<string, unknown>;

/**
 * What a file holds as a notebook of format 4. What is missing gets the format's default; a cell without a valid id of
 * its own gets one from its position.
 * @throws DataError naming the file, the cell and the field, what was expected and what was found
 */
export function checkedNotebook(content: unknown, path: string): Notebook {
  try {
    return checked(content);
  } catch (error) {
    if (error instanceof Misfit) throw new DataError(`${printable(path)}: ${error.message}`);
    throw error;
  }
}

class Misfit extends Error {}

function checked(content: unknown): Notebook {
  if (!isObject(content)) throw misfit("notebook", "an object", content);
  if (isDeeper(content, DEEPEST)) throw new Misfit(`notebook: lists and objects more than ${DEEPEST} deep`);
  const { nbformat, nbformat_minor: minor = 5, metadata, cells } = content;
  if (nbformat !== 4) throw new Misfit(otherFormat(nbformat));
  if (!Number.isInteger(minor) || (minor as number) < 0)
    throw misfit("nbformat_minor", "a whole number", minor);
  if (!Array.isArray(cells)) throw misfit("cells", "a list", cells);
  const all = cells.map(checkedCell);
  const free = new FreeIds(all);
  return {
    ...content,
    nbformat,
    nbformat_minor: Math.max(5, minor as number),
    metadata: objectOr({}, metadata, "metadata"),
    cells: all.map((cell, i) => ({ ...cell, id: free.idOf(cell, i) })),
  };
}

function otherFormat(nbformat: unknown): string {
  const expected = `expected a notebook of format 4, found nbformat ${found(nbformat)}`;
  const old = typeof nbformat === "number" && nbformat < 4;
  return old ? `${expected}; jupyter nbconvert --to notebook converts it` : expected;
}

function checkedCell(cell: unknown, position: number): Cell {
  const place = `cell ${position + 1}`;
  if (!isObject(cell)) throw misfit(place, "an object", cell);
  const type = cell.cell_type;
  if (type !== "code" && type !== "markdown" && type !== "raw")
    throw misfit(`${place}: cell_type`, '"code", "markdown" or "raw"', type);
  const metadata = objectOr({}, cell.metadata, `${place}: metadata`);
  checkTags(metadata.tags, `${place}: metadata.tags`);
  const common = { ...cell, cell_type: type, metadata, source: checkedSource(cell.source, place) } as Cell;
  if (type !== "code") return common;
  const outputs = checkedOutputs(cell.outputs, `${place}: outputs`);
  const count = Number.isInteger(cell.execution_count) ? (cell.execution_count as number) : null;
  return { ...common, outputs, execution_count: count };
}

function checkTags(tags: unknown, place: string): void {
  if (tags === undefined) return;
  if (!Array.isArray(tags)) throw misfit(place, "a list of texts", tags);
  for (const [i, tag] of tags.entries())
    if (typeof tag !== "string") throw misfit(`${place}[${i}]`, "a text", tag);
}

function checkedSource(source: unknown, place: string): Text {
  if (source === undefined || source === null) return "";
  if (typeof source === "string") return source;
  if (!Array.isArray(source)) throw misfit(`${place}: source`, "a text or a list of texts", source);
  for (const [i, line] of source.entries())
    if (typeof line !== "string") throw misfit(`${place}: source[${i}]`, "a text", line);
  return source as string[];
}

/** Stored outputs stay as they are, also of kinds that are not known here. */
function checkedOutputs(outputs: unknown, place: string): CellOutput[] {
  if (outputs === undefined || outputs === null) return [];
  if (!Array.isArray(outputs)) throw misfit(place, "a list", outputs);
  for (const [i, output] of outputs.entries())
    if (!isObject(output)) throw misfit(`${place}[${i}]`, "an object", output);
  return outputs as CellOutput[];
}

function objectOr(missing: Fields, value: unknown, place: string): Fields {
  if (value === undefined || value === null) return missing;
  if (!isObject(value)) throw misfit(place, "an object", value);
  return value;
}

/** An id for every cell: its own if it is one and no earlier cell has it, else a new one from its position. */
class FreeIds {
  readonly #given = new Set<string>();
  readonly #taken: ReadonlySet<string>;

  constructor(cells: readonly Cell[]) {
    this.#taken = new Set(cells.map(({ id }) => id));
  }

  idOf({ id }: Cell, position: number): string {
    let own = id;
    if (!isId(id) || this.#given.has(id)) {
      own = `cell-${position}`;
      for (let i = 2; this.#taken.has(own) || this.#given.has(own); i++) own = `cell-${position}-${i}`;
    }
    this.#given.add(own);
    return own;
  }
}

function isId(id: unknown): boolean {
  return typeof id === "string" && /^[a-zA-Z0-9_-]{1,64}$/.test(id);
}

function misfit(place: string, expected: string, value: unknown): Misfit {
  return new Misfit(`${place}: expected ${expected}, found ${found(value)}`);
}

/** A value of the wrong type in a few words. */
function found(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "string" ? `the text "${printable(value, 60)}"` : String(value);
}
