import type { FacetedRun } from "../analysis/tables.js";
import { type Facets, facetsText, withoutSeed } from "../core/facets.js";
import type { Experiment } from "../figures/selection.js";
import { dataTitle } from "./data-title.js";

/** An experiment and its runs, one for each seed. */
export interface ExperimentRuns extends Experiment {
  readonly runs: readonly FacetedRun[];
}

/**
 * The experiments among some runs, in the order of their first appearance: runs whose facets are equal but for the seed.
 * Each is titled by the facets in which they differ, one alone by all of its own.
 */
export function experimentsOf(runs: readonly FacetedRun[]): ExperimentRuns[] {
  const groups = new Map<string, FacetedRun[]>();
  for (const run of runs) {
    const key = JSON.stringify(withoutSeed(run.facets));
    groups.set(key, [...(groups.get(key) ?? []), run]);
  }
  const all = [...groups.values()].map((own) => ({ where: withoutSeed(own[0].facets), runs: own }));
  return all.map(({ where, runs: own }) => {
    const differs = (name: string): boolean => all.some((other) => other.where[name] !== where[name]);
    const varying = Object.fromEntries(Object.entries(where).filter(([name]) => differs(name))) as Facets;
    return { where, runs: own, title: facetsText(varying) || facetsText(where) };
  });
}

/** What some runs were trained on: "CIFAR-10", "CIFAR-10 or generated textures"; undefined where no record says. */
export function dataOf(runs: readonly FacetedRun[]): string | undefined {
  const titles = new Set(runs.flatMap(({ run }) => dataTitle(run.record.data) ?? []));
  return titles.size > 0 ? [...titles].join(" or ") : undefined;
}

/** A line under a figure that says what its runs were trained on; none where no record says. */
export function dataNotes(runs: readonly FacetedRun[]): string[] {
  const data = dataOf(runs);
  return data ? [`Trained on ${data}.`] : [];
}
