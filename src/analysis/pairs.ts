import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import { type Facet, where } from "../core/facets.js";
import { recordClock } from "../store/record-clock.js";
import type { RunReader } from "../store/stored-run.js";
import type { StudyInput, StudyReader, StudyRecord } from "../store/study.js";
import { parseEdit } from "../train/edits/edit.js";
import { barriersTable } from "./barriers-table.js";
import { distancesTable } from "./distance.js";
import type { FacetedStudy } from "./faceted-study.js";
import type { FacetedRun } from "./tables.js";

const COLUMNS = [
  ...["task", "setting", "study", "agreementStudy", "group", "between"],
  ...["run1", "run2", "trunk1", "trunk2", "seed1", "seed2", "order1", "order2"],
  ...["step", "epoch", "noise", "eta", "data", "examples", "aligned", "components", "rest", "half", "split"],
  ...["barrier", "alpha", "errorBarrier", "loss", "untrained", "agreement", "distance"],
] as const;

type Pair = Record<(typeof COLUMNS)[number], Facet>;

/**
 * Pairs of networks whose barrier was measured, a row per study of the kind `barrier`, with what other studies say of the same
 * two networks. What is not known is null.
 *
 * Columns:
 * - task, setting; study and agreementStudy (ids);
 * - run1, run2 and what they are: trunk1, trunk2 (ids of the runs that they branched from; a run that is no branch is its own), seed1,
 *   order1, ...; between: "branches" of one trunk, "trunks" (branches of different ones) or "runs" (at least one is no branch);
 * - step, epoch: where both split from their trunks (of runs that are no branches the initialisation, 0; null if these differ);
 * - noise: "own" or "shared" where both were perturbed first, and eta, its size; data: "same", or "other" if they were trained on others;
 *   examples: how many each was trained on (the first, if they differ);
 * - aligned: whether the units of one were permuted first; components, rest, half, split: parameters of the study;
 * - barrier of the loss (Eqn 6) and alpha, where it is; errorBarrier; loss: mean of the two ends; untrained: training loss of the
 *   (first) trunk before its first step;
 * - agreement: mean over matrices of the agreement score; distance: as `distancesTable` has it;
 * - group: equal for pairs that differ in nothing but the order of examples.
 * @param runs that studies read, and their trunks
 * @param studies of the kinds barrier, agreement and distance; others are passed over, and one that comes twice counts once
 */
export function pairsTable(runs: readonly FacetedRun[], studies: readonly FacetedStudy[]): ColumnTable {
  const known = new Map(runs.map(({ run }) => [run.record.id, run]));
  const once = [...new Map(studies.map((one) => [one.study.record.id, one])).values()];
  const of = (kind: string): FacetedStudy[] => once.filter(({ study }) => study.record.kind === kind);
  const agreements = new Map(of("agreement").map(({ study }) => [networksOf(study.record), study]));
  const distances = distancesByNetworks(of("distance").map(({ study }) => study));
  const untrained = new Map<string, number | null>();
  const pairs = of("barrier").map(({ facets, study }): Pair => {
    const { inputs, parameters, id } = study.record;
    const [a, b] = inputs.map((input) => memberOf(input, known));
    const agreement = agreements.get(networksOf(study.record));
    const noise = noiseOf(a.edit, b.edit);
    if (!untrained.has(a.trunk)) untrained.set(a.trunk, untrainedLoss(known.get(a.trunk)));
    const parameter = (name: string): Facet => parameters[name] ?? null;
    const told = {
      task: inputs[0].task,
      setting: facets.setting ?? null,
      trunk1: a.trunk,
      trunk2: b.trunk,
      step: a.step === b.step ? a.step : null,
      ...noise,
      data: dataOf(inputs[0], known) === dataOf(inputs[1], known) ? "same" : "other",
      examples: inputs[0].data.training,
      aligned: inputs.some(({ edit = "" }) => edit.startsWith("align:")),
      components: parameter("components"),
      rest: parameter("rest"),
      half: parameter("half"),
      split: parameter("split"),
    };
    return {
      ...told,
      study: id,
      agreementStudy: agreement?.record.id ?? null,
      group: JSON.stringify(Object.values(told)),
      between: !a.branch || !b.branch ? "runs" : a.trunk === b.trunk ? "branches" : "trunks",
      run1: a.run,
      run2: b.run,
      seed1: a.seed,
      seed2: b.seed,
      order1: a.order,
      order2: b.order,
      epoch: a.step === b.step ? a.epoch : null,
      ...barriersOf(study),
      untrained: untrained.get(a.trunk) ?? null,
      agreement: agreement ? meanScore(agreement) : null,
      distance: distances.get(networksOf(study.record)) ?? null,
    };
  });
  return aq.table(COLUMNS.map((name) => [name, pairs.map((pair) => pair[name])] as const));
}

/**
 * The pairs whose whole networks were compared as they are: all components move, nothing is pruned or permuted, and the loss is that
 * of training.
 */
export function wholePairs(pairs: ColumnTable): ColumnTable {
  return where(pairs, { aligned: false, components: "all", rest: "moves", half: "full", split: "train" });
}

/** One network of a pair: the run, and where it comes from. */
interface Member {
  readonly run: string;
  readonly branch: boolean;
  readonly trunk: string;
  readonly seed: number;
  readonly order: number;
  readonly step: number;
  readonly epoch: number;
  readonly edit?: string;
}

/** Of a run that is not among the known ones only what the study's record says. */
function memberOf({ run: id, seed }: StudyInput, known: ReadonlyMap<string, RunReader>): Member {
  const record = known.get(id)?.record;
  const { origin, order = seed } = record ?? {};
  const step = origin?.step ?? 0;
  return {
    run: id,
    branch: origin !== undefined,
    trunk: rootOf(id, known),
    seed,
    order,
    step,
    epoch: record ? step / recordClock(record).stepsPerEpoch : 0,
    edit: origin?.edit,
  };
}

/** Which examples a network was trained on: equal where they are. */
function dataOf({ run, data }: StudyInput, known: ReadonlyMap<string, RunReader>): string {
  const { trainingExamples, trainingPart } = known.get(run)?.record.config ?? {};
  return JSON.stringify([data.fingerprint, trainingExamples, trainingPart]);
}

function rootOf(id: string, known: ReadonlyMap<string, RunReader>): string {
  const from = known.get(id)?.record.origin?.run;
  return from === undefined ? id : rootOf(from, known);
}

/** The two networks of a study, in whichever order. */
function networksOf({ inputs }: StudyRecord): string {
  return inputs
    .map(({ run, step, edit = "" }) => `${run}@${step}+${edit}`)
    .sort()
    .join(" ");
}

function noiseOf(edit1: string | undefined, edit2: string | undefined): Pick<Pair, "noise" | "eta"> {
  const [a, b] = [edit1, edit2].map((edit) => (edit === undefined ? undefined : parseEdit(edit)));
  if (!a || !b || !("perturb" in a) || !("perturb" in b) || a.perturb !== b.perturb)
    return { noise: null, eta: null };
  return { noise: a.seed === b.seed ? "shared" : "own", eta: a.perturb };
}

function barriersOf(study: StudyReader): Pick<Pair, "barrier" | "alpha" | "errorBarrier" | "loss"> {
  const rows = barriersTable([study]).objects() as Readonly<Record<string, number>>[];
  const of = (metric: string): Readonly<Record<string, number>> | undefined =>
    rows.find((row) => String(row.metric) === metric);
  const [loss, error] = [of("loss"), of("error")];
  return {
    barrier: loss?.barrier ?? null,
    alpha: loss?.alpha ?? null,
    loss: loss ? (loss.first + loss.last) / 2 : null,
    errorBarrier: error?.barrier ?? null,
  };
}

/** The mean over matrices of the agreement score; NaN if the study has no rows. */
function meanScore(study: StudyReader): number {
  const scores = study.rows().map(({ score }) => Number(score));
  return scores.reduce((sum, score) => sum + score, 0) / scores.length;
}

function distancesByNetworks(studies: readonly StudyReader[]): Map<string, number> {
  const found = distancesTable(studies).array("distance") as number[];
  return new Map(studies.map((study, i) => [networksOf(study.record), found[i]]));
}

function untrainedLoss(trunk: RunReader | undefined): number | null {
  const first = trunk
    ?.rows()
    .find(
      ({ probe, step, split, metric, variant }) =>
        probe === "metrics" &&
        step === 0 &&
        split === "train" &&
        metric === "loss" &&
        (variant ?? "full") === "full",
    );
  return first ? Number(first.value) : null;
}
