import { printable } from "../../core/printable.js";

/** A file of an archive. Its content must be read to its end before the next entry is asked for. */
export interface ArchiveEntry {
  /** Below the folder that is unpacked to; parts joined by "/". */
  readonly path: string;
  /** Length that the archive promises. */
  readonly bytes: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/** Most entries that an archive may have; LibriSpeech's largest has 29,000. */
export const MOST_ENTRIES = 500_000;

/**
 * The path of an entry below the folder that is unpacked to; undefined for what is no file of the set: the archive's own
 * root ("./") and what macOS adds to archives.
 * @throws Error if the name is empty, absolute, or could lead out of that folder on any system
 */
export function entryPath(name: string): string | undefined {
  const refuse = (why: string): Error => new Error(`an entry's name ${why}: "${printable(name, 200)}"`);
  if (name === "") throw refuse("is empty");
  if (name.startsWith("/") || /^[a-z]:/i.test(name)) throw refuse("is an absolute path");
  if (name.includes("\\")) throw refuse("holds a backslash");
  if (name.includes("\0")) throw refuse("holds a NUL");
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw refuse("leads out of the folder");
  if (parts.some(isMacLitter)) return undefined;
  return parts.length === 0 ? undefined : parts.join("/");
}

/** Whether a file or folder of this name is what macOS leaves in archives and on foreign disks; never data. */
export function isMacLitter(name: string): boolean {
  return name.startsWith("._") || name === "__MACOSX" || name === ".DS_Store";
}
