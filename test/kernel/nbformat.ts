import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { ErrorObject, ValidateFunction } from "ajv";

/** Where Debian's python3-nbformat keeps the format's own schema. */
const SCHEMA = "/usr/lib/python3/dist-packages/nbformat/v4/nbformat.v4.5.schema.json";

type Fields = Record<string, (value: unknown) => boolean>;

const text = (value: unknown): boolean =>
  typeof value === "string" || (Array.isArray(value) && value.every((line) => typeof line === "string"));
const object = (value: unknown): boolean =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const string = (value: unknown): boolean => typeof value === "string";
const strings = (value: unknown): boolean => Array.isArray(value) && value.every(string);
const count = (value: unknown): boolean =>
  value === null || (Number.isInteger(value) && (value as number) >= 0);
const list = (value: unknown): boolean => Array.isArray(value);
const bundle = (value: unknown): boolean =>
  object(value) && Object.entries(value as object).every(([type, data]) => /json$/.test(type) || text(data));

const OUTPUTS: Record<string, Fields> = {
  stream: { name: (name) => name === "stdout" || name === "stderr", text },
  display_data: { data: bundle, metadata: object },
  execute_result: { data: bundle, metadata: object, execution_count: count },
  error: { ename: string, evalue: string, traceback: strings },
};
const CELL: Fields = {
  id: (id) => typeof id === "string" && /^[a-zA-Z0-9_-]{1,64}$/.test(id),
  cell_type: string,
  metadata: object,
  source: text,
};
const CELLS: Record<string, Fields> = {
  code: { ...CELL, outputs: list, execution_count: count },
  markdown: CELL,
  raw: CELL,
};

/** What nbformat 4.5 asks of a notebook and this one lacks: empty if it is valid. */
export function notebookProblems(notebook: unknown): string[] {
  const whole: Fields = {
    nbformat: (value) => value === 4,
    nbformat_minor: (value) => Number.isInteger(value) && (value as number) >= 5,
    metadata: object,
    cells: list,
  };
  const problems = check(notebook, whole, "notebook", ["attachments"]);
  if (problems.length > 0) return problems;
  const { cells } = notebook as {
    cells: { id?: string; cell_type: string; outputs?: { output_type: string }[] }[];
  };
  for (const [i, cell] of cells.entries()) {
    const optional = cell.cell_type === "code" ? [] : ["attachments"];
    problems.push(...check(cell, CELLS[cell.cell_type], `cell ${i}`, optional));
    if (cells.findIndex(({ id }) => id === cell.id) !== i)
      problems.push(`cell ${i}: id "${cell.id}" is taken`);
    for (const [j, output] of (cell.outputs ?? []).entries()) {
      const fields = OUTPUTS[output.output_type];
      problems.push(...check(output, fields && { ...fields, output_type: string }, `cell ${i}, output ${j}`));
    }
  }
  return problems;
}

/** The same question put to the format's own schema; undefined where this machine has none. */
export function schemaProblems(notebook: unknown): string[] | undefined {
  if (!existsSync(SCHEMA)) return undefined;
  const require = createRequire(import.meta.url);
  const { default: Ajv } = require("ajv-draft-04") as {
    default: new (options: object) => { compile(schema: unknown): ValidateFunction };
  };
  const validate = new Ajv({ strict: false }).compile(JSON.parse(readFileSync(SCHEMA, "utf8")));
  validate(notebook);
  return (validate.errors ?? []).map((error: ErrorObject) => `${error.instancePath} ${error.message}`);
}

function check(value: unknown, fields: Fields | undefined, place: string, optional: string[] = []): string[] {
  if (!fields) return [`${place}: unknown type`];
  if (!object(value)) return [`${place}: not an object`];
  const found = value as Record<string, unknown>;
  const problems = Object.entries(fields)
    .filter(([name, holds]) => !holds(found[name]))
    .map(([name]) => `${place}: "${name}" is missing or ill-typed`);
  const unknown = Object.keys(found).filter((name) => !(name in fields) && !optional.includes(name));
  return [...problems, ...unknown.map((name) => `${place}: unexpected "${name}"`)];
}
