import { editDistance } from "./edit-distance.js";
import { ConfigError } from "./errors.js";

/** The value of one configuration field. */
export type ConfigValue = number | string | boolean;

/** A flat set of named settings, such as a task's. */
export type Config = Readonly<Record<string, ConfigValue>>;

/** Ranges for the fields of a configuration that have one. */
export type Checks<C extends Config> = { readonly [K in keyof C]?: (value: C[K]) => string | undefined };

/** Checks for `Checks`: a whole number of at least `low` (and at most `high`). */
export const whole =
  (low: number, high = Number.MAX_SAFE_INTEGER) =>
  (value: number): string | undefined =>
    Number.isInteger(value) && value >= low && value <= high
      ? undefined
      : `a whole number ${high === Number.MAX_SAFE_INTEGER ? `>= ${low}` : `in [${low}, ${high}]`}`;

/** Checks for `Checks`: a finite number in [low, high]. */
export const between =
  (low: number, high: number) =>
  (value: number): string | undefined =>
    value >= low && value <= high ? undefined : `a number in [${low}, ${high}]`;

/** Checks for `Checks`: one of the given words. */
export const oneOf =
  (...words: readonly string[]) =>
  (value: string): string | undefined =>
    words.includes(value) ? undefined : `one of ${words.join(", ")}`;

/**
 * The defaults with some fields changed.
 * @param place named in errors, such as `modular-addition`
 * @throws ConfigError for an unknown key (with the nearest known one), a value of another type, or one out of range
 */
export function configure<C extends Config>(
  place: string,
  defaults: C,
  changes: Readonly<Record<string, unknown>>,
  checks: Checks<C> = {},
): C {
  const config: Record<string, ConfigValue> = { ...defaults };
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) continue;
    if (!Object.hasOwn(defaults, key)) throw unknownName(`${place}: setting`, key, Object.keys(defaults));
    const expected = typeof defaults[key];
    if (typeof value !== expected || (typeof value === "number" && !Number.isFinite(value))) {
      const wanted = expected === "number" ? "finite number" : expected;
      throw new ConfigError(
        `${place}: setting "${key}": expected a ${wanted}, found ${JSON.stringify(value) ?? typeof value}`,
      );
    }
    config[key] = value as ConfigValue;
  }
  for (const [key, check] of Object.entries(checks)) {
    const expected = (check as (value: ConfigValue) => string | undefined)(config[key]);
    if (expected)
      throw new ConfigError(
        `${place}: setting "${key}": expected ${expected}, found ${JSON.stringify(config[key])}`,
      );
  }
  return config as C;
}

/** The fields of a configuration that differ from the defaults: what a run's identity is made of. */
export function changedFields<C extends Config>(config: C, defaults: C): Config {
  return Object.fromEntries(Object.entries(config).filter(([key, value]) => value !== defaults[key]));
}

/**
 * Reads `key=value` as typed on a command line, by the type of the default under that key.
 * @throws ConfigError if there is no "=", no such key, or the text is not of the default's type
 */
export function parseSetting<C extends Config>(place: string, defaults: C, text: string): Config {
  const split = text.indexOf("=");
  if (split < 1) throw new ConfigError(`${place}: expected key=value, found "${text}"`);
  const key = text.slice(0, split);
  const value = text.slice(split + 1);
  if (!Object.hasOwn(defaults, key)) throw unknownName(`${place}: setting`, key, Object.keys(defaults));
  const kind = typeof defaults[key];
  if (kind === "string") return { [key]: value };
  if (kind === "boolean" && (value === "true" || value === "false")) return { [key]: value === "true" };
  if (kind === "number" && value.trim() !== "" && Number.isFinite(Number(value)))
    return { [key]: Number(value) };
  throw new ConfigError(`${place}: setting "${key}": expected a ${kind}, found "${value}"`);
}

/** An error for a name that is not among the known ones, with the nearest of them if one is near. */
export function unknownName(place: string, name: string, known: readonly string[]): ConfigError {
  const nearest = [...known].sort((a, b) => editDistance(a, name) - editDistance(b, name))[0];
  const hint = nearest !== undefined && editDistance(nearest, name) <= Math.max(2, name.length / 3);
  const suggestion = hint ? `; did you mean "${nearest}"?` : "";
  return new ConfigError(`${place} "${name}" does not exist${suggestion} (known: ${known.join(", ")})`);
}
