import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import { DataError } from "../core/errors.js";
import type { Facet, Facets } from "../core/facets.js";
import { thin } from "../core/thin.js";
import type { Row } from "../store/rows.js";
import type { RunReader } from "../store/stored-run.js";

/** A run, and what tells it from others: at least `task`, `setting` (null: the profile's own) and `seed`. */
export interface FacetedRun {
  readonly facets: Facets;
  readonly run: RunReader;
}

/**
 * A run with its task, setting and seed as facets, and others that its record does not know.
 *
 * @example
 *     const runs = findRuns("runs", { task: "vgg" }).map((run) => faceted(run, { decay: run.record.config.weightDecay }));
 */
export function faceted(run: RunReader, facets: Facets = {}): FacetedRun {
  const { task, seed } = run.record;
  return { facets: { task, setting: null, seed, ...facets }, run };
}

/** What arrays to read: all of them make large tables. */
export interface ArrayChoice {
  /** Which matrices or contacts, by name. Default all. */
  readonly only?: (name: string) => boolean;
  /** At most this many steps of a run, evenly chosen; the first and last stay. Default all. */
  readonly maxSteps?: number;
}

/**
 * Evaluated losses, errors, ... (probes metrics and pruning).
 *
 * Columns: the facets; step; epoch; split ("train", "validation"); variant (the singular triplets kept: "full", or the
 * "top" or "bottom" half); metric ("loss", "error" in [0, 1], ...); value.
 */
export function metricsTable(runs: readonly FacetedRun[]): ColumnTable {
  return probeTable(runs, ["metrics", "pruning"], ["split", "variant", "metric", "value"]);
}

const measures = [
  "effectiveRank",
  "entropyRank",
  "count90",
  "stableRank",
  "gini",
  "largest",
  "median",
  "frobenius",
];

/**
 * Measures of every spectrum (probe spectra).
 *
 * Columns: the facets; step; epoch; matrix; depth (place in the network, from the input, 0 first); effectiveRank in
 * (0, 1]; entropyRank; count90; stableRank; gini; largest; median; frobenius.
 */
export function ranksTable(runs: readonly FacetedRun[]): ColumnTable {
  return probeTable(runs, ["spectra"], ["matrix", "depth", ...measures]);
}

/**
 * Alignment scores of neighbouring layers (probe alignment).
 *
 * Columns: the facets; step; epoch; contact; depth (from the input, 0 first); score in [0, 1]; dimension (length of the
 * singular vectors compared. Where one of the two is cut out of a longer one, a gate or a kernel's centre, the longer
 * one's: the other, padded with zeros, is a unit vector of that space); entries (of the diagonal in the score, at most
 * 10); pairs (attention heads averaged; else 1).
 */
export function alignmentScoresTable(runs: readonly FacetedRun[]): ColumnTable {
  return probeTable(runs, ["alignment"], ["contact", "depth", "score", "dimension", "entries", "pairs"]);
}

/** Agreement with the initialisation (probe agreement): the facets; step; epoch; matrix; depth; score in [0, 1]. */
export function agreementScoresTable(runs: readonly FacetedRun[]): ColumnTable {
  return probeTable(runs, ["agreement"], ["matrix", "depth", "score"]);
}

/**
 * Singular values: the facets; step; epoch; matrix; rank (from 1, the largest); value.
 *
 * @example
 *     spectrumTable(runs, { only: (matrix) => matrix === "fc.weight", maxSteps: 200 })
 */
export function spectrumTable(runs: readonly FacetedRun[], choice: ArrayChoice = {}): ColumnTable {
  return arrayTable(runs, "singular-values/", "matrix", choice);
}

/** Alignment diagonals: the facets; step; epoch; contact; rank (from 1); value in [0, 1]. */
export function alignmentTable(runs: readonly FacetedRun[], choice: ArrayChoice = {}): ColumnTable {
  return arrayTable(runs, "alignment/", "contact", choice);
}

/** Agreement diagonals with the initialisation: the facets; step; epoch; matrix; rank (from 1); value in [0, 1]. */
export function agreementTable(runs: readonly FacetedRun[], choice: ArrayChoice = {}): ColumnTable {
  return arrayTable(runs, "agreement/", "matrix", choice);
}

function probeTable(
  runs: readonly FacetedRun[],
  probes: readonly string[],
  names: readonly string[],
): ColumnTable {
  const rows = (run: RunReader): Row[] => run.rows().filter((row) => probes.includes(String(row.probe)));
  return tableOf(runs, ["step", "epoch", ...names], rows);
}

function arrayTable(
  runs: readonly FacetedRun[],
  prefix: string,
  subject: "matrix" | "contact",
  { only = () => true, maxSteps = Infinity }: ArrayChoice,
): ColumnTable {
  return tableOf(runs, ["step", "epoch", subject, "rank", "value"], function* (run) {
    const epochs = new Map(run.rows().map((row) => [row.step, row.epoch]));
    for (const step of thin(run.steps(), maxSteps)) {
      for (const [name, { data }] of run.readArrays(step)) {
        const about = name.slice(prefix.length);
        if (!name.startsWith(prefix) || !only(about)) continue;
        const origin = { step, epoch: epochs.get(step) ?? null, [subject]: about };
        for (let i = 0; i < data.length; i++) yield { ...origin, rank: i + 1, value: Number(data[i]) };
      }
    }
  });
}

/**
 * A table of several runs: the facets of any of them, then columns of the rows made of each. What is missing is null.
 * @param names the columns after the facets
 * @throws DataError if a facet has the name of one of these columns
 */
export function tableOf(
  runs: readonly FacetedRun[],
  names: readonly string[],
  rowsOf: (run: RunReader) => Iterable<Row>,
): ColumnTable {
  const facetNames = new Set([
    "task",
    "setting",
    "seed",
    ...runs.flatMap(({ facets }) => Object.keys(facets)),
  ]);
  const taken = names.find((name) => facetNames.has(name));
  if (taken !== undefined)
    throw new DataError(`table: expected facets with names of their own, found "${taken}"`);
  const columns = new Map<string, Facet[]>([...facetNames, ...names].map((name) => [name, []]));
  for (const { facets, run } of runs) {
    for (const row of rowsOf(run)) {
      for (const name of facetNames) columns.get(name)?.push(facets[name] ?? null);
      for (const name of names) columns.get(name)?.push(row[name] ?? null);
    }
  }
  return aq.table([...columns]);
}
