import {
  PickleFunction,
  PickleObject,
  runPickle,
  wordOf,
  type PickleDialect,
  type PickleFault,
  type PickleValue,
} from "../core/pickle.js";

/** A NumPy array of unsigned bytes, in C order. */
export class PickledArray extends PickleObject {
  readonly what = "an array";
  constructor(
    readonly shape: readonly number[],
    readonly data: Uint8Array,
  ) {
    super();
  }
}

/**
 * Reads a Python pickle of numbers, strings, lists, tuples, dictionaries and NumPy arrays of unsigned bytes (CIFAR-10's
 * Python version, as Python 2 wrote it or Python 3 writes it again). Nothing is looked up and nothing is called: other names
 * than the few of NumPy that such files need are refused.
 * @param place what an error names, usually the path
 * @returns dictionaries as Maps, byte strings as Buffers, arrays as `PickledArray`
 * @throws DataError naming the byte where it is damaged or asks for anything else
 */
export function readPickle(bytes: Buffer, place: string): PickleValue {
  return runPickle(bytes, place, new ArraysOfBytes(), finished);
}

/** NumPy's uint8; the only type there is. */
class DataType extends PickleObject {
  readonly what = "a type";
}

/** An array before its shape and bytes are known. */
class Unfilled extends PickleObject {
  readonly what = "an array";
  array: PickledArray | undefined;
}

/** Names of Python that are recognised, with what they stand for. */
const NAMES: Readonly<Record<string, "reconstruct" | "frombuffer" | "ndarray" | "dtype" | "encode">> = {
  "numpy.core.multiarray._reconstruct": "reconstruct",
  "numpy._core.multiarray._reconstruct": "reconstruct",
  "numpy.core.numeric._frombuffer": "frombuffer",
  "numpy._core.numeric._frombuffer": "frombuffer",
  "numpy.ndarray": "ndarray",
  "numpy.dtype": "dtype",
  "_codecs.encode": "encode",
};

/** Most bytes that `_codecs.encode` may make of the strings of one file. */
const MOST_ENCODED = 2 ** 28;

class ArraysOfBytes implements PickleDialect {
  readonly subject = "a file of arrays";
  private encoded = 0;

  global(name: string): PickleValue | undefined {
    return Object.hasOwn(NAMES, name) ? new PickleFunction(NAMES[name]) : undefined;
  }

  /** The only four calls are those that arrays and byte strings are written with. */
  call({ what }: PickleFunction, args: readonly PickleValue[], fault: PickleFault): PickleValue {
    switch (what) {
      case "reconstruct": // (ndarray, (0,), b"b"): filled by what follows
        return new Unfilled();
      case "dtype":
        if (!["u1", "|u1", "uint8", "B"].includes(wordOf(args[0])))
          throw fault(`expected arrays of unsigned bytes, found NumPy's ${wordOf(args[0])}`);
        return new DataType();
      case "frombuffer": {
        // (bytes, dtype, shape, "C")
        const [data, type, shape, order] = args;
        return arrayOf(shape, type, wordOf(order) === "F", data, fault);
      }
      case "encode":
        return this.encode(args, fault);
      default:
        throw fault(`a call of ${what} is refused`);
    }
  }

  /** (text, "latin1"): how protocol 2 of Python 3 writes bytes. */
  private encode([text, encoding]: readonly PickleValue[], fault: PickleFault): Buffer {
    if (typeof text !== "string" || !["latin1", "latin-1"].includes(wordOf(encoding)))
      throw fault("expected a text to encode as latin1");
    if ((this.encoded += text.length) > MOST_ENCODED)
      throw fault(`expected at most ${MOST_ENCODED} encoded bytes`);
    return Buffer.from(text, "latin1");
  }

  /** Fills an array, or gives a type its byte order, which single bytes have none of. */
  build(target: PickleValue, state: PickleValue, fault: PickleFault): void {
    if (target instanceof DataType) return;
    if (!(target instanceof Unfilled) || !Array.isArray(state))
      throw fault("expected an array and its state");
    const [, shape, type, fortran, data] = state; // the first is a version
    target.array = arrayOf(shape, type, fortran !== false && fortran !== 0, data, fault);
  }
}

function arrayOf(
  shape: PickleValue,
  type: PickleValue,
  fortran: boolean,
  data: PickleValue,
  fault: PickleFault,
): PickledArray {
  if (!(type instanceof DataType)) throw fault("expected an array of unsigned bytes");
  if (fortran) throw fault("expected an array in C order, found one in Fortran's");
  const sizes = Array.isArray(shape) ? shape : [];
  if (!sizes.every((size): size is number => Number.isSafeInteger(size) && (size as number) >= 0))
    throw fault("expected an array's shape");
  const size = sizes.reduce<number>((product, length) => product * length, 1);
  if (!Buffer.isBuffer(data) || data.length !== size)
    throw fault(
      `expected the ${size} bytes of an array of shape [${sizes.slice(0, 8).join(", ")}], ` +
        `found ${Buffer.isBuffer(data) ? data.length : "none"}`,
    );
  return new PickledArray(sizes, data);
}

/** The value at the end. Only the uppermost two levels are looked at: arrays in them are taken out. */
function finished(value: PickleValue, fault: PickleFault): PickleValue {
  const filled = (item: PickleValue): PickleValue => {
    if (!(item instanceof Unfilled)) return item;
    if (item.array === undefined) throw fault("expected an array's shape and bytes, found none");
    return item.array;
  };
  if (!(value instanceof Map)) return filled(value);
  return new Map([...value].map(([key, item]) => [key, filled(item)]));
}
