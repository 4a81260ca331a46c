/**
 * The variables of all cells. Each lives in an object of its own, whose one property has the variable's name; every cell
 * that speaks of the variable, the one that declares it too, reads and writes that property. One object per variable,
 * with a shape of its own, keeps the property about as fast as a variable of a function.
 */
export class Variables {
  /** The value of the running cell's last expression. */
  result: unknown = undefined;
  readonly #all = new Map<string, Variable>();
  readonly #imports = new Map<string, { read: () => unknown }>();

  /** The names that cells have declared so far. */
  get names(): ReadonlySet<string> {
    return new Set(this.#all.keys());
  }

  /** The object that holds a variable; created when it is first asked for. */
  of(name: string): Variable {
    let variable = this.#all.get(name);
    if (!variable) this.#all.set(name, (variable = new Variable()));
    return variable;
  }

  /** Makes a variable an imported name: it is read from its module each time, since modules may change what they export. */
  bindImport(name: string, read: () => unknown): void {
    const existing = this.#imports.get(name);
    if (existing) existing.read = read;
    const source = existing ?? { read };
    this.#imports.set(name, source);
    this.#define(name, () => source.read());
  }

  /** Lets names that a cell declared, but ended before giving them a value, say so when they are read. */
  explainMissing(names: Iterable<string>, cell: string): void {
    for (const name of names) {
      if (Object.hasOwn(this.of(name), name)) continue;
      this.#define(name, () => {
        throw new ReferenceError(`${name} has no value: ${cell} ended before its declaration was reached`);
      });
    }
  }

  /** A computed value; an assignment, as by a later declaration of the name, makes it a plain variable. */
  #define(name: string, get: () => unknown): void {
    const set = function (this: Variable, value: unknown): void {
      const plain = { value, writable: true, enumerable: true, configurable: true };
      Object.defineProperty(this, name, plain);
    };
    Object.defineProperty(this.of(name), name, { get, set, enumerable: true, configurable: true });
  }
}

/** Holds one variable. A class, so that its shapes are shared with no other objects. */
class Variable {
  [name: string]: unknown;
}
