import { crc32 } from "node:zlib";
import { sizeOf, type NdArray } from "../core/array.js";
import { DataError } from "../core/errors.js";
import { CONVERT_TORCH } from "../core/files/format.js";
import type { PickleValue } from "../core/pickle.js";
import { openFile, type ByteSource, type OpenFile } from "./byte-source.js";
import { elementBits, elementsOf } from "./element-types.js";
import { quoted } from "./safetensors-header.js";
import { readStrided } from "./strided.js";
import type { FileTensor, TensorFile } from "./tensor-file.js";
import { placeOf, readableType, readPart, withinMemory } from "./tensor-part.js";
import { readTorchPickle, TorchTensor, type TorchStorage } from "./torch-pickle.js";
import { zipPlaces, type ZipPlace } from "./zip-places.js";

/** A tensor of a checkpoint, and how its elements lie in the file. */
interface Placed extends FileTensor {
  readonly strides: readonly number[];
}

const MOST_OF_PICKLE = 100_000_000; // bytes: as much as a safetensors header may have

/**
 * A checkpoint of `torch.save` (since PyTorch 1.6: a zip archive with `data.pkl` and a file per storage) in which only tensors
 * and plain values are. Nothing of it is executed, and only its list of tensors is read: numbers are, when they are asked for.
 *
 * Dictionaries in dictionaries give names with dots. Where one is called `state_dict`, `model`, `module` or the like, its tensors are the
 * model, under their names there, and others (an optimiser's) are left out. So are a second tensor of the same numbers (tied
 * weights) and one of more elements than are stored (an expanded one).
 * @throws DataError if it is damaged, was made by `torch.jit`, or asks Python for anything else
 */
export async function openTorchCheckpoint(path: string): Promise<TensorFile> {
  const fail = (expected: string, found: string): never => {
    throw new DataError(`${path}: expected a PyTorch checkpoint ${expected}, found ${found}`);
  };
  const places = await zipPlaces(path);
  const pickles = [...places.keys()].filter((name) => /^([^/]*\/)?data\.pkl$/.test(name));
  const [pickle] = pickles;
  if (pickles.length !== 1)
    return fail(
      "(a zip archive with one data.pkl)",
      pickles.length === 0 ? "none in it (perhaps NumPy's .npz)" : "several in it",
    );
  const folder = pickle.slice(0, -"data.pkl".length);
  if (places.has(`${folder}constants.pkl`))
    fail(
      "of tensors",
      `a program (TorchScript); in Python: torch.jit.load(FILE).state_dict() has its tensors`,
    );

  const program = places.get(pickle)!;
  if (program.refusal !== undefined) fail("that is stored as it is", `a data.pkl that ${program.refusal}`);
  if (program.length > MOST_OF_PICKLE)
    fail(`whose data.pkl has at most ${MOST_OF_PICKLE} bytes`, `${program.length}`);

  const file = openFile(path);
  const { modified, size } = file;
  try {
    const read = ({ offset, length }: ZipPlace): Buffer => Buffer.from(file.read(offset, length));
    const order = places.get(`${folder}byteorder`);
    const endian = order === undefined || order.length > 16 ? "little" : read(order).toString("latin1");
    if (endian !== "little" && endian !== "big") fail('of byte order "little" or "big"', quoted(endian));
    const bytes = read(program);
    if (crc32(bytes) !== program.crc32) fail("that is whole", "a damaged data.pkl: its CRC-32 differs");
    const root = readTorchPickle(bytes, path);
    const found = namedTensors(root, path);
    if (found.length === 0) fail("with tensors", "none in it");
    const tensors = placed(found, (key) => places.get(`${folder}data/${key}`), path);
    const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    return {
      tensors,
      open: () => {
        const again = openFile(path);
        if (again.modified !== modified || again.size !== size) {
          again.close();
          throw new DataError(`${path}: the file was changed while it was read`);
        }
        return reader(again, byName, endian === "big");
      },
    };
  } finally {
    file.close();
  }
}

function reader(
  file: OpenFile,
  tensors: ReadonlyMap<string, Placed>,
  swapped: boolean,
): ReturnType<TensorFile["open"]> {
  return {
    readPart(name, from, count) {
      const tensor = tensors.get(name);
      if (tensor === undefined)
        throw new DataError(`${file.name}: expected a tensor ${quoted(name)}, found none`);
      const dtype = readableType(file, tensor);
      const width = elementBits(dtype)! / 8;
      const source: ByteSource = swapped
        ? { ...file, read: (offset, length) => swapBytes(file.read(offset, length), width) }
        : file;
      const { offset, shape, strides } = tensor;
      if (isContiguous(shape, strides)) return readPart(source, tensor, from, count);
      return withinMemory(source, tensor, count, (): NdArray["data"] => {
        const bytes = readStrided(source, { offset, width, shape, strides }, from, count);
        return elementsOf(bytes, dtype, placeOf(source, tensor));
      });
    },
    close: () => file.close(),
  };
}

function swapBytes(bytes: Uint8Array, width: number): Uint8Array {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (width === 2) view.swap16();
  if (width === 4) view.swap32();
  if (width === 8) view.swap64();
  return bytes;
}

/** Whether elements lie one after another in row-major order; the stride of a size of 1 does not matter. */
function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis];
  }
  return true;
}

/** A tensor under its name; `beside` the model where it is not of it. */
interface Named {
  readonly name: string;
  readonly tensor: TorchTensor;
  readonly beside?: string;
}

/** Names of the entries that hold the model, beside an optimiser's state and the like. */
const MODEL = ["state_dict", "model_state_dict", "model_state", "model", "module", "net", "network"];
const MOST_NODES = 3_000_000;
const MOST_LEVELS = 100;

/** All tensors of a checkpoint, in its order; those of the model first. */
function namedTensors(root: PickleValue, path: string): Named[] {
  let nodes = 0;
  const walk = function* (value: PickleValue, name: string, level: number): Generator<Named> {
    if (++nodes > MOST_NODES || level > MOST_LEVELS)
      throw new DataError(
        `${path}: expected a PyTorch checkpoint of at most ${MOST_NODES} values in ${MOST_LEVELS} levels, found more`,
      );
    if (value instanceof TorchTensor) yield { name, tensor: value };
    const inside = (key: string | number): string => (name === "" ? String(key) : `${name}.${key}`);
    const entries = value instanceof Map || Array.isArray(value) ? value.entries() : [];
    for (const [key, item] of entries) yield* walk(item, inside(key), level + 1);
  };
  const split = (value: PickleValue, prefix: string, level: number): Named[] => {
    if (!(value instanceof Map) || [...value.values()].some((item) => item instanceof TorchTensor))
      return [...walk(value, "", level)];
    for (const key of MODEL) {
      const inner = value.get(key);
      if (!(inner instanceof Map) || level >= MOST_LEVELS) continue;
      const model = split(inner, `${prefix}${key}.`, level + 1);
      if (model.length === 0) continue;
      const others = new Map([...value].filter(([other]) => other !== key));
      const beside = `not of the model: beside its ${quoted(prefix + key)}`;
      const rest = [...walk(others, "", level)].map(({ name, tensor }) => ({
        name: prefix + name,
        tensor,
        beside,
      }));
      return [...model, ...rest];
    }
    return [...walk(value, "", level)];
  };
  const named = split(root, "", 0);
  const seen = new Set<string>();
  return named.map((entry) => {
    let { name } = entry;
    // An optimiser's "state.0" may be called as a tensor of the model is.
    for (let i = 2; seen.has(name); i++) name = `${entry.name} (${i})`;
    seen.add(name);
    return { ...entry, name };
  });
}

/** Where each tensor lies. @throws DataError if a storage is missing, or not as long as it is said to be, or a tensor leaves it */
function placed(
  named: readonly Named[],
  placeOfKey: (key: string) => ZipPlace | undefined,
  path: string,
): Placed[] {
  const first = new Map<string, string>(); // the first tensor of each view
  return named.map(({ name, tensor, beside }): Placed => {
    const { storage, dtype, shape, offset, strides } = tensor;
    const what = `tensor ${quoted(name)}`;
    const bits = elementBits(dtype) ?? (dtype === "C128" ? 128 : 8);
    const width = bits / 8;
    const place = storagePlace(storage, placeOfKey, `${path}: ${what}`);
    const size = sizeOf(shape);
    const last = offset + shape.reduce((sum, size, axis) => sum + (size - 1) * strides[axis], 0);
    if (size > 0 && (last + 1) * width > place.length) {
      throw new DataError(
        `${path}: ${what}: expected a storage of ${(last + 1) * width} bytes for shape [${shape.join(", ")}] and strides ` +
          `[${strides.join(", ")}], found ${place.length}; ${CONVERT_TORCH}`,
      );
    }
    const view = [storage.key, dtype, offset, shape, strides].join("|");
    const same = size > 0 ? first.get(view) : undefined;
    if (same === undefined) first.set(view, name);
    const tied = same === undefined ? undefined : `the same numbers as ${quoted(same)} (tied weights)`;
    const expanded =
      size * width > place.length ? "an expanded view of fewer numbers than it has elements" : undefined;
    const leftOut = beside ?? tied ?? expanded;
    return {
      name,
      dtype,
      shape,
      strides,
      offset: place.offset + offset * width,
      length: size * width,
      ...(leftOut !== undefined && { leftOut }),
    };
  });
}

function storagePlace(
  { key, dtype, elements }: TorchStorage,
  placeOfKey: (key: string) => ZipPlace | undefined,
  what: string,
): ZipPlace {
  const place = placeOfKey(key);
  if (place === undefined)
    throw new DataError(`${what}: expected its storage data/${quoted(key)} in the archive, found none`);
  if (place.refusal !== undefined)
    throw new DataError(
      `${what}: expected its storage data/${quoted(key)} stored as it is, found that it ${place.refusal}`,
    );
  const width = dtype === undefined ? 1 : dtype === "C128" ? 16 : elementBits(dtype)! / 8;
  if (place.length !== elements * width) {
    throw new DataError(
      `${what}: expected ${elements * width} bytes in its storage data/${quoted(key)}, found ${place.length}`,
    );
  }
  return place;
}
