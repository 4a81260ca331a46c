import { DataError } from "../core/errors.js";
import { printable } from "../core/printable.js";
import { isObject } from "../core/schema.js";
import type { Notebook } from "./nbformat.js";

/** This kernel, as notebooks name it. */
export const KERNELSPEC = { name: "tslab", display_name: "TypeScript (tslab)", language: "typescript" };

/**
 * Holds that a notebook is written for this kernel, or names none.
 * @throws DataError naming the kernel that it is for
 */
export function checkKernel({ metadata }: Notebook, path: string): void {
  const { kernelspec: spec = null, language_info: info = null } = metadata;
  if (spec !== null && !isObject(spec)) throw refusal(path, "kernelspec", spec);
  const { name = null, language = null } = spec ?? {};
  if (name !== null && !same(name, KERNELSPEC.name)) throw refusal(path, "kernelspec", name);
  if (language !== null && !same(language, KERNELSPEC.language))
    throw refusal(path, "kernelspec language", language);
  if (name !== null || language !== null || info === null) return;
  const written = isObject(info) ? (info.name ?? null) : info;
  if (written !== null && !same(written, KERNELSPEC.language)) throw refusal(path, "language_info", written);
}

function refusal(path: string, field: string, value: unknown): DataError {
  const shown = printable(typeof value === "string" ? value : JSON.stringify(value), 60);
  return new DataError(
    `${printable(path)}: ${field} ${shown}: not a notebook of this kernel (${KERNELSPEC.name}, ${KERNELSPEC.language}); left as it is`,
  );
}

function same(value: unknown, expected: string): boolean {
  return typeof value === "string" && value.toLowerCase() === expected;
}
