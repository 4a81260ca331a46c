import type { Data, Layout } from "plotly.js";

/**
 * A Plotly figure as plain JSON: no functions, no typed arrays, no class instances. `null` among numbers is a gap.
 * The same value is drawn in the browser (lab/show) and on paper (figures/static).
 */
export interface Figure {
  readonly data: readonly Data[];
  /** Carries the size in CSS pixels, so that every front end draws the same picture. */
  readonly layout: Partial<Layout> & { readonly width: number; readonly height: number };
  /** One sentence that says what is shown: the alternative text of the image. */
  readonly description: string;
}

/** One trace of a figure. */
export type Trace = Data;

/** A number, or a gap. */
export type Value = number | null;

/** `value` with `digits` significant decimal digits: figures are drawn, not computed with, so 5 digits are plenty. */
export function rounded(value: number, digits = 5): Value {
  return Number.isFinite(value) ? Number(value.toPrecision(digits)) : null;
}

/**
 * A figure's data and layout as JSON for the browser: arrays of numbers as little-endian float32 in base64, which is a
 * third of their decimal text, and `<` escaped so that the text may stand inside a script element.
 * Plotly >= 2.28 reads this form; gaps become NaN.
 */
export function packedJson(figure: Figure): string {
  const content = { data: figure.data, layout: figure.layout };
  return JSON.stringify(content, (_key, value: unknown) => packed(value))
    .replaceAll("<", "\\u003c")
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
}

const packFrom = 32; // shorter arrays stay readable

function packed(value: unknown): unknown {
  if (!Array.isArray(value) || value.length === 0) return value;
  if (value.length >= packFrom && isNumeric(value)) return { dtype: "f4", bdata: base64(value) };
  const columns = Array.isArray(value[0]) ? value[0].length : 0;
  if (columns * value.length < packFrom) return value;
  const rectangular = value.every((row) => Array.isArray(row) && row.length === columns && isNumeric(row));
  if (!rectangular) return value;
  return { dtype: "f4", bdata: base64(value.flat()), shape: `${value.length}, ${columns}` };
}

function isNumeric(values: readonly unknown[]): values is Value[] {
  return values.every((value) => typeof value === "number" || value === null);
}

function base64(values: readonly Value[]): string {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => bytes.writeFloatLE(value ?? NaN, 4 * index));
  return bytes.toString("base64");
}
