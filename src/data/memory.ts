import { type Json, hashOf } from "../core/hash.js";

/** Bytes of opened data that are kept for the next opening. */
const KEPT = 512 * 2 ** 20;

/** Opened data with how many bytes they take. */
export interface Sized<T> {
  readonly value: T;
  readonly bytes: number;
}

interface Opened {
  readonly reference: WeakRef<object>;
  readonly bytes: number;
  /** The value, while it is kept even if nobody holds it. */
  kept?: object;
}

/** By hash of what they were opened from, the least recently used first. */
const opened = new Map<string, Opened>();

/**
 * What `open` returned for `key` before in this process, else what it returns now: a page that trains four settings
 * reads its data once. Up to 512 MB are kept, the last ones used; larger data are shared only as long as somebody holds
 * them, so that two sets of features (1.9 GB each) never stay in memory together.
 * @param key everything that the result depends on, sizes and times of the files included
 * @param open gives a value that nobody may change; what it throws is not kept
 */
export async function openedOnce<T extends object>(key: Json, open: () => Promise<Sized<T>>): Promise<T> {
  const id = hashOf(key, 32);
  const before = opened.get(id);
  const found = before?.reference.deref() as T | undefined;
  const { value, bytes } = before && found ? { value: found, bytes: before.bytes } : await open();
  opened.delete(id);
  opened.set(id, { reference: new WeakRef(value), bytes, kept: value });
  let total = 0;
  for (const [other, entry] of [...opened].reverse()) {
    if (entry.bytes > KEPT || (total += entry.bytes) > KEPT) entry.kept = undefined;
    if (entry.reference.deref() === undefined) opened.delete(other);
  }
  return value;
}
