import { CONVERT_TORCH } from "../core/files/format.js";
import {
  PickleFunction,
  PickleObject,
  runPickle,
  wordOf,
  type PickleDialect,
  type PickleFault,
  type PickleValue,
} from "../core/pickle.js";

/** A tensor of a PyTorch checkpoint: a view of a storage. */
export class TorchTensor extends PickleObject {
  readonly what = "a tensor";
  constructor(
    readonly storage: TorchStorage,
    readonly dtype: string,
    readonly shape: readonly number[],
    /** Elements of the storage before the first, and from one index to the next. */
    readonly offset: number,
    readonly strides: readonly number[],
  ) {
    super();
  }
}

/** A storage: bytes that tensors are views of. */
export class TorchStorage extends PickleObject {
  readonly what = "a storage";
  constructor(
    /** Its file in the archive: "data/<key>". */
    readonly key: string,
    /** Type of its elements; undefined: it has bytes, and the tensor says what they are. */
    readonly dtype: string | undefined,
    readonly elements: number,
  ) {
    super();
  }
}

/**
 * Reads the pickle of a checkpoint of `torch.save` (`data.pkl`). It executes nothing: beside plain values only tensors,
 * parameters, storages, sizes, types and ordered dictionaries are known, and all else is refused by name.
 * @returns dictionaries as Maps, tensors as `TorchTensor`
 * @throws DataError naming the byte where it is damaged or asks for anything else, and how to convert the file
 */
export function readTorchPickle(bytes: Buffer, place: string): PickleValue {
  return runPickle(bytes, place, torch, (value) => value);
}

/** A type of element, or of a storage's elements. */
class DataType extends PickleObject {
  readonly what = "a type";
  constructor(readonly dtype: string | undefined) {
    super();
  }
}

/** PyTorch's words for types, in storages and alone; the names of safetensors. */
const STORAGES: Readonly<Record<string, string>> = {
  Double: "F64",
  Float: "F32",
  Half: "F16",
  BFloat16: "BF16",
  Long: "I64",
  Int: "I32",
  Short: "I16",
  Char: "I8",
  Byte: "U8",
  Bool: "BOOL",
  ComplexFloat: "C64",
  ComplexDouble: "C128",
};

const TYPES: Readonly<Record<string, string>> = {
  float64: "F64",
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  float8_e4m3fn: "F8_E4M3",
  float8_e5m2: "F8_E5M2",
  float8_e4m3fnuz: "F8_E4M3FNUZ",
  float8_e5m2fnuz: "F8_E5M2FNUZ",
  float8_e8m0fnu: "F8_E8M0",
  int64: "I64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint64: "U64",
  uint32: "U32",
  uint16: "U16",
  uint8: "U8",
  bool: "BOOL",
  complex64: "C64",
  complex128: "C128",
};

const FUNCTIONS = new Set([
  "collections.OrderedDict",
  "torch.Size",
  "torch.device",
  "torch._utils._rebuild_tensor_v2",
  "torch._utils._rebuild_tensor_v3",
  "torch._utils._rebuild_parameter",
]);

const torch: PickleDialect = {
  subject: "a file of tensors",
  advice: CONVERT_TORCH,
  numbersAsKeys: true,

  global(name) {
    if (FUNCTIONS.has(name)) return new PickleFunction(name);
    if (/^torch\.(storage\.)?_?UntypedStorage$/.test(name)) return new DataType(undefined);
    const storage = /^torch\.(?:storage\.)?(\w+)Storage$/.exec(name)?.[1] ?? "";
    if (Object.hasOwn(STORAGES, storage)) return new DataType(STORAGES[storage]);
    const type = /^torch\.(\w+)$/.exec(name)?.[1] ?? "";
    return Object.hasOwn(TYPES, type) ? new DataType(TYPES[type]) : undefined;
  },

  call({ what }, args, fault) {
    switch (what) {
      case "collections.OrderedDict":
        if (args.length > 0) throw fault("expected an empty OrderedDict, filled afterwards");
        return new Map<string, PickleValue>();
      case "torch.Size":
      case "torch.device":
        return args[0] ?? null;
      case "torch._utils._rebuild_parameter":
        if (!(args[0] instanceof TorchTensor)) throw fault("expected a parameter's tensor");
        return args[0];
      case "torch._utils._rebuild_tensor_v2": {
        const [storage, offset, shape, strides] = args;
        return tensorOf(storage, offset, shape, strides, undefined, fault);
      }
      default: {
        const [storage, offset, shape, strides, , , dtype] = args;
        if (!(dtype instanceof DataType)) throw fault("expected a tensor's type");
        return tensorOf(storage, offset, shape, strides, dtype.dtype, fault);
      }
    }
  },

  /** The attributes of an ordered dictionary (versions of modules) say nothing of its tensors. */
  build(target, _, fault) {
    if (!(target instanceof Map)) throw fault("expected a dictionary and its attributes");
  },

  /** ("storage", type, key, location, number of elements) */
  persistent(id, fault) {
    const [kind, type, key, , elements] = Array.isArray(id) ? id : [];
    if (kind !== "storage" || !(type instanceof DataType) || typeof key !== "string" || !isCount(elements))
      throw fault(`expected a storage, found ${wordOf(kind)}`);
    return new TorchStorage(key, type.dtype, elements);
  },
};

function tensorOf(
  storage: PickleValue | undefined,
  offset: PickleValue | undefined,
  shape: PickleValue | undefined,
  strides: PickleValue | undefined,
  type: string | undefined,
  fault: PickleFault,
): TorchTensor {
  if (!(storage instanceof TorchStorage) || !isCount(offset) || !areCounts(shape) || !areCounts(strides))
    throw fault("expected a storage, and a tensor's offset, shape and strides");
  const dtype = type ?? storage.dtype;
  if (dtype === undefined) throw fault("expected a tensor's type, found none");
  if (shape.length !== strides.length)
    throw fault(`expected a stride for each of ${shape.length} sizes, found ${strides.length}`);
  return new TorchTensor(storage, dtype, shape, offset, strides);
}

function isCount(value: PickleValue | undefined): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function areCounts(value: PickleValue | undefined): value is number[] {
  return Array.isArray(value) && value.length <= 64 && value.every(isCount);
}
