import { DataError } from "../core/errors.js";
import type { Panel } from "./panels.js";
import { distinct, groupBy, valuesIn, type Origin, type Table } from "./tables.js";
import type { TimeAxis } from "./time.js";

/** One experiment of a figure: a row or a column of panels. */
export interface Experiment {
  /** The `label` of its rows. */
  readonly label: string;
  /** What the figure calls it; default the label. */
  readonly title?: string;
}

/** What a figure with a column per task may be told. */
export interface TaskOptions<E extends Experiment> {
  /** Columns of panels, from the left; default every label of the table. */
  readonly tasks?: readonly E[];
  readonly time?: TimeAxis;
  /** Lines under the figure. */
  readonly notes?: readonly string[];
}

/** A group of panels that belong to one experiment, complete. */
export interface Complete {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/**
 * The panels of every experiment that has data for all of them. The others are left out and named in the notes: a
 * figure has no empty panels.
 * @param build the experiment's panels by what they show ("alignment"), undefined where there are no rows
 * @throws DataError if no experiment is complete
 */
export function completeOnes<E extends Experiment>(
  figure: string,
  experiments: readonly E[],
  build: (experiment: E) => Readonly<Record<string, Panel | undefined>>,
): { readonly complete: readonly Complete[]; readonly notes: readonly string[] } {
  const complete: Complete[] = [];
  const notes: string[] = [];
  for (const experiment of experiments) {
    const title = experiment.title ?? experiment.label;
    const panels = Object.entries(build(experiment));
    const missing = panels.filter(([, panel]) => !panel).map(([name]) => name);
    const reason = missing.length === panels.length ? "no data" : `no data for ${missing.join(", ")}`;
    if (missing.length > 0) notes.push(`Left out: ${title} (${reason}).`);
    else complete.push({ title, panels: panels.flatMap(([, panel]) => panel ?? []) });
  }
  if (complete.length === 0) {
    const reason = notes.length > 0 ? notes.join(" ") : "the tables are empty";
    throw new DataError(`${figure}: expected data for at least one experiment; ${reason}`);
  }
  return { complete, notes };
}

/** One experiment for every label of a table, in the order of first appearance. */
export function labelsOf<Row extends Origin>(table: Table<Row>): Experiment[] {
  return valuesIn(table as Table<Origin>, "label").map((label) => ({ label }));
}

/** What is said under every figure about its seeds, by label where they differ. @param bands whether it has bands */
export function seedsNote(rows: readonly Origin[], bands: boolean): string {
  const counts = [...groupBy(rows, "label")].map(([label, own]) => ({ label, seeds: distinct(own, "seed") }));
  const most = Math.max(...counts.map(({ seeds }) => seeds.length));
  if (most === 1) {
    const seeds = distinct(rows, "seed");
    return `One seed${seeds.length > 1 ? " each" : ""} (${seeds.join(", ")}).`;
  }
  const fewer = counts
    .filter(({ seeds }) => seeds.length < most)
    .map(({ label, seeds }) => `${label}: ${seeds.length}`);
  const except = fewer.length > 0 ? ` (${fewer.join(", ")})` : "";
  return `Mean of ${most} seeds${except}${bands ? "; bands: one standard deviation" : ""}.`;
}

/** The name asked for, or the middle one of those there are. */
export function nameOrMiddle(name: string | undefined, names: readonly string[]): string | undefined {
  return name ?? names[Math.floor(names.length / 2)];
}
