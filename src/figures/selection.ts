import type { ColumnTable } from "arquero";
import { DataError } from "../core/errors.js";
import { largest } from "../core/extent.js";
import { type Facets, facetNames, facetsText, where } from "../core/facets.js";
import type { Panel } from "./panels.js";

/** One experiment of a figure, over its seeds: a row or a column of panels. */
export interface FigureExperiment {
  /** What its rows have in common: its facets without the seed. */
  readonly where: Facets;
  /** What the figure calls it. */
  readonly title: string;
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
export function completeOnes<E extends FigureExperiment>(
  figure: string,
  experiments: readonly E[],
  build: (experiment: E) => Readonly<Record<string, Panel | undefined>>,
): { readonly complete: readonly Complete[]; readonly notes: readonly string[] } {
  const complete: Complete[] = [];
  const notes: string[] = [];
  for (const experiment of experiments) {
    const { title } = experiment;
    const panels = Object.entries(build(experiment));
    const missing = panels.filter(([, panel]) => !panel).map(([name]) => name);
    const reason = missing.length === panels.length ? "no data" : `no data for ${missing.join(", ")}`;
    if (missing.length > 0) notes.push(`Left out: ${title} (${reason}).`);
    else complete.push({ title, panels: panels.flatMap(([, panel]) => panel ?? []) });
  }
  if (complete.length === 0) {
    const reason = notes.length > 0 ? notes.join(" ") : "there are none";
    throw new DataError(`${figure}: expected data for at least one experiment; ${reason}`);
  }
  return { complete, notes };
}

/** The experiments of a table of runs in the order of their first appearance, each titled by its facets. */
export function experimentsIn(table: ColumnTable): FigureExperiment[] {
  const names = facetNames(table).filter((name) => name !== "seed");
  const rows = table.dedupe(names).select(names).objects() as Facets[];
  return rows.map((facets) => ({ where: facets, title: facetsText(facets) }));
}

/** What is said under every figure about its seeds, by experiment where they differ. @param bands whether it has bands */
export function seedsNote(
  table: ColumnTable,
  experiments: readonly FigureExperiment[],
  bands: boolean,
): string {
  const seedsOf = (rows: ColumnTable): unknown[] => rows.dedupe("seed").array("seed") as unknown[];
  const counts = experiments
    .map(({ title, where: facets }) => ({ title, seeds: seedsOf(where(table, facets)) }))
    .filter(({ seeds }) => seeds.length > 0);
  const most = largest(counts.map(({ seeds }) => seeds.length));
  if (most === 1) {
    const seeds = [...new Set(counts.flatMap((count) => count.seeds))];
    return `One seed${seeds.length > 1 ? " each" : ""} (${seeds.join(", ")}).`;
  }
  const fewer = counts
    .filter(({ seeds }) => seeds.length < most)
    .map(({ title, seeds }) => `${title}: ${seeds.length}`);
  const except = fewer.length > 0 ? ` (${fewer.join("; ")})` : "";
  return `Mean of ${most} seeds${except}${bands ? "; bands: one standard deviation" : ""}.`;
}

/** The name asked for, or the middle one of those in a column of a table. */
export function nameOrMiddle(name: string | undefined, table: ColumnTable, column: string): string {
  const names = table.dedupe(column).array(column) as string[];
  return name ?? names[Math.floor(names.length / 2)] ?? "";
}
