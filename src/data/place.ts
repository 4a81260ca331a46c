import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { printable } from "../core/printable.js";
import { isMacLitter } from "./archives/entry.js";
import { isFile, isFolder } from "./files.js";
import type { Layout, Part } from "./sources.js";

/** Where a part of a data set lies. */
export interface Place {
  readonly folder: string;
  /** Path of each needed file, by the name that `Part.needs` gives it. */
  readonly files: ReadonlyMap<string, string>;
}

/** Names of a folder that a message lists. */
const LISTED = 6;

/**
 * Looks for a part in every folder and under every name that is accepted.
 * @returns the first folder that holds all of it; undefined if none does
 * @throws DataError if one of its files is a link to nothing
 */
export async function findPart(part: Part, root: string): Promise<Place | undefined> {
  for (const place of await candidates(part, root)) if (isWhole(part, place)) return place;
  return undefined;
}

/**
 * What an incomplete part lacks, and what lies in its place: "/data/mnist: lacks train-images-idx3-ubyte (found
 * labels.csv)"; undefined where there is nothing at all.
 */
export async function gapOf(part: Part, root: string): Promise<string | undefined> {
  let best: { place: Place; names: readonly string[] } | undefined;
  for (const place of await candidates(part, root)) {
    const names = await namesIn(place.folder);
    if (names.length > 0 && (!best || place.files.size > best.place.files.size)) best = { place, names };
  }
  if (best === undefined) return undefined;
  const { place, names } = best;
  const lacks = part.needs.filter((need) => !place.files.has(need)).join(", ");
  const more = names.length > LISTED ? `, and ${names.length - LISTED} more` : "";
  return `${place.folder}: lacks ${lacks} (found ${names.slice(0, LISTED).join(", ")}${more})`;
}

function isWhole({ needs }: Part, { files }: Place): boolean {
  return needs.every((need) => files.has(need));
}

/** Every folder that is there and may hold the part, with what it holds of it. */
async function candidates(part: Part, root: string): Promise<Place[]> {
  const own: Layout = { folders: [part.folder], names: (need) => [need] };
  const places: Place[] = [];
  for (const { folders, names } of part.layouts ?? [own]) {
    for (const folder of folders.map((name) => join(root, name))) {
      if (!(await isFolder(folder))) continue;
      const files = new Map<string, string>();
      for (const need of part.needs) {
        const path = await firstFile(names(need), folder);
        if (path !== undefined) files.set(need, path);
      }
      places.push({ folder, files });
    }
  }
  return places;
}

async function firstFile(names: readonly string[], folder: string): Promise<string | undefined> {
  for (const name of names) if (await isFile(join(folder, name))) return join(folder, name);
  return undefined;
}

async function namesIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names
    .filter((name) => !isMacLitter(name))
    .sort()
    .map((name) => printable(name, 80));
}
