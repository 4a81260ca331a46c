import { isDeeper, isObject } from "../core/schema.js";
import { DEEPEST, splitText, type ErrorOutput, type MimeBundle } from "./nbformat.js";

/** The content of a message: foreign, so each field may have any type. */
export type Content = Record<string, unknown>;

export interface Bundle {
  data: MimeBundle;
  metadata: Record<string, unknown>;
}

/** The data of a display as a notebook stores them; a type whose value is none of JSON is left out. */
export function storedBundle(content: Content): Bundle {
  const data = Object.entries(objectOf(content.data)).flatMap(([type, value]) => {
    const stored = storedValue(type, value);
    return stored === undefined ? [] : [[type, stored] as const];
  });
  const metadata = objectOf(content.metadata);
  return { data: Object.fromEntries(data), metadata: isDeeper(metadata, DEEPEST) ? {} : metadata };
}

/** About how many characters a bundle takes in the file. */
export function storedSize(bundle: Bundle): number {
  try {
    let size = JSON.stringify(bundle.metadata).length;
    for (const [type, value] of Object.entries(bundle.data)) size += type.length + valueSize(value);
    return size;
  } catch {
    return Infinity; // longer than a string can be
  }
}

export function displayId(content: Content): string | undefined {
  const id = objectOf(content.transient).display_id;
  return typeof id === "string" && id !== "" ? id : undefined;
}

/** An error of a cell, cut to a length. */
export function errorOutput(content: Content, limit: number): ErrorOutput {
  const ename = cut(textOf(content.ename, "Error"), 1000);
  const evalue = cut(textOf(content.evalue, ""), limit);
  const frames = Array.isArray(content.traceback) ? (content.traceback as unknown[]) : [];
  const traceback: string[] = [];
  let room = limit;
  for (const frame of frames) {
    if (typeof frame !== "string") continue;
    traceback.push(cut(frame, room));
    room -= frame.length + 1;
    if (room <= 0) break;
  }
  return { output_type: "error", ename, evalue, traceback };
}

function valueSize(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (Array.isArray(value) && value.every((line) => typeof line === "string"))
    return value.reduce((sum, line) => sum + line.length + 8, 0);
  return JSON.stringify(value).length;
}

/** Text is stored in lines; base64 data and JSON as they are. */
function storedValue(type: string, value: unknown): unknown {
  if (value === undefined || isDeeper(value, DEEPEST)) return undefined;
  if (/^application\/(.*\+)?json$/.test(type)) return value;
  if (Array.isArray(value) && value.every((line) => typeof line === "string")) return value;
  if (value === null) return undefined;
  if (typeof value !== "string") return JSON.stringify(value);
  const binary = /^(image\/(?!svg)|application\/pdf|audio\/|video\/)/.test(type);
  return binary ? value : splitText(value);
}

function textOf(value: unknown, missing: string): string {
  return typeof value === "string" ? value : missing;
}

function cut(text: string, limit: number): string {
  return text.length > limit ? `${text.slice(0, limit)}… (${text.length - limit} more characters)` : text;
}

/** The value if it is an object, else one without fields. */
export function objectOf(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}
