import type { ColumnTable } from "arquero";
import { type Facets, facetsText } from "../../core/facets.js";
import {
  bySeed,
  firstRows,
  lastRows,
  overSeeds,
  percent,
  verdictOf,
  written,
  type Claim,
  type RunRow,
} from "../claim.js";
import { deviationWithin, mean, tQuantile } from "../statistics.js";

/** The rule of "nearly every matrix". */
const rule = {
  agrees: 0.9,
  disagrees: 0.5,
  /** Least fall that counts: two and a half steps of a 256-colour map from 0 to 1, below which the figure shows none. */
  least: 0.01,
} as const;

interface RankRow extends RunRow {
  readonly matrix: string;
  readonly effectiveRank: number;
  readonly stableRank: number | null;
  readonly largest: number | null;
  readonly frobenius: number | null;
}

/** One matrix in all seeds. */
interface Course {
  readonly matrix: string;
  /** Number of singular values; undefined where the table does not tell. */
  readonly count: number | undefined;
  /** Effective rank at the first moment of each seed. */
  readonly starts: readonly number[];
  /** Fall of effective rank from the first to the last moment of each seed. */
  readonly falls: readonly number[];
}

/**
 * "Effective rank falls for nearly every matrix". A matrix has fallen if its mean fall over seeds is at least 0.01, beyond
 * what a random walk does, and beyond the spread over seeds (both at 97.5 %). An isotropic random walk from independent
 * entries leaves them independent: however long, it changes effective rank by no more than two draws of the matrix differ.
 * That difference is measured at the first moment, over matrices of equal size and all seeds. Matrices with a single
 * singular value, which have no rank to lose, are left out.
 * @param ranks columns matrix, effectiveRank and, for the sizes, stableRank, largest, frobenius
 */
export function rankFalls(ranks: ColumnTable, facets: Facets): Claim {
  const courses = coursesOf(ranks, facets);
  const seeds = courses[0]?.falls.length ?? 0;
  const groups = sizes(courses);
  const spread = spreadOf(courses);
  const limits = courses.map((course) => {
    const group = groups.find((members) => members.includes(course)) ?? [course];
    return Math.max(rule.least, walkOf(group, seeds), spread);
  });
  const falls = courses.map((course) => mean(course.falls));
  const [fell, unchanged] = [
    falls.filter((fall, i) => fall >= limits[i]).length,
    falls.filter((fall) => fall < rule.least).length,
  ];
  const single = groups.filter((group) => group.flatMap(({ starts }) => starts).length < 2);
  const drawn = courses.length - single.length;
  const perSeed = Array.from({ length: seeds }, (_, i) => mean(courses.map((course) => course.falls[i])));
  const walk = mean(groups.filter((group) => !single.includes(group)).map((group) => walkOf(group, seeds)));
  const [share, total] = [fell / courses.length, mean(falls)];
  return {
    figure: 3,
    statement: `Effective rank falls for nearly every matrix (${facetsText(facets)})`,
    null: "the weights walk at random, which changes rank no more than a new draw of the initialisation; or seeds differ",
    effect:
      `rank fell, by the rule, in ${fell} of ${courses.length} matrices, on average by ${overSeeds(perSeed)}; ` +
      (drawn > 0
        ? `a random walk changes one by at most ${written(walk)}, on average over sizes`
        : "no size has a second draw: what a random walk does is unknown") +
      (drawn > 0 && single.length > 0 ? ` (${single.length} matrices without a second draw)` : ""),
    threshold:
      `a fall counts from ${rule.least} on, beyond the random walk's and the seeds' 97.5 %; agrees if ` +
      `${percent(rule.agrees)} of the matrices fell and the mean fall counts too, disagrees if ${percent(rule.disagrees)} or ` +
      `more fell by less than ${rule.least}`,
    numbers: {
      fell,
      unchanged,
      matrices: courses.length,
      meanFall: total,
      randomWalk: walk,
      seedSpread: spread,
    },
    verdict: verdictOf(
      drawn > 0 && share >= rule.agrees && total >= rule.least,
      unchanged / courses.length >= rule.disagrees,
    ),
  };
}

function coursesOf(ranks: ColumnTable, facets: Facets): Course[] {
  const sized = ["stableRank", "largest", "frobenius"].every((name) => ranks.columnNames().includes(name));
  const columns = [
    "matrix",
    "effectiveRank",
    ...(sized ? (["stableRank", "largest", "frobenius"] as const) : []),
  ] as const;
  const seeds = [...bySeed<RankRow>(ranks, facets, columns, ["matrix"]).values()];
  const ends = seeds.map((rows) => ({ first: firstRows(rows), last: lastRows(rows) }));
  const names = [...new Set(ends.flatMap(({ first }) => first.map(({ matrix }) => matrix)))];
  return names.flatMap((matrix): Course[] => {
    const own = ends.map(({ first, last }) =>
      [first, last].map((rows) => rows.find((row) => row.matrix === matrix)),
    );
    const starts = own.map(([first]) => first?.effectiveRank ?? NaN);
    const falls = own.map(([, last], i) => starts[i] - (last?.effectiveRank ?? NaN));
    const count = own[0][0] && countOf(own[0][0]);
    return count === 1 ? [] : [{ matrix, count, starts, falls }];
  });
}

/** The number of singular values, from two measures: stable rank is their sum of squares / (count largest^2). */
function countOf({ stableRank, largest, frobenius }: RankRow): number | undefined {
  const count = (Number(frobenius) / Number(largest)) ** 2 / Number(stableRank);
  return Number.isFinite(count) ? Math.round(count) : undefined;
}

/**
 * Matrices by size. Equal numbers of singular values and equal effective rank at the start mean equal shapes: two draws of
 * one shape differ by less than 2.5 / count, five standard deviations for square matrices, which differ most. Where the
 * numbers are not known, each matrix is a size of its own.
 */
function sizes(courses: readonly Course[]): Course[][] {
  const start = ({ starts }: Course): number => mean(starts);
  const sorted = [...courses].sort((a, b) => (a.count ?? 0) - (b.count ?? 0) || start(a) - start(b));
  const groups: Course[][] = [];
  for (const course of sorted) {
    const last = groups.at(-1)?.at(-1);
    const same =
      last?.count !== undefined &&
      last.count === course.count &&
      start(course) - start(last) < 2.5 / last.count;
    if (same) groups[groups.length - 1].push(course);
    else groups.push([course]);
  }
  return groups;
}

/** What a random walk changes in matrices of one size, at most, in the mean over seeds; 0 where there is no second draw. */
function walkOf(group: readonly Course[], seeds: number): number {
  const draws = group.flatMap(({ starts }) => starts);
  if (draws.length < 2) return 0;
  return (tQuantile(draws.length - 1) * Math.SQRT2 * deviationWithin([draws])) / Math.sqrt(seeds);
}

/** How far the mean fall of one matrix may be off by the seeds' chance: their spread, pooled over matrices. */
function spreadOf(courses: readonly Course[]): number {
  const seeds = courses[0]?.falls.length ?? 0;
  if (seeds < 2) return 0;
  const freedom = courses.length * (seeds - 1);
  return (tQuantile(freedom) * deviationWithin(courses.map(({ falls }) => falls))) / Math.sqrt(seeds);
}
