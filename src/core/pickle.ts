import { DataError } from "./errors.js";
import { printable } from "./printable.js";

/**
 * What is on the stack of the machine that a pickle is a program for. Byte strings of Python 2 and 3 are Buffers, tuples are lists,
 * dictionaries are Maps whose keys are strings, whichever kind of string (or whole number) they were.
 */
export type PickleValue =
  null | boolean | number | string | Buffer | PickleObject | PickleValue[] | Map<string, PickleValue>;

/** What a dialect makes of Python's names, calls and persistent names: never Python's own thing, only what stands for it. */
export abstract class PickleObject {
  /** For errors: "an array". */
  abstract readonly what: string;
}

/** A name of Python that may be called. */
export class PickleFunction extends PickleObject {
  constructor(readonly what: string) {
    super();
  }
}

/** The error for what a pickle has that it should not have; it names the place. */
export type PickleFault = (problem: string) => DataError;

/** What one kind of pickle may ask for beyond plain values; all else is refused by name. */
export interface PickleDialect {
  /** What needs no more: "a file of arrays". */
  readonly subject: string;
  /** What to do with a file that is refused. */
  readonly advice?: string;
  /** Whether keys of dictionaries may be whole numbers. */
  readonly numbersAsKeys?: boolean;
  /** What a name ("module.attribute") stands for; undefined: refused. */
  global(name: string): PickleValue | undefined;
  /** What a call of it gives. */
  call(callee: PickleFunction, args: readonly PickleValue[], fault: PickleFault): PickleValue;
  /** Gives an object its state. */
  build(target: PickleValue, state: PickleValue, fault: PickleFault): void;
  /** What a persistent name stands for; absent: refused. */
  persistent?(id: PickleValue, fault: PickleFault): PickleValue;
}

/** Most instructions of one file; a batch of 10,000 images takes 60,000, a model of 1,000 tensors 30,000. */
const MOST_STEPS = 3_000_000;

/** A short foreign value for a message. */
export function wordOf(item: PickleValue | undefined): string {
  if (Buffer.isBuffer(item)) return printable(item.toString("latin1", 0, 41), 40);
  return typeof item === "string" || typeof item === "number" ? printable(String(item), 40) : "another value";
}

/**
 * Reads a Python pickle. A pickle is a program for a small machine; this one looks nothing up and calls nothing: it knows the
 * opcodes of plain values (numbers, strings, lists, tuples, dictionaries), and of names only those of the dialect.
 * @param place what an error names, usually the path
 * @param finish looks at the value before it is returned
 * @throws DataError naming the byte where it is damaged or asks for anything else
 */
export function runPickle<T = PickleValue>(
  bytes: Buffer,
  place: string,
  dialect: PickleDialect,
  finish: (value: PickleValue, fault: PickleFault) => T,
): T {
  const machine = new Machine(bytes, place, dialect);
  const fault: PickleFault = (problem) => machine.error(problem);
  return finish(machine.run(), fault);
}

const MARK = Symbol("mark");

type Item = PickleValue | typeof MARK;

class Machine {
  private readonly stack: Item[] = [];
  private readonly memo = new Map<number, PickleValue>();
  private at = 0;
  private readonly fault: PickleFault = (problem) => this.error(problem);

  constructor(
    private readonly bytes: Buffer,
    private readonly place: string,
    private readonly dialect: PickleDialect,
  ) {}

  run(): PickleValue {
    for (let steps = 0; ; steps++) {
      if (steps === MOST_STEPS) throw this.error(`expected at most ${MOST_STEPS} instructions`);
      const start = this.at;
      const opcode = this.take(1)[0];
      if (opcode === 0x2e) return this.pop(); // "." STOP
      if (!this.step(opcode)) {
        this.at = start;
        const sign = opcode > 0x20 && opcode < 0x7f ? ` ("${String.fromCharCode(opcode)}")` : "";
        throw this.refusal(
          `opcode 0x${opcode.toString(16).padStart(2, "0")}${sign}, which ${this.dialect.subject} does not need, is refused`,
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
        return this.push(new Map<string, PickleValue>());
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
        return this.name(`${wordOf(module)}.${wordOf(name)}`);
      }
      case "R":
        return this.reduce();
      case "b":
        return this.build();
      case "Q": // BINPERSID
        return this.persistent();
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

  private push(item: PickleValue | typeof MARK): true {
    this.stack.push(item);
    return true;
  }

  private pop(): PickleValue {
    const item = this.stack.pop();
    if (item === undefined || item === MARK) throw this.error("expected a value on the stack, found none");
    return item;
  }

  private popMany(count: number): PickleValue[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  private popMark(): PickleValue[] {
    const mark = this.stack.lastIndexOf(MARK);
    if (mark < 0) throw this.error("expected a mark on the stack, found none");
    const items = this.stack.splice(mark);
    items.shift();
    return items as PickleValue[]; // no mark lies above the last
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

  private append(items: readonly PickleValue[]): true {
    const list = this.stack.at(-1);
    if (!Array.isArray(list)) throw this.error("expected a list to append to");
    for (const item of items) list.push(item);
    return true;
  }

  private set(items: readonly PickleValue[]): true {
    const map = this.stack.at(-1);
    if (!(map instanceof Map) || items.length % 2 !== 0) throw this.error("expected a dictionary and pairs");
    for (let i = 0; i < items.length; i += 2) map.set(this.key(items[i]), items[i + 1]);
    return true;
  }

  private key(key: PickleValue): string {
    if (typeof key === "string") return key;
    if (Buffer.isBuffer(key)) return key.toString();
    if (this.dialect.numbersAsKeys && typeof key === "number") return String(key);
    throw this.error("expected a string as a key");
  }

  private name(name: string): true {
    const value = this.dialect.global(name);
    if (value !== undefined) return this.push(value);
    throw this.refusal(
      `it asks for Python's ${printable(name, 100)}, which ${this.dialect.subject} does not need: refused`,
    );
  }

  /** What Python would call; here only the few calls that the dialect has. */
  private reduce(): true {
    const [callee, args] = this.popMany(2);
    if (!(callee instanceof PickleFunction) || !Array.isArray(args))
      throw this.error("expected a known name and its arguments");
    return this.push(this.dialect.call(callee, args, this.fault));
  }

  private build(): true {
    const state = this.pop();
    const target = this.stack.at(-1);
    if (target === undefined || target === MARK) throw this.error("expected an object and its state");
    this.dialect.build(target, state, this.fault);
    return true;
  }

  private persistent(): boolean {
    if (!this.dialect.persistent) return false;
    return this.push(this.dialect.persistent(this.pop(), this.fault));
  }

  error(problem: string): DataError {
    return new DataError(`${this.place}: cannot be read as a Python pickle: at byte ${this.at}: ${problem}`);
  }

  private refusal(problem: string): DataError {
    const { advice } = this.dialect;
    return this.error(advice === undefined ? problem : `${problem}; ${advice}`);
  }
}
