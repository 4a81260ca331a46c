import * as fs from "node:fs";
import { basename, join } from "node:path";
import type { NdArray } from "../core/array.js";
import { DataError, messageOf } from "../core/errors.js";
import { formatOf } from "../core/files/format.js";
import { codeOf, reasonOf } from "../core/files/io-error.js";
import { printable } from "../core/printable.js";
import { quoted } from "./safetensors-header.js";
import { openTensorFile } from "./open-tensor-file.js";
import type { FileTensor, TensorFile, TensorReader } from "./tensor-file.js";
import { readIndex, type WeightsIndex } from "./weights-index.js";

/** A tensor of a model. */
export interface StoredTensor extends FileTensor {
  /** Unique in the model: the tensor's own name, after that of its file where several files have one of that name. */
  readonly name: string;
  /** The file that it lies in, and its name there. */
  readonly file: string;
  readonly key: string;
}

/** A model's weights in one file or many, read part by part; `close` it afterwards. */
export interface Weights {
  readonly files: readonly string[];
  /** File by file, in the order of the headers. */
  readonly tensors: readonly StoredTensor[];
  /** What is missing or cannot be read, a sentence each; all else can be read. */
  readonly faults: readonly string[];
  /** `count` elements of a tensor from element `from` on, converted as `readSafetensors` does. @throws DataError */
  readPart(tensor: StoredTensor, from: number, count: number): NdArray["data"];
  close(): void;
}

/**
 * Opens a safetensors file or a PyTorch checkpoint, an index (`model.safetensors.index.json`, `pytorch_model.bin.index.json`) with
 * the shards that it names, or a folder: its index, else all of its files of one kind (see `KINDS`). Of many files one is
 * open at a time.
 * @throws DataError if there is nothing of the kind; of a shard that is missing or damaged `faults` tells
 */
export async function openWeights(path: string): Promise<Weights> {
  const { files, index } = filesOf(path);
  const alone = files.length === 1 && index === undefined;
  const faults: string[] = [];
  const listed: StoredTensor[] = [];
  const read = new Map<string, TensorFile>();
  for (const file of files) {
    try {
      const opened = await openTensorFile(file);
      for (const tensor of opened.tensors) listed.push({ ...tensor, key: tensor.name, file });
      read.set(file, opened);
    } catch (error) {
      if (alone) throw error;
      const absent = index !== undefined && !fs.existsSync(file);
      faults.push(
        absent ? `${index.path}: its shard ${quoted(basename(file))} is missing` : messageOf(error),
      );
    }
  }
  faults.push(...(index === undefined ? missingShards(files) : missingTensors(index, listed, read)));
  return { files, tensors: withUniqueNames(listed, index), faults, ...reader(read) };
}

/** Reads parts of tensors, with one file open at a time. */
function reader(files: ReadonlyMap<string, TensorFile>): Pick<Weights, "readPart" | "close"> {
  let open: { readonly path: string; readonly file: TensorReader } | undefined;
  const close = (): void => {
    open?.file.close();
    open = undefined;
  };
  return {
    readPart({ file: path, key }, from, count) {
      if (open?.path !== path) {
        close();
        open = { path, file: files.get(path)!.open() };
      }
      return open.file.readPart(key, from, count);
    },
    close,
  };
}

function filesOf(path: string): { readonly files: readonly string[]; readonly index?: WeightsIndex } {
  try {
    if (fs.statSync(path).isDirectory()) return filesOfFolder(path);
    if (!path.endsWith(".json") && !isJson(path)) return { files: [path] };
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`cannot read ${path}: ${reasonOf(error)}`, { cause: error });
  }
  return filesOfIndex(path);
}

function filesOfIndex(path: string): { readonly files: readonly string[]; readonly index: WeightsIndex } {
  const index = readIndex(path);
  return { files: [...new Set(index.shards.values())].sort(byNumber), index };
}

/** Files of weights in a folder, the first kind that there is: an index of that kind stands for all of its files. */
const KINDS: readonly { readonly index?: string; readonly files: RegExp }[] = [
  { index: ".safetensors.index.json", files: /\.safetensors$/ },
  { index: ".bin.index.json", files: /^pytorch_model.*\.bin$/ },
  { files: /\.(pt|pth|bin|ckpt)$/ },
];

function filesOfFolder(folder: string): { readonly files: readonly string[]; readonly index?: WeightsIndex } {
  const names = namesIn(folder);
  for (const kind of KINDS) {
    const indices = names.filter((name) => isIndexOf(name, kind));
    const files = names.filter((name) => kind.files.test(name));
    if (indices.length === 1) return filesOfIndex(join(folder, indices[0]));
    if (indices.length > 1) {
      const list = indices.map((name) => quoted(name)).join(", ");
      throw new DataError(`${folder}: expected one index of shards, found ${list}; name one of them`);
    }
    if (files.length > 0) return { files: files.map((name) => join(folder, name)) };
  }
  const below = names.filter((name) => holdsWeights(join(folder, name)));
  const advice =
    below.length === 0
      ? ""
      : `; below it, ${below.slice(0, 10).map(quoted).join(", ")} ${below.length === 1 ? "has" : "have"} some`;
  throw new DataError(
    `${folder}: expected a folder with *.safetensors files, PyTorch checkpoints (*.pt, *.pth, *.bin, *.ckpt) or an index of shards, ` +
      `found none${advice}`,
  );
}

/** Names of what lies in a folder, in the order of their numbers, without what is hidden. */
function namesIn(folder: string): string[] {
  const names = fs.readdirSync(folder).filter((name) => !name.startsWith("."));
  return names.sort(byNumber);
}

/** Whether something is a folder with files of weights. */
export function holdsWeights(folder: string): boolean {
  try {
    return namesIn(folder).some(isWeightsName);
  } catch {
    return false; // a file, or one that may not be read
  }
}

/** Whether a file is called as one of weights is. */
export function isWeightsName(name: string): boolean {
  return KINDS.some((kind) => kind.files.test(name) || isIndexOf(name, kind));
}

function isIndexOf(name: string, { index }: (typeof KINDS)[number]): boolean {
  return index !== undefined && name.endsWith(index);
}

/** JSON text; the header of a safetensors file begins with its length. */
function isJson(path: string): boolean {
  const file = fs.openSync(path, "r");
  try {
    const start = Buffer.alloc(64);
    const count = fs.readSync(file, start, 0, start.length, 0);
    if (formatOf(start.subarray(0, count))?.name !== "json") return false;
    return count < 8 || start.readBigUInt64LE(0) > BigInt(fs.fstatSync(file).size);
  } catch (error) {
    if (codeOf(error) === "EISDIR") return false;
    throw error;
  } finally {
    fs.closeSync(file);
  }
}

/** "model-00002-of-00003.safetensors" says that there must be three. */
function missingShards(files: readonly string[]): string[] {
  if (files.length < 2) return [];
  const present = new Set(files);
  const missing = new Set<string>();
  for (const file of files) {
    const parts = /^(.*-)(\d{1,6})(-of-)(\d{1,6})(\.safetensors|\.bin)$/.exec(file);
    if (parts === null) continue;
    const [, before, number, of, total, after] = parts;
    for (let i = 1; i <= Number(total) && missing.size < 1000; i++) {
      const name = `${before}${String(i).padStart(number.length, "0")}${of}${total}${after}`;
      if (!present.has(name)) missing.add(name);
    }
  }
  return [...missing].map((name) => `the shard ${printable(name)} is missing`);
}

/** Tensors that the index promises and their shards have not; those of a shard that cannot be read are not counted again. */
function missingTensors(
  index: WeightsIndex,
  listed: readonly StoredTensor[],
  read: ReadonlyMap<string, unknown>,
): string[] {
  const present = new Set(listed.map(({ file, key }) => `${file}\0${key}`));
  const missing = new Map<string, string[]>();
  for (const [tensor, shard] of index.shards) {
    if (!read.has(shard) || present.has(`${shard}\0${tensor}`)) continue;
    const tensors = missing.get(shard);
    if (tensors === undefined) missing.set(shard, [tensor]);
    else tensors.push(tensor);
  }
  return [...missing].map(([shard, tensors]) => {
    const named = tensors.slice(0, 5).map(quoted).join(", ");
    const more = tensors.length > 5 ? ` and ${tensors.length - 5} more` : "";
    return `${shard}: expected the tensors that ${basename(index.path)} says lie in it, found no ${named}${more}`;
  });
}

/** With an index, a tensor is taken from the shard that it names; where there is none, files tell equal names apart. */
function withUniqueNames(listed: readonly StoredTensor[], index: WeightsIndex | undefined): StoredTensor[] {
  const times = new Map<string, number>();
  const chosen = listed.filter(({ key, file }) => (index?.shards.get(key) ?? file) === file);
  for (const { key } of chosen) times.set(key, (times.get(key) ?? 0) + 1);
  return chosen.map((tensor) =>
    times.get(tensor.key) === 1 ? tensor : { ...tensor, name: `${basename(tensor.file)}: ${tensor.key}` },
  );
}

const collator = new Intl.Collator("en", { numeric: true });

function byNumber(a: string, b: string): number {
  return collator.compare(a, b) || (a < b ? -1 : 1);
}
