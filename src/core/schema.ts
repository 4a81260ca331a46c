import { printable } from "./printable.js";

/** What is wrong with a value: where in it, what was expected there and what was found, in words. */
export interface Flaw {
  /** "stretches[0].device"; "" is the value itself. */
  readonly place: string;
  readonly expected: string;
  readonly found: string;
}

/**
 * A rule for a value that somebody else may have written: undefined if it is met. Rules are put together from the
 * functions below; none of them trusts what it looks at.
 */
export type Rule = (value: unknown) => Flaw | undefined;

/** A rule that a test decides. */
function simple(expected: string, right: (value: unknown) => boolean): Rule {
  return (value) => (right(value) ? undefined : { place: "", expected, found: excerpt(value) });
}

/** Text of at most `most` characters; longer ones are no names, but an attack or damage. */
export function text(most = 1000): Rule {
  return (value) => {
    if (typeof value !== "string") return { place: "", expected: "text", found: excerpt(value) };
    if (value.length <= most) return undefined;
    const expected = `text of at most ${most} characters`;
    return { place: "", expected, found: `${value.length} (${excerpt(value)})` };
  };
}

/** Text of a form, which is said in words. */
export function word(expected: string, form: RegExp): Rule {
  return simple(expected, (value) => typeof value === "string" && value.length <= 1000 && form.test(value));
}

/** A whole number of at least `least`. */
export function whole(least = 0): Rule {
  const expected = least === -Infinity ? "a whole number" : `a whole number >= ${least}`;
  return simple(expected, (value) => Number.isSafeInteger(value) && Number(value) >= least);
}

/** A finite number of at least `least`; JSON's 1e999 is none. */
export function finite(least = -Infinity): Rule {
  const expected = least === -Infinity ? "a finite number" : `a finite number >= ${least}`;
  return simple(expected, (value) => Number.isFinite(value) && Number(value) >= least);
}

export const flag: Rule = simple("true or false", (value) => typeof value === "boolean");

/** A time of ISO 8601: "2026-01-01T00:00:00.000Z". */
export const time: Rule = simple(
  "a time of ISO 8601",
  (value) =>
    typeof value === "string" &&
    /^\d{4}(-\d\d(-\d\d(T[\d:.]{1,20}(Z|[+-]\d\d:?\d\d)?)?)?)?$/.test(value) &&
    Number.isFinite(Date.parse(value)),
);

/** SHA-256, hexadecimal. */
export const sha256: Rule = word("64 hexadecimal digits", /^[0-9a-f]{64}$/);

/** One of some values. */
export function oneOf(...values: readonly (string | number | boolean)[]): Rule {
  return simple(`one of ${values.join(", ")}`, (value) => (values as readonly unknown[]).includes(value));
}

/** A value that meets one of the rules. */
export function either(expected: string, ...rules: readonly Rule[]): Rule {
  return simple(expected, (value) => rules.some((rule) => rule(value) === undefined));
}

/** A list whose entries all meet a rule. */
export function list(rule: Rule, most = 100_000): Rule {
  return (value) => {
    if (!Array.isArray(value)) return { place: "", expected: "a list", found: excerpt(value) };
    if (value.length > most) {
      return { place: "", expected: `a list of at most ${most} entries`, found: `${value.length} entries` };
    }
    return first(value as unknown[], (entry, i) => {
      const flaw = rule(entry);
      return flaw && inside(`[${i}]`, flaw);
    });
  };
}

/** An object whose values all meet a rule, under any names of at most 200 characters. */
export function named(rule: Rule, most = 100_000): Rule {
  return (value) => {
    if (!isObject(value)) return { place: "", expected: "an object", found: excerpt(value) };
    const names = Object.keys(value);
    if (names.length > most) {
      return { place: "", expected: `an object of at most ${most} names`, found: `${names.length} names` };
    }
    return first(names, (name) => {
      if (name.length > 200) {
        return { place: "", expected: "names of at most 200 characters", found: `one of ${name.length}` };
      }
      const flaw = rule(value[name]);
      return flaw && inside(`["${printable(name)}"]`, flaw);
    });
  };
}

/** The rules of an object's fields. A field with "?" behind its name may be missing; fields that are not named are ignored. */
export function fields(rules: Readonly<Record<string, Rule>>): Rule {
  const all = Object.entries(rules).map(([key, rule]) => {
    return { name: key.replace("?", ""), optional: key.endsWith("?"), rule };
  });
  return (value) => {
    if (!isObject(value)) return { place: "", expected: "an object", found: excerpt(value) };
    return first(all, ({ name, optional, rule }) => {
      const there = Object.hasOwn(value, name) && value[name] !== undefined; // which no file holds, but code may
      if (!there && optional) return undefined;
      const flaw = rule(there ? value[name] : undefined);
      return flaw && inside(name, flaw);
    });
  };
}

/** The same of an object that somebody writes by hand: a field that is not named is a mistake. */
export function only(rules: Readonly<Record<string, Rule>>): Rule {
  const known = Object.keys(rules).map((key) => key.replace("?", ""));
  const rest = fields(rules);
  return (value) => {
    const unknown = isObject(value) ? Object.keys(value).find((name) => !known.includes(name)) : undefined;
    if (unknown === undefined) return rest(value);
    const expected = `fields among ${known.join(", ")}`;
    return { place: "", expected, found: excerpt(unknown) };
  };
}

/** All of several rules. */
export function all(...rules: readonly Rule[]): Rule {
  return (value) => first(rules, (rule) => rule(value));
}

/** A rule that is made when it is needed: of values that hold others of their kind. At most `depth` inside each other. */
export function nested(make: (inner: Rule) => Rule, depth: number): Rule {
  return (value) => {
    const tooDeep: Rule = () => ({ place: "", expected: "less nesting", found: "more" });
    return make(depth > 0 ? nested(make, depth - 1) : tooDeep)(value);
  };
}

/** A value as a message shows it: one line, not long. */
export function excerpt(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string") return printable(JSON.stringify(value.slice(0, 80)), 80);
  if (Array.isArray(value)) return value.length === 0 ? "[]" : `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  return printable(String(value), 80);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether objects and lists lie in each other more than `levels` deep. */
export function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  // Of records with thousands of entries: no list of the values is made.
  for (const name in value) if (isDeeper((value as Record<string, unknown>)[name], levels - 1)) return true;
  return false;
}

function first<T>(
  values: readonly T[],
  flawOf: (value: T, index: number) => Flaw | undefined,
): Flaw | undefined {
  for (let i = 0; i < values.length; i++) {
    const flaw = flawOf(values[i], i);
    if (flaw) return flaw;
  }
  return undefined;
}

function inside(name: string, flaw: Flaw): Flaw {
  const joined = flaw.place === "" || flaw.place.startsWith("[") ? flaw.place : `.${flaw.place}`;
  return { ...flaw, place: `${name}${joined}` };
}
