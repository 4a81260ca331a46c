import { zipFile, type ZipOptions } from "../data/zip-file.js";

/** A value as the opcodes of a pickle. */
export type Pickling =
  null | boolean | number | string | Opcodes | readonly Pickling[] | { readonly [key: string]: Pickling };

/** Opcodes as they are. */
export class Opcodes {
  constructor(readonly bytes: Buffer) {}
}

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};

/** A name of Python: "torch", "FloatStorage". */
export function global(module: string, name: string): Opcodes {
  return new Opcodes(Buffer.from(`c${module}\n${name}\n`));
}

/** A call of it. */
export function call(callee: Opcodes, ...args: readonly Pickling[]): Opcodes {
  return new Opcodes(Buffer.concat([callee.bytes, opcodes(args), Buffer.from("R")]));
}

/** Opcodes of a value; lists are tuples, objects dictionaries. */
export function opcodes(value: Pickling): Buffer {
  if (value === null) return Buffer.from("N");
  if (typeof value === "boolean") return Buffer.from([value ? 0x88 : 0x89]);
  if (typeof value === "number") return Buffer.concat([Buffer.from("J"), int32(value)]);
  if (typeof value === "string") {
    return Buffer.concat([Buffer.from("X"), int32(Buffer.byteLength(value)), Buffer.from(value)]);
  }
  if (value instanceof Opcodes) return value.bytes;
  if (Array.isArray(value)) return Buffer.concat([Buffer.from("("), ...value.map(opcodes), Buffer.from("t")]);
  const entries = Object.entries(value).flatMap(([key, item]) => [opcodes(key), opcodes(item)]);
  return Buffer.concat([Buffer.from("}("), ...entries, Buffer.from("u")]);
}

/** A view of a storage, as `torch.save` pickles it. */
export interface View {
  /** "Float" of `torch.FloatStorage`. Default "Float". */
  readonly type?: string;
  readonly key: string;
  /** Elements of the storage. */
  readonly elements: number;
  readonly offset?: number;
  readonly shape: readonly number[];
  /** Default: row after row. */
  readonly strides?: readonly number[];
}

export function tensor({ type = "Float", key, elements, offset = 0, shape, strides }: View): Opcodes {
  const rows = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  const id = opcodes(["storage", global("torch", `${type}Storage`), key, "cpu", elements]);
  const storage = new Opcodes(Buffer.concat([id, Buffer.from("Q")]));
  const hooks = call(global("collections", "OrderedDict"));
  return call(
    global("torch._utils", "_rebuild_tensor_v2"),
    storage,
    offset,
    shape,
    strides ?? rows,
    false,
    hooks,
  );
}

export interface TorchFile {
  /** By key. */
  readonly storages: Readonly<Record<string, Buffer>>;
  readonly byteorder?: string;
  readonly zip?: ZipOptions;
  /** More files of the archive. */
  readonly more?: Readonly<Record<string, string>>;
}

/** A checkpoint as `torch.save` writes it: a zip archive of `data.pkl` and a file per storage. */
export function torchFile(root: Pickling, { storages, byteorder, zip, more }: TorchFile): Buffer {
  const pickle = Buffer.concat([Buffer.from([0x80, 2]), opcodes(root), Buffer.from(".")]);
  const data = Object.entries(storages).map(([key, bytes]) => [`archive/data/${key}`, bytes] as const);
  const files = {
    "archive/data.pkl": pickle,
    ...(byteorder !== undefined && { "archive/byteorder": byteorder }),
    ...Object.fromEntries(data),
    "archive/version": "3\n",
    ...more,
  };
  return zipFile(files, zip);
}

export const floats = (...values: readonly number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);
