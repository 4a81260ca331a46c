import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { DataError, messageOf, SpectralError } from "../core/errors.js";
import { reasonOf } from "../core/files/io-error.js";
import { printable } from "../core/printable.js";
import { jsonEntries, jsonValue } from "./json-object.js";
import { quoted } from "./safetensors-header.js";

/** Which shard each tensor lies in, as `model.safetensors.index.json` or `pytorch_model.bin.index.json` has it. */
export interface WeightsIndex {
  readonly path: string;
  /** By tensor, the path of its shard. */
  readonly shards: ReadonlyMap<string, string>;
}

const MOST_OF_INDEX = 100_000_000; // bytes: as much as a header may have
const MOST_OF_NAME = 4096; // bytes of a file's name

/** @throws DataError if the file is no such index, or names shards outside its own folder */
export function readIndex(path: string): WeightsIndex {
  const fail = (found: string): never => {
    throw new DataError(
      `${path}: expected a safetensors file, a PyTorch checkpoint, or an index of shards (JSON with a weight_map of file names), found ${found}`,
    );
  };
  try {
    const { size } = fs.statSync(path);
    if (size > MOST_OF_INDEX) fail(`${size} bytes of JSON text`);
    const bytes = fs.readFileSync(path);
    const start = bytes.subarray(0, 3).equals(Buffer.of(0xef, 0xbb, 0xbf)) ? 3 : 0;
    const map = [...jsonEntries(bytes, start)].find(({ key }) => key === "weight_map");
    if (map === undefined) return fail("JSON text without one (a configuration?)");
    const shards = new Map<string, string>();
    for (const entry of jsonEntries(bytes, map.start, map.end)) {
      const name = entry.end - entry.start <= MOST_OF_NAME ? jsonValue(bytes, entry) : undefined;
      if (typeof name !== "string" || !isPlainName(name)) {
        const found = typeof name === "string" ? quoted(name) : "something else";
        return fail(`${found} as the shard of ${quoted(entry.key)} in place of the name of a file beside it`);
      }
      shards.set(entry.key, join(dirname(path), name));
    }
    return { path, shards };
  } catch (error) {
    if (error instanceof SpectralError) throw error;
    if (error instanceof SyntaxError || error instanceof TypeError)
      return fail(`JSON text that is broken: ${printable(messageOf(error), 300)}`);
    throw new DataError(`cannot read ${path}: ${reasonOf(error)}`, { cause: error });
  }
}

/** A foreign index shall not lead anywhere but to files beside it. */
function isPlainName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[/\\\0]/.test(name);
}
