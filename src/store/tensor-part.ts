import type { NdArray } from "../core/array.js";
import { DataError } from "../core/errors.js";
import type { ByteSource } from "./byte-source.js";
import {
  ELEMENT_BYTES,
  elementsOf,
  isReadable,
  roomFor,
  whyUnread,
  type FileDType,
} from "./element-types.js";
import { quoted, type TensorInfo } from "./safetensors-header.js";

/** More is read in pieces: Node 20 has no Uint8Array beyond 4 GiB, and no read beyond 2 GiB. */
const MOST_AT_ONCE = 2 ** 30;
const PIECE = 2 ** 26;

/**
 * `count` elements of a tensor whose numbers lie row after row, from element `from` on, converted as `READ_AS` says.
 * @throws DataError if its type is not read, a part of it cannot be read, or there is not enough memory
 */
export function readPart(source: ByteSource, info: TensorInfo, from: number, count: number): NdArray["data"] {
  const dtype = readableType(source, info);
  const width = ELEMENT_BYTES[dtype];
  const place = placeOf(source, info);
  const elements = (start: number, length: number): NdArray["data"] =>
    elementsOf(source.read(info.offset + start * width, length * width), dtype, place);
  return withinMemory(source, info, count, () => {
    if (count * width <= MOST_AT_ONCE) return elements(from, count);
    const data = roomFor(dtype, count);
    for (let done = 0; done < count; done += PIECE / width) {
      const piece = elements(from + done, Math.min(PIECE / width, count - done));
      (data as { set(piece: NdArray["data"], at: number): void }).set(piece, done);
    }
    return data;
  });
}

/** The file and the tensor, for errors. */
export function placeOf({ name: source }: ByteSource, { name }: TensorInfo): string {
  return `${source}, tensor ${quoted(name)}`;
}

/** What `action` gives. @throws DataError where it asks for more memory than there is */
export function withinMemory<T>(source: ByteSource, info: TensorInfo, count: number, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const shape = `[${info.shape.join(", ")}]`;
    throw new DataError(
      `${placeOf(source, info)} of shape ${shape}: not enough memory for ${count} numbers`,
      { cause: error },
    );
  }
}

/** The type of a tensor. @throws DataError if it is none that is read */
export function readableType({ name: source }: ByteSource, { name, dtype }: TensorInfo): FileDType {
  if (isReadable(dtype)) return dtype;
  throw new DataError(
    `${source}: expected a safetensors file with one of the types ${Object.keys(ELEMENT_BYTES).join(", ")} for tensor ${quoted(name)}, ` +
      `found ${quoted(dtype)}: ${whyUnread(dtype)}`,
  );
}
