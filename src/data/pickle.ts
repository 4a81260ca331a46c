import { DataError } from "../core/errors.js";
import { printable } from "../core/printable.js";

/**
 * What a pickle of arrays holds. Byte strings of Python 2 and 3 are Buffers; dictionaries are Maps whose keys are
 * strings, whichever kind of string they were.
 */
export type Pickled =
  | null
  | boolean
  | number
  | string
  | Buffer
  | PickledArray
  | readonly Pickled[]
  | ReadonlyMap<string, Pickled>;

/** A NumPy array of unsigned bytes, in C order. */
export class PickledArray {
  constructor(
    readonly shape: readonly number[],
    readonly data: Uint8Array,
  ) {}
}

/**
 * Reads a Python pickle of numbers, strings, lists, tuples, dictionaries and NumPy arrays of unsigned bytes (CIFAR-10's
 * Python version, as Python 2 wrote it or Python 3 writes it again). A pickle is a program for a small machine; this one
 * looks nothing up and calls nothing: it knows the opcodes and the NumPy names that such files need, and refuses all
 * others by name.
 * @param place what an error names, usually the path
 * @throws DataError naming the byte where it is damaged or asks for anything else
 */
export function readPickle(bytes: Buffer, place: string): Pickled {
  return new Machine(bytes, place).run();
}

/** What is on the machine's stack while it runs: data, what will become data, and marks. */
type Item = Pickled | Item[] | Map<string, Item> | Name | DataType | Unfilled | typeof MARK;

const MARK = Symbol("mark");

/** A NumPy name that was asked for: never looked up, only recognised. */
class Name {
  constructor(readonly name: string) {}
}

/** NumPy's uint8; the only type there is. */
class DataType {}

/** An array before its shape and bytes are known. */
class Unfilled {
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

/** Most instructions of one file; a batch of 10,000 images takes 60,000. */
const MOST_STEPS = 3_000_000;

/** A short foreign value for a message. */
function word(item: Item | undefined): string {
  if (Buffer.isBuffer(item)) return printable(item.toString("latin1", 0, 41), 40);
  return typeof item === "string" || typeof item === "number" ? printable(String(item), 40) : "another value";
}

class Machine {
  private readonly stack: Item[] = [];
  private readonly memo = new Map<number, Item>();
  private at = 0;
  private encoded = 0;

  constructor(
    private readonly bytes: Buffer,
    private readonly place: string,
  ) {}

  run(): Pickled {
    for (let steps = 0; ; steps++) {
      if (steps === MOST_STEPS) throw this.error(`expected at most ${MOST_STEPS} instructions`);
      const start = this.at;
      const opcode = this.take(1)[0];
      if (opcode === 0x2e) return this.finished(this.pop()); // "." STOP
      if (!this.step(opcode)) {
        this.at = start;
        const sign = opcode > 0x20 && opcode < 0x7f ? ` ("${String.fromCharCode(opcode)}")` : "";
        throw this.error(
          `opcode 0x${opcode.toString(16).padStart(2, "0")}${sign}, which a file of arrays does not need, is refused`,
        );
      }
    }
  }

  /** Does one instruction. @returns false if it is none of those that are known */
  private step(opcode: number): boolean {
    switch (String.fromCharCode(opcode)) {
      case "\x80": // PROTO
        if (this.take(1)[0] > 5) throw this.error("expected protocol 2 to 5");
        return true;
      case "\x95": // FRAME
        this.take(8);
        return true;
      case "(":
        return this.push(MARK);
      case "N":
        return this.push(null);
      case "\x88":
        return this.push(true);
      case "\x89":
        return this.push(false);
      case "K":
        return this.push(this.take(1)[0]);
      case "M":
        return this.push(this.take(2).readUInt16LE());
      case "J":
        return this.push(this.take(4).readInt32LE());
      case "\x8a": // LONG1
        return this.push(this.long(this.take(this.take(1)[0])));
      case "G":
        return this.push(this.take(8).readDoubleBE());
      case "U": // SHORT_BINSTRING
      case "C": // SHORT_BINBYTES
        return this.push(this.take(this.take(1)[0]));
      case "T": // BINSTRING
      case "B": // BINBYTES
        return this.push(this.take(this.take(4).readUInt32LE()));
      case "\x8e": // BINBYTES8
      case "\x96": // BYTEARRAY8
        return this.push(this.take(this.length8()));
      case "\x8c": // SHORT_BINUNICODE
        return this.push(this.text(this.take(1)[0]));
      case "X": // BINUNICODE
        return this.push(this.text(this.take(4).readUInt32LE()));
      case "\x8d": // BINUNICODE8
        return this.push(this.text(this.length8()));
      case "q": // BINPUT
        return this.remember(this.take(1)[0]);
      case "r": // LONG_BINPUT
        return this.remember(this.take(4).readUInt32LE());
      case "\x94": // MEMOIZE
        return this.remember(this.memo.size);
      case "h": // BINGET
        return this.recall(this.take(1)[0]);
      case "j": // LONG_BINGET
        return this.recall(this.take(4).readUInt32LE());
      case "]":
      case ")":
        return this.push([]);
      case "}":
        return this.push(new Map<string, Item>());
      case "t":
      case "l":
        return this.push(this.popMark());
      case "\x85":
      case "\x86":
      case "\x87":
        return this.push(this.popMany(opcode - 0x84)); // TUPLE1, TUPLE2, TUPLE3
      case "a": {
        const item = this.pop();
        return this.append([item]);
      }
      case "e":
        return this.append(this.popMark());
      case "s":
        return this.set(this.popMany(2));
      case "u":
        return this.set(this.popMark());
      case "c": // GLOBAL
        return this.name(`${this.line()}.${this.line()}`);
      case "\x93": {
        // STACK_GLOBAL
        const [module, name] = this.popMany(2);
        return this.name(`${word(module)}.${word(name)}`);
      }
      case "R":
        return this.reduce();
      case "b":
        return this.build();
      case "0": // POP
        this.pop();
        return true;
      default:
        return false;
    }
  }

  private take(count: number): Buffer {
    if (count > this.bytes.length - this.at) {
      throw this.error(`expected ${count} more bytes, found ${this.bytes.length - this.at}`);
    }
    return this.bytes.subarray(this.at, (this.at += count));
  }

  private text(length: number): string {
    return this.take(length).toString("utf8");
  }

  private length8(): number {
    return Number(this.take(8).readBigUInt64LE());
  }

  private line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0 || end - this.at > 200) throw this.error("expected a name");
    const text = this.text(end - this.at);
    this.at++;
    return text;
  }

  /** A little-endian integer in two's complement. */
  private long(bytes: Buffer): number {
    if (bytes.length > 6) throw this.error(`expected an integer of at most 6 bytes, found ${bytes.length}`);
    return bytes.length === 0 ? 0 : bytes.readIntLE(0, bytes.length);
  }

  private push(item: Item): true {
    this.stack.push(item);
    return true;
  }

  private pop(): Item {
    const item = this.stack.pop();
    if (item === undefined || item === MARK) throw this.error("expected a value on the stack, found none");
    return item;
  }

  private popMany(count: number): Item[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  private popMark(): Item[] {
    const mark = this.stack.lastIndexOf(MARK);
    if (mark < 0) throw this.error("expected a mark on the stack, found none");
    const items = this.stack.splice(mark);
    items.shift();
    return items;
  }

  private remember(key: number): true {
    const item = this.stack.at(-1);
    if (item === undefined || item === MARK) throw this.error("expected a value to remember, found none");
    this.memo.set(key, item);
    return true;
  }

  private recall(key: number): true {
    const item = this.memo.get(key);
    if (item === undefined) throw this.error(`expected a value remembered as ${key}, found none`);
    return this.push(item);
  }

  private append(items: readonly Item[]): true {
    const list = this.stack.at(-1);
    if (!Array.isArray(list)) throw this.error("expected a list to append to");
    for (const item of items) list.push(item);
    return true;
  }

  private set(items: readonly Item[]): true {
    const map = this.stack.at(-1);
    if (!(map instanceof Map) || items.length % 2 !== 0) throw this.error("expected a dictionary and pairs");
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i];
      if (typeof key !== "string" && !Buffer.isBuffer(key)) throw this.error("expected a string as a key");
      map.set(key.toString(), items[i + 1]);
    }
    return true;
  }

  private name(name: string): true {
    if (Object.hasOwn(NAMES, name)) return this.push(new Name(NAMES[name]));
    throw this.error(
      `it asks for Python's ${printable(name, 100)}, which a file of arrays does not need: refused`,
    );
  }

  /** What Python would call; here only the four calls that arrays and byte strings are written with. */
  private reduce(): true {
    const [callee, args] = this.popMany(2);
    if (!(callee instanceof Name) || !Array.isArray(args))
      throw this.error("expected a known name and its arguments");
    switch (callee.name) {
      case "reconstruct": // (ndarray, (0,), b"b"): filled by what follows
        return this.push(new Unfilled());
      case "dtype":
        if (!["u1", "|u1", "uint8", "B"].includes(word(args[0])))
          throw this.error(`expected arrays of unsigned bytes, found NumPy's ${word(args[0])}`);
        return this.push(new DataType());
      case "frombuffer": {
        // (bytes, dtype, shape, "C")
        const [data, type, shape, order] = args;
        return this.push(this.arrayOf(shape, type, word(order) === "F", data));
      }
      case "encode": {
        // (text, "latin1"): how protocol 2 of Python 3 writes bytes
        const [text, encoding] = args;
        if (args.length === 0) throw this.error("expected a text to encode");
        if (typeof text !== "string" || !["latin1", "latin-1"].includes(word(encoding)))
          throw this.error("expected a text to encode as latin1");
        if ((this.encoded += text.length) > MOST_ENCODED)
          throw this.error(`expected at most ${MOST_ENCODED} encoded bytes`);
        return this.push(Buffer.from(text, "latin1"));
      }
      default:
        throw this.error(`a call of ${callee.name} is refused`);
    }
  }

  /** Fills an array, or gives a type its byte order, which single bytes have none of. */
  private build(): true {
    const state = this.pop();
    const target = this.stack.at(-1);
    if (target instanceof DataType) return true;
    if (!(target instanceof Unfilled) || !Array.isArray(state))
      throw this.error("expected an array and its state");
    const [, shape, type, fortran, data] = state; // the first is a version
    target.array = this.arrayOf(shape, type, fortran !== false && fortran !== 0, data);
    return true;
  }

  private arrayOf(shape: Item, type: Item, fortran: boolean, data: Item): PickledArray {
    if (!(type instanceof DataType)) throw this.error("expected an array of unsigned bytes");
    if (fortran) throw this.error("expected an array in C order, found one in Fortran's");
    const sizes = Array.isArray(shape) ? shape : [];
    if (!sizes.every((size): size is number => Number.isSafeInteger(size) && (size as number) >= 0))
      throw this.error("expected an array's shape");
    const size = sizes.reduce<number>((product, length) => product * length, 1);
    if (!Buffer.isBuffer(data) || data.length !== size)
      throw this.error(
        `expected the ${size} bytes of an array of shape [${sizes.slice(0, 8).join(", ")}], ` +
          `found ${Buffer.isBuffer(data) ? data.length : "none"}`,
      );
    return new PickledArray(sizes, data);
  }

  /** The value at the end. Only the uppermost two levels are looked at: arrays in them are taken out. */
  private finished(item: Item): Pickled {
    if (item instanceof Unfilled) return this.filled(item);
    if (item instanceof Map) {
      return new Map(
        [...item].map(([key, value]) => [
          key,
          value instanceof Unfilled ? this.filled(value) : (value as Pickled),
        ]),
      );
    }
    return item as Pickled;
  }

  private filled({ array }: Unfilled): PickledArray {
    if (array === undefined) throw this.error("expected an array's shape and bytes, found none");
    return array;
  }

  private error(problem: string): DataError {
    return new DataError(`${this.place}: cannot be read as a Python pickle: at byte ${this.at}: ${problem}`);
  }
}
