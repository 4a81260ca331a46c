import { largest } from "../core/extent.js";

/** How a column of values is written: every number with the same decimals, so that digits line up. */
export interface ColumnFormat {
  /** Right-aligned. */
  readonly numeric: boolean;
  format(value: unknown): string;
}

/**
 * A column's format, chosen from its values: integers whole, other numbers with `digits` significant digits for the
 * largest of them (at most 6 decimals), very small and very large ones with an exponent.
 */
export function columnFormat(values: readonly unknown[], digits = 4): ColumnFormat {
  const numbers = values.filter(
    (value): value is number => typeof value === "number" && Number.isFinite(value),
  );
  const present = values.filter((value) => value !== null && value !== undefined);
  const numeric = present.length > 0 && present.every((value) => /number|bigint/.test(typeof value));
  if (!numeric) return { numeric, format: textOf };
  if (numbers.every(Number.isInteger)) return { numeric, format: wholeText };
  const size = largest(numbers.map(Math.abs));
  const decimals = Math.min(6, Math.max(0, digits - 1 - Math.floor(Math.log10(size))));
  return { numeric, format: (value) => decimalText(value, decimals, digits) };
}

function decimalText(value: unknown, decimals: number, digits: number): string {
  if (typeof value !== "number" || !Number.isFinite(value)) return textOf(value);
  const size = Math.abs(value);
  const extreme = size >= 1e6 || (size > 0 && size < 0.5 * 10 ** -decimals);
  return minus(extreme ? value.toExponential(digits - 2) : value.toFixed(decimals));
}

function wholeText(value: unknown): string {
  if (typeof value !== "number" && typeof value !== "bigint") return textOf(value);
  if (typeof value === "number" && (!Number.isFinite(value) || Math.abs(value) >= 1e15)) return textOf(value);
  return minus(grouped(value));
}

/** A whole number with thin spaces between thousands, from 10 000. */
export function grouped(value: number | bigint): string {
  const text = String(value);
  if (text.length > 60) return text;
  return text.replace(/^-/, "").length > 4 ? text.replace(/\B(?=(\d{3})+$)/g, "\u202f") : text;
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return minus(String(value));
  if (typeof value === "object") return jsonText(value);
  return String(value);
}

/** JSON, in which bigints are numbers; what has no JSON (a circle) by its kind. */
function jsonText(value: object): string {
  const plain = (_key: string, part: unknown): unknown => (typeof part === "bigint" ? String(part) : part);
  try {
    return JSON.stringify(value, plain) ?? "";
  } catch {
    return Object.prototype.toString.call(value);
  }
}

/** A true minus sign, as wide as a digit. */
function minus(text: string): string {
  return text.replace(/^-/, "\u2212").replace("e-", "e\u2212").replace("e+", "e");
}
