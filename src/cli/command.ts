import { parseArgs, type ParseArgsConfig } from "node:util";
import { messageOf } from "../core/errors.js";
import { Stop } from "./stop.js";

/** One option of a command: both its parsing and its line of `--help` are made of it. */
export interface Option {
  /** What stands for its value in the help: "N", "DIR". Absent: a switch, which takes none. */
  readonly value?: string;
  /** What it does; where its default is no fixed value, that too. */
  readonly text: string;
  /** The value where it is not given. */
  readonly default?: string;
  /** It may be given several times. */
  readonly multiple?: true;
  /** Its value begins with a "-": options of another command. */
  readonly dashed?: true;
}

export type Options = Readonly<Record<string, Option>>;

/** What the command line understands of a command. Plain data: help and wrong usage load none of the laboratory. */
export interface Declaration<O extends Options = Options> {
  readonly name: string;
  readonly summary: string;
  /** Arguments, and what they mean: `{ TASK: "name of a task" }`; "[N...]" for any number, also none. */
  readonly positionals: Readonly<Record<string, string>>;
  readonly options: O;
  /** What exit statuses mean here where that is not what they mean in general. */
  readonly statuses?: Readonly<Record<number, string>>;
  /** It ends in order where it is asked to: see `Stop`. Any other ends at once. */
  readonly stoppable?: true;
  /** What follows `spectral` in an example. */
  readonly example: string;
}

type ValueOf<O extends Option> = O extends { readonly value: string }
  ? O extends { readonly multiple: true }
    ? readonly string[]
    : O extends { readonly default: string }
      ? string
      : string | undefined
  : boolean;

/** A command line that was understood. */
export interface Given<D extends Declaration> {
  /** By option; a switch is true or false, a list may be empty. */
  readonly values: { readonly [Name in keyof D["options"]]: ValueOf<D["options"][Name]> };
  readonly positionals: readonly string[];
}

/** A declaration and what carries it out. */
export interface Command extends Declaration {
  /** @returns the exit status. @throws UsageError for a command line that cannot be understood */
  run(args: readonly string[], stop?: Stop): Promise<number>;
}

/** A command line that cannot be understood; the usage is printed with it. */
export class UsageError extends Error {}

/**
 * A command of a declaration.
 * @param load imports the module that carries it out, once the command line is understood
 */
export function command<D extends Declaration>(
  declaration: D,
  load: () => Promise<{ run(given: Given<D>, stop: Stop): Promise<number> }>,
): Command {
  return {
    ...declaration,
    async run(args, stop = new Stop()) {
      const { values, positionals } = parse(args, declaration.options);
      if (values.help) {
        process.stdout.write(helpOf(declaration));
        return 0;
      }
      checkCount(Object.keys(declaration.positionals), positionals);
      return (await load()).run({ values, positionals } as Given<D>, stop);
    },
  };
}

/** @throws UsageError instead of the errors of `parseArgs` */
function parse(
  args: readonly string[],
  options: Options,
): { values: Readonly<Record<string, unknown>>; positionals: readonly string[] } {
  const config: NonNullable<ParseArgsConfig["options"]> = { help: { type: "boolean", short: "h" } };
  for (const [name, { value, multiple = false, default: otherwise }] of Object.entries(options)) {
    if (value === undefined) config[name] = { type: "boolean", default: false };
    else if (multiple) config[name] = { type: "string", multiple, default: [] };
    else config[name] = { type: "string", ...(otherwise !== undefined && { default: otherwise }) };
  }
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({
      args: joinedWords(args, options),
      options: config,
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
  for (const [name, found] of Object.entries(parsed.values)) {
    // Of a variable of the shell that is not set, most likely: an empty folder would be the present one.
    if ([found].flat().includes(""))
      throw new UsageError(`--${name}: expected ${options[name].value}, found nothing`);
  }
  return parsed;
}

/**
 * "--slurm" "--time=5" as one word: node takes what begins with a "-" for an option that it is to know. What is an option of the
 * command stays one.
 */
function joinedWords(args: readonly string[], options: Options): string[] {
  const words: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const [word, next] = [args[i], args[i + 1]];
    if (word === "--") return [...words, ...args.slice(i)];
    const takes = word.startsWith("--") && options[word.slice(2)]?.dashed;
    const given = next?.startsWith("-") && !Object.hasOwn(options, next.replace(/^--|=.*$/g, ""));
    if (takes && given) words.push(`${word}=${args[++i]}`);
    else words.push(word);
  }
  return words;
}

function checkCount(expected: readonly string[], found: readonly string[]): void {
  const least = expected.filter((name) => !name.startsWith("[")).length;
  const most = expected.some((name) => name.includes("...")) ? Infinity : expected.length;
  if (found.length >= least && found.length <= most) return;
  const named = (words: readonly string[]): string => (words.length > 0 ? words.join(" ") : "no argument");
  throw new UsageError(`expected ${named(expected)}, found ${named(found)}`);
}

/** "spectral train TASK [options]" */
export function usageOf({ name, positionals }: Declaration): string {
  return ["spectral", name, ...Object.keys(positionals), "[options]"].join(" ");
}

/** What `spectral COMMAND --help` prints. */
function helpOf(declaration: Declaration): string {
  const { summary, positionals, options, statuses, example } = declaration;
  const described = Object.entries(options).map(([name, option]): [string, string] => [
    `--${name}${option.value ? ` ${option.value}` : ""}${option.multiple ? " ..." : ""}`,
    option.default === undefined ? option.text : `${option.text} (default: ${option.default})`,
  ]);
  const general = { 0: "done", 1: "failed: one message says what, where and why", 2: "wrong usage" };
  const lines = (entries: readonly (readonly [string, string])[]): string => {
    const width = Math.max(...entries.map(([term]) => term.length));
    return entries.map(([term, text]) => `  ${term.padEnd(width)}  ${text}\n`).join("");
  };
  const arguments_ = Object.entries(positionals);
  return (
    `usage: ${usageOf(declaration)}\n\n${summary}\n\n` +
    (arguments_.length > 0 ? `arguments\n${lines(arguments_)}\n` : "") +
    `options\n${lines([...described, ["-h, --help", "prints this text"]])}\n` +
    `exit status\n${lines(Object.entries({ ...general, ...statuses }))}\n` +
    `example\n  spectral ${example}\n`
  );
}

/** Lines of columns, padded to equal width; numbers to the right. */
export function columns(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [header, ...rows.map((row) => row.map(String))];
  const widths = header.map((_, i) => cells.reduce((most, row) => Math.max(most, row[i].length), 0));
  const right = header.map((_, i) => rows.length > 0 && rows.every((row) => typeof row[i] === "number"));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (right[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join("  ")
      .trimEnd();
  return cells.map(line).join("\n");
}
