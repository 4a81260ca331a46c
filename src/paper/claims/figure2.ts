import { smallest } from "../../core/extent.js";
import type { ColumnTable } from "arquero";
import { type Facets, facetsText } from "../../core/facets.js";
import { bySeed, overSeeds, percent, verdictOf, written, type Claim, type RunRow } from "../claim.js";
import { combined, margin, mean, permutationTest } from "../statistics.js";

/** What the claims of figure 2 are computed from. */
export interface GrokkingTables {
  /** Columns split, variant, metric, value; its errors of both splits are read. */
  readonly metrics: ColumnTable;
  /** Columns matrix, effectiveRank. */
  readonly ranks: ColumnTable;
}

/** The rule of "coincides", fixed on synthetic runs (docs/claims.md). */
const rule = {
  /** A run has memorised from the first step at which training error is below this. */
  memorised: 0.01,
  /** Of windows elsewhere, at most this share may show as large an excess (Fisher's combination over seeds). */
  chance: 0.05,
  /** Least excess in effective rank: two and a half steps of a 256-colour map from 0 to 1. */
  least: 0.01,
  /** Least excess as a share of all that rank falls after memorisation. */
  share: 0.1,
  /** Windows are as many times as long as validation error takes from three quarters to one quarter of its value. */
  durations: 3,
  /** Fewest measured intervals in a window. */
  intervals: 4,
} as const;

/**
 * "The fall of validation error coincides with the fall of effective rank", and, where there is a run without weight
 * decay, "neither happens without decay": one claim for the error, one for the rank.
 * @param decay facets of the runs with decay
 * @param noDecay facets of the runs without
 */
export function claimsOfGrokking(
  tables: GrokkingTables,
  decay: Facets,
  noDecay: Facets | undefined,
): Claim[] {
  const runs = runsOf(tables, decay);
  if (noDecay === undefined) return [fallsCoincide(runs, [], decay)];
  const others = runsOf(tables, noDecay);
  return [
    fallsCoincide(runs, others, decay),
    errorStays(runs, others, noDecay),
    rankStays(runs, others, noDecay),
  ];
}

/** Numbers over time: `steps` rise. */
interface Series {
  readonly steps: readonly number[];
  readonly values: readonly number[];
}

/** One run from the moment when it has memorised; `memorised` is NaN where it never has. */
interface Run {
  readonly seed: number;
  readonly memorised: number;
  readonly end: number;
  readonly error: Series;
  /** Mean effective rank of the matrices that have one throughout. */
  readonly rank: Series;
  /** Where validation error crosses half of its value when memorised; NaN: it has not grokked. */
  readonly half: number;
}

interface ErrorRow extends RunRow {
  readonly split: string;
  readonly variant: string | null;
  readonly metric: string;
  readonly value: number;
}

interface RankRow extends RunRow {
  readonly matrix: string;
  readonly effectiveRank: number;
}

function runsOf({ metrics, ranks }: GrokkingTables, facets: Facets): Run[] {
  const columns = ["split", "variant", "metric", "value"] as const;
  const errors = bySeed<ErrorRow>(metrics, facets, columns, ["split", "variant", "metric"]);
  const matrices = bySeed<RankRow>(ranks, facets, ["matrix", "effectiveRank"], ["matrix"]);
  return [...matrices].map(([seed, rows]) => runOf(seed, errors.get(seed) ?? [], rows));
}

function runOf(seed: number, metrics: readonly ErrorRow[], rows: readonly RankRow[]): Run {
  const errors = (split: string): Series =>
    seriesOf(
      metrics.filter(
        (row) => row.split === split && row.metric === "error" && (row.variant ?? "full") === "full",
      ),
    );
  const train = errors("train");
  const memorised = train.steps[train.values.findIndex((value) => value < rule.memorised)] ?? NaN;
  const error = from(errors("validation"), memorised);
  const rank = from(meanRank(rows), memorised);
  const half = error.steps.length > 0 ? crossing(error, error.values[0] / 2) : NaN;
  const end = Math.min(error.steps.at(-1) ?? NaN, rank.steps.at(-1) ?? NaN);
  return { seed, memorised, end, error, rank, half };
}

function seriesOf(rows: readonly { readonly step: number; readonly value: number }[]): Series {
  return { steps: rows.map(({ step }) => step), values: rows.map(({ value }) => value) };
}

function from({ steps, values }: Series, step: number): Series {
  const kept = steps.flatMap((own, i) => (own >= step ? [i] : []));
  return { steps: kept.map((i) => steps[i]), values: kept.map((i) => values[i]) };
}

/** Mean over matrices at each step; matrices without a rank at some step (decayed to zero) are left out. */
function meanRank(rows: readonly RankRow[]): Series {
  const whole = (value: unknown): boolean => typeof value === "number" && Number.isFinite(value);
  const lost = new Set(rows.filter((row) => !whole(row.effectiveRank)).map(({ matrix }) => matrix));
  const steps = new Map<number, number[]>();
  for (const { step, matrix, effectiveRank } of rows) {
    if (lost.has(matrix)) continue;
    steps.set(step, [...(steps.get(step) ?? []), effectiveRank]);
  }
  return { steps: [...steps.keys()], values: [...steps.values()].map(mean) };
}

/** The step at which a series first falls below a level, between measurements by a straight line; NaN: never. */
function crossing({ steps, values }: Series, level: number): number {
  const below = values.findIndex((value) => value < level);
  if (below < 1) return NaN;
  const part = (values[below - 1] - level) / (values[below - 1] - values[below]);
  return steps[below - 1] + part * (steps[below] - steps[below - 1]);
}

/** The value at any step inside the series, between measurements by a straight line. */
function valueAt({ steps, values }: Series, step: number): number {
  const after = steps.findIndex((own) => own >= step);
  if (after < 0) return NaN;
  if (steps[after] === step) return values[after];
  if (after === 0) return NaN;
  const part = (step - steps[after - 1]) / (steps[after] - steps[after - 1]);
  return values[after - 1] + part * (values[after] - values[after - 1]);
}

/** How far rank falls within a window of `width` steps about `centre`. */
function fallWithin(rank: Series, centre: number, width: number): number {
  return valueAt(rank, centre - width / 2) - valueAt(rank, centre + width / 2);
}

/**
 * By how much rank falls more within a window than in the equal window just before it. A line has 0, and whatever falls
 * ever more slowly, such as exponential decay, less than 0. The window after it is no control: what begins with the error's
 * fall may go on after it.
 */
function excess(rank: Series, centre: number, width: number): number {
  return fallWithin(rank, centre, width) - fallWithin(rank, centre - width, width);
}

/**
 * The window's width: three times the time in which validation error falls from three quarters to one quarter of its value
 * when memorised, which for a logistic curve is from 96 to 4 %; at least 4 measured intervals; and such that it and
 * the window before it still lie between memorisation and the end. NaN where they do not.
 */
function widthOf(run: Run): number {
  const { error, half, memorised, end } = run;
  const level = error.values[0];
  const high = error.steps.findLastIndex((step, i) => step <= half && error.values[i] >= 0.75 * level);
  const before = error.steps[Math.max(0, high)];
  const quarter = crossing(error, level / 4);
  const duration = Number.isNaN(quarter) ? 2 * (half - before) : quarter - before;
  const interval = (run.rank.steps.at(-1)! - run.rank.steps[0]) / (run.rank.steps.length - 1);
  const room = Math.min((half - memorised) / 1.5, (end - half) / 0.5);
  const width = Math.min(Math.max(rule.durations * duration, rule.intervals * interval), room);
  return width >= rule.intervals * interval ? width : NaN;
}

/** What happens to rank about one seed's half-error step. */
interface Grokking {
  /** Fall between memorisation and the window. */
  readonly before: number;
  /** Fall in the window. */
  readonly during: number;
  readonly excess: number;
  /** Fall between memorisation and the end. */
  readonly total: number;
  /** Share of windows between memorisation and the end with as large an excess. */
  readonly chance: number;
  /** Steps by which the window of largest excess, at most 1.5 windows away, comes after the error's. */
  readonly lag: number;
  readonly half: number;
  readonly width: number;
}

function grokkingOf(run: Run): Grokking | undefined {
  const { rank, half, memorised, end } = run;
  const width = widthOf(run);
  if (Number.isNaN(width)) return undefined;
  const own = excess(rank, half, width);
  const centres = rank.steps.filter((step) => step - 1.5 * width >= memorised && step + width / 2 <= end);
  const others = centres.map((centre) => excess(rank, centre, width));
  const near = [half, ...centres.filter((centre) => Math.abs(centre - half) <= 1.5 * width)];
  const strongest = near.reduce((best, centre) =>
    excess(rank, centre, width) > excess(rank, best, width) ? centre : best,
  );
  const start = valueAt(rank, half - width / 2);
  return {
    before: rank.values[0] - start,
    during: fallWithin(rank, half, width),
    excess: own,
    total: rank.values[0] - valueAt(rank, end),
    chance: (1 + others.filter((value) => value >= own).length) / (1 + others.length),
    lag: strongest - half,
    half,
    width,
  };
}

/** Mean excess, in the windows of the runs that grokked, of a run that had not grokked by then; NaN where none reaches. */
function excessElsewhere(groks: readonly Grokking[], runs: readonly Run[]): number {
  const values = groks.flatMap(({ half, width }) =>
    runs
      .filter((run) => Number.isNaN(run.half) || run.half > half + 3 * width)
      .map((run) => excess(run.rank, half, width))
      .filter(Number.isFinite),
  );
  return values.length > 0 ? mean(values) : NaN;
}

function fallsCoincide(runs: readonly Run[], noDecay: readonly Run[], facets: Facets): Claim {
  const groks = runs.map(grokkingOf).filter((grok) => grok !== undefined);
  const of = (name: keyof Grokking): number[] => groks.map((grok) => grok[name]);
  const excesses = of("excess");
  const size = mean(excesses);
  const off = excesses.length > 1 ? margin(excesses) : 0;
  const least = Math.max(rule.least, rule.share * mean(of("total")));
  const chance = groks.length > 0 ? combined(of("chance")) : NaN;
  const [notYet, without] = [excessElsewhere(groks, runs), excessElsewhere(groks, noDecay)];
  const elsewhere = Math.max(...[notYet, without].filter(Number.isFinite), -Infinity);
  const agrees = chance <= rule.chance && size >= least && size - off > 0 && 2 * elsewhere < size;
  const atMost = excesses.length > 1 ? size + off : size + least / 2;
  return {
    figure: 2,
    statement: `The fall of validation error coincides with the fall of effective rank (${facetsText(facets)})`,
    null:
      "a fall of rank by a clock of its own: windows of equal length elsewhere after memorisation in the same run, " +
      "and the same windows in runs that had not grokked",
    effect: coincidenceInWords(groks, runs.length, { chance, notYet, without }),
    threshold:
      `excess: how much more rank falls in the window than in the equal one just before it. Agrees if it is at least ` +
      `${rule.least} and ${percent(rule.share)} of all that rank falls after memorisation, above 0 by the spread over ` +
      `seeds, reached by at most ${percent(rule.chance)} of windows elsewhere, and at least twice that of runs that had ` +
      `not grokked; disagrees if it is no larger than theirs, or both more often reached elsewhere and below that size by ` +
      `the spread (one seed: below half of it)`,
    numbers: {
      seeds: runs.length,
      grokked: groks.length,
      fallBefore: mean(of("before")),
      fallWith: mean(of("during")),
      excess: size,
      leastExcess: least,
      chance,
      lag: mean(of("lag")),
      window: mean(of("width")),
      excessNotYetGrokked: notYet,
      excessWithoutDecay: without,
    },
    verdict: verdictOf(agrees, (chance > rule.chance && atMost < least) || size <= elsewhere),
  };
}

function coincidenceInWords(
  groks: readonly Grokking[],
  seeds: number,
  found: { readonly chance: number; readonly notYet: number; readonly without: number },
): string {
  if (groks.length === 0) {
    return `of ${seeds} seeds none both grokked and left room for a window about the half-error step and one before it`;
  }
  const of = (name: keyof Grokking): string => overSeeds(groks.map((grok) => grok[name]));
  const elsewhere = [
    ["runs not yet grokked", found.notYet],
    ["runs without decay", found.without],
  ].flatMap(([runs, value]) => (Number.isFinite(value) ? [`${runs} ${written(Number(value))}`] : []));
  return (
    `${groks.length} of ${seeds} seeds grokked, at half-error steps ${groks.map(({ half }) => written(Math.round(half))).join(", ")}. ` +
    `Mean effective rank fell by ${of("before")} after memorisation but before the error, and by ${of("during")} in the ` +
    `window about the half-error step (${written(mean(groks.map(({ width }) => width)))} steps); excess ${of("excess")}` +
    `${elsewhere.length > 0 ? ` (the same windows in ${elsewhere.join(", in ")})` : ""}, as large elsewhere with ` +
    `probability ${written(found.chance)}. Rank's second fall comes ${of("lag")} steps after the error's`
  );
}

/** 1 for a run that has grokked by `step`, else 0. */
const grokkedBy = (run: Run, step: number): number => (run.half <= step ? 1 : 0);

/** The last step up to which all runs of both kinds have memorised and been measured. */
function commonEnd(runs: readonly Run[]): number {
  return smallest(runs.map(({ end }) => end));
}

function errorStays(decay: readonly Run[], noDecay: readonly Run[], facets: Facets): Claim {
  const limit = commonEnd(noDecay);
  const [withIt, without] = [decay, noDecay].map((runs) => runs.map((run) => grokkedBy(run, limit)));
  const chance = withIt.length > 0 && without.length > 0 ? permutationTest(withIt, without) : NaN;
  const [shareWith, share] = [mean(withIt), mean(without)];
  const words = (found: readonly number[]): string =>
    `${found.filter((value) => value === 1).length} of ${found.length}`;
  return {
    figure: 2,
    statement: `Without weight decay validation error does not fall (${facetsText(facets)})`,
    null: "decay makes no difference to whether a run has grokked by then",
    effect:
      `by step ${written(limit)}, ${words(without)} ${noDecay.length === 1 ? "seed (one seed: no spread)" : "seeds"} ` +
      `without decay and ${words(withIt)} with decay had grokked; so unequal a share by chance with probability ` +
      written(chance),
    threshold:
      "agrees if none without decay grokked and so unequal shares have a probability of at most 5 % (exact test, " +
      "possible from three seeds each); disagrees if any without decay grokked",
    numbers: { grokkedShare: share, grokkedShareWithDecay: shareWith, step: limit, chance },
    verdict: verdictOf(share === 0 && chance <= 0.05, share > 0),
  };
}

function rankStays(decay: readonly Run[], noDecay: readonly Run[], facets: Facets): Claim {
  const limit = commonEnd([...decay, ...noDecay]);
  const falls = (runs: readonly Run[]): number[] =>
    runs.map(({ rank }) => rank.values[0] - valueAt(rank, limit)).filter(Number.isFinite);
  const [withIt, without] = [falls(decay), falls(noDecay)];
  const halved = withIt.map((fall) => fall / 2);
  const [fallWith, fall] = [mean(withIt), mean(without)];
  const tested = withIt.length > 0 && without.length > 0;
  const chance = tested ? permutationTest(halved, without) : NaN;
  const against = tested ? permutationTest(without, halved) : NaN;
  return {
    figure: 2,
    statement: `Without weight decay effective rank does not fall as it does with decay (${facetsText(facets)})`,
    null: "without decay mean effective rank falls at least half as much, from memorisation to the same step",
    effect:
      `by step ${written(limit)}, rank fell by ${overSeeds(without)} without decay and by ${overSeeds(withIt)} with ` +
      `decay; less than half as much by chance with probability ${written(chance)}`,
    threshold:
      `agrees if it falls less than half as much, with a probability of at most 5 % by chance (exact test, possible ` +
      `from three seeds each), and with decay by at least ${rule.least}; disagrees if it falls at least half as much, ` +
      `with the same certainty`,
    numbers: { rankFall: fall, rankFallWithDecay: fallWith, step: limit, chance },
    verdict: verdictOf(fallWith >= rule.least && chance <= 0.05, against <= 0.05),
  };
}
