import { createHash } from "node:crypto";

/** A value that JSON can hold. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** JSON with object keys in code-point order at every level, so that equal values have equal text. */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const object = value as { readonly [key: string]: Json };
    const fields = Object.keys(object)
      .sort()
      .map((key) => `${JSON.stringify(key)}:${canonicalJson(object[key])}`);
    return `{${fields.join(",")}}`;
  }
  return JSON.stringify(value);
}

/** The first `digits` hexadecimal digits of SHA-256 of a value's canonical JSON. */
export function hashOf(value: Json, digits = 12): string {
  return createHash("sha256").update(canonicalJson(value)).digest("hex").slice(0, digits);
}
