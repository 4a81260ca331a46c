import type { FacetedRun } from "../analysis/tables.js";
import { type Facets, facetsText, withoutSeed } from "../core/facets.js";
import { groupBy } from "../core/group-by.js";
import { describeData } from "../data/provenance.js";
import type { FigureExperiment } from "../figures/selection.js";
import { dataTitle } from "./data-title.js";

/** An experiment and its runs, one for each seed. */
export interface ExperimentRuns extends FigureExperiment {
  readonly runs: readonly FacetedRun[];
}

/**
 * The experiments among some runs, in the order of their first appearance: runs whose facets are equal but for the seed.
 * Each is titled by the facets in which they differ, one alone by all of its own.
 */
export function experimentsOf(runs: readonly FacetedRun[]): ExperimentRuns[] {
  const groups = groupBy(runs, ({ facets }) => JSON.stringify(withoutSeed(facets)));
  const all = [...groups.values()].map((own) => ({ where: withoutSeed(own[0].facets), runs: own }));
  return all.map(({ where, runs: own }) => {
    const differs = (name: string): boolean => all.some((other) => other.where[name] !== where[name]);
    const varying = Object.fromEntries(Object.entries(where).filter(([name]) => differs(name))) as Facets;
    return { where, runs: own, title: facetsText(varying) || facetsText(where) };
  });
}

/** What some runs were trained on, in a few words: "CIFAR-10", "CIFAR-10 or generated textures". */
export function dataOf(runs: readonly FacetedRun[]): string {
  return [...new Set(runs.map(({ run }) => dataTitle(run.record.data)))].join(" or ");
}

/** Lines under a figure that say what its runs were trained on, and on how much of it; a line per task. */
export function dataNotes(runs: readonly FacetedRun[]): string[] {
  const tasks = new Map<string, Set<string>>();
  for (const { run } of runs) {
    const { task, data } = run.record;
    tasks.set(task, (tasks.get(task) ?? new Set()).add(describeData(data)));
  }
  return [...tasks].map(([task, data]) => {
    const what = [...data].join("; ");
    return tasks.size === 1 ? `Trained on ${what}.` : `${task} was trained on ${what}.`;
  });
}
