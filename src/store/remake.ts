import type { RunRecord } from "./record.js";

/**
 * The command that trains a stored run again, as its record says what it was trained as: fields that only say what is
 * measured are the task's own.
 * @param keeping how many leading singular vectors, and the weights of which moments, it is to keep besides
 */
export function commandToRemake(
  record: RunRecord,
  { keep, vectors }: { readonly keep?: string; readonly vectors?: number } = {},
): string {
  const kept: [string, unknown][] = [
    ["keep", keep],
    ["vectors", vectors],
  ];
  return trainCommand(record.task, [...optionsOf(record), ...kept, ["retrain", true]]);
}

/**
 * What to do about a step of a stored run whose weights were not kept, for the end of an error: the command that trains it again and
 * keeps them, and those that it has. Of a run that is not finished, or was never there, nothing.
 * @param kept steps whose weights it has
 */
export function howToKeep(record: RunRecord, kept: readonly number[], step: number): string {
  if (record.status !== "finished" || step > (record.step ?? 0)) return "";
  const moments = [...new Set([...kept, step])].sort((a, b) => a - b).map((one) => `${one}it`);
  return `; train it again with: ${commandToRemake(record, { keep: moments.join(",") })}`;
}

/** The command that measures more of a stored run: from its kept weights, or by going on with it. */
export function commandToMeasure(record: RunRecord, probe: string): string {
  return trainCommand(record.task, [...optionsOf(record), ["probes", probe]]);
}

/** The options of `spectral train` that name a stored run. */
function optionsOf({ training, seed, order, origin }: RunRecord): [string, unknown][] {
  return [
    ["profile", "paper"], // whose values are the defaults that `training` differs from
    ...Object.entries(training).map(([key, value]): [string, unknown] => ["set", `${key}=${String(value)}`]),
    ["seed", origin ? undefined : seed],
    ["order", order],
    ["from", origin && `${origin.run}@${origin.step}`],
    ["edit", origin?.edit],
    ["fresh-moments", origin?.memory === false],
  ];
}

/** `spectral train TASK` with its options, as far as they have a value; `true` is that of a flag. */
export function trainCommand(task: string, options: readonly (readonly [string, unknown])[]): string {
  const given = options.filter(([, value]) => value !== undefined && value !== "" && value !== false);
  const words = given.map(([name, value]) =>
    value === true ? `--${name}` : `--${name} ${shellWord(String(value))}`,
  );
  return ["spectral train", task, ...words].join(" ");
}

/** A text as one word of a command line: what a record says is never run by a shell. */
function shellWord(text: string): string {
  return /^[\w.,:%@/+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
