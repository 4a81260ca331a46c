import type { FacetedRun } from "../analysis/tables.js";
import type { Facets } from "../core/facets.js";
import { groupBy } from "../core/group-by.js";
import type { Plan } from "../sweep/index.js";
import { Markdown, md } from "./markdown-text.js";
import { trainedOn } from "./reproduce.js";

/** Ids of a group's runs are listed up to so many. */
const IDS = 4;

/**
 * In which profile the runs of a plan are, and where they come from: a line for all runs of one group that were trained on the same data and machine, with
 * the values of what varies on the page; first, once, what all of them have alike.
 */
export function planProvenance({ profile = "quick" }: Plan, runs: readonly FacetedRun[]): Markdown {
  const names = [...new Set(runs.flatMap(({ facets }) => Object.keys(facets)))].filter((n) => n !== "group");
  const alike = names.filter((name) => valuesOf(runs, name).length === 1);
  const varied = names.filter((name) => !alike.includes(name));
  const groups = groupBy(runs, ({ facets, run: { record } }) =>
    JSON.stringify([facets.group, facets.task, trainedOn(record)]),
  );
  const lines = [...groups.values()].map((own) => {
    const records = [...new Map(own.map(({ run: { record } }) => [record.id, record])).values()];
    const seconds = records.reduce((sum, { timings }) => sum + (timings.training ?? 0), 0);
    const ids = records.length <= IDS ? ` (run ${records.map(({ id }) => id).join(", ")})` : "";
    const count = records.length === 1 ? "" : `${records.length} runs, `;
    const what = textOf(own, varied);
    const facts = `${count}${trainedOn(records[0], seconds)}${ids}`;
    return md`* **${String(own[0].facets.group)}**${what && `, ${what}`}: ${facts}`;
  });
  const common = textOf(runs, alike);
  return md`Runs on this page, in the profile **${profile}**${common && `, all of them with ${common}`}:\n\n${Markdown.joined(lines, "\n")}`;
}

/** "seed 0, 1; split 1ep, 2ep": the values that some runs have of facets. */
function textOf(runs: readonly FacetedRun[], names: readonly string[]): string {
  const parts = names.flatMap((name) => {
    const values = valuesOf(runs, name).filter((value) => value !== null);
    const texts = values.map((value) => (value === "" ? "none" : String(value)));
    return texts.length > 0 ? [`${name} ${texts.join(", ")}`] : [];
  });
  return parts.join("; ");
}

function valuesOf(runs: readonly FacetedRun[], name: string): Facets[string][] {
  return [...new Set(runs.map(({ facets }) => facets[name] ?? null))];
}
