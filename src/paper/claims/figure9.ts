import type { ColumnTable } from "arquero";
import { type Facets, facetsText } from "../../core/facets.js";
import { bySeed, overSeeds, percent, verdictOf, written, type Claim, type RunRow } from "../claim.js";
import { margin, mean, signFlipTest } from "../statistics.js";

/** Ranks that are compared: the first ten and the last ten of those that were kept. */
const COMPARED = 10;

const rule = {
  /**
   * Least difference of the two areas that agrees. Random walks of weights, whose top singular values also lie further apart than the
   * others, reach 0.2 in the mean over matrices (test/paper/claims/figure9.test.ts).
   */
  agrees: 0.25,
  /** Below this the two settle alike. */
  disagrees: 0.05,
  probability: 0.05,
} as const;

interface AgreementRow extends RunRow {
  readonly matrix: string;
  readonly rank: number;
  readonly value: number;
}

/** How the first and the last ranks of one matrix came to agree with the end. */
interface Settling {
  readonly matrix: string;
  /** Mean agreement over the course of training, in [0, 1]. */
  readonly top: number;
  readonly bottom: number;
  /** Share of training after which their mean agreement first is a half. */
  readonly halfTop: number;
  readonly halfBottom: number;
}

/**
 * "Top singular vectors settle earlier than bottom ones". How early ranks settle is the mean of their agreement S_ii with the
 * end over the course of training. Compared are ranks 1 to 10 and the last ten that were kept, in every matrix of which twenty or more
 * were and stay above rounding. Null: rank does not matter, so that either sign of a matrix's difference is as likely.
 * @param agreement columns seed, step, matrix, rank (from 1), value: agreement with the last step
 */
export function topSettlesFirst(agreement: ColumnTable, facets: Facets): Claim {
  const rows = bySeed<AgreementRow>(agreement, facets, ["matrix", "rank", "value"], ["matrix", "rank"]);
  const seeds = [...rows.values()].map(settlings).filter((own) => own.length > 0);
  const over = (number: (one: Settling) => number): number[] => seeds.map((own) => mean(own.map(number)));
  const differences = over(({ top, bottom }) => top - bottom);
  const size = mean(differences);
  const off = differences.length > 1 ? margin(differences) : 0;
  const matrices = [...new Set(seeds.flat().map(({ matrix }) => matrix))];
  const ofMatrix = matrices.map((matrix) =>
    mean(
      seeds.flatMap((own) => own.filter((one) => one.matrix === matrix)).map((one) => one.top - one.bottom),
    ),
  );
  const probability = ofMatrix.length > 0 ? signFlipTest(ofMatrix) : NaN;
  const [top, bottom] = [over((one) => one.top), over((one) => one.bottom)];
  const [halfTop, halfBottom] = [mean(over((one) => one.halfTop)), mean(over((one) => one.halfBottom))];
  return {
    figure: 9,
    statement: `The top singular vectors settle earlier than the last ones (${facetsText(facets)})`,
    null:
      "rank does not matter: in every matrix the top ten are as likely to settle later as earlier; weights that walk at " +
      "random settle by rank too, by up to 0.2",
    effect:
      matrices.length > 0
        ? `over the course of training the agreement with the end is ${overSeeds(top)} of ranks 1 to ${COMPARED} and ${overSeeds(bottom)} ` +
          `of the last ${COMPARED} that were kept, a difference of ${overSeeds(differences)}; a half is reached after ${percent(halfTop)} ` +
          `and ${percent(halfBottom)} of training; ${matrices.length} matrices, by chance in ${written(probability)}`
        : `no matrix has ${2 * COMPARED} singular vectors that were kept and are more than rounding`,
    threshold:
      `agrees from a difference of ${rule.agrees} on, beyond the spread over seeds and with at most ${percent(rule.probability)} by ` +
      `chance; disagrees below ${rule.disagrees}, if it is below ${rule.agrees} beyond the spread too`,
    numbers: {
      top: mean(top),
      bottom: mean(bottom),
      difference: size,
      matrices: matrices.length,
      probability,
      halfTop,
      halfBottom,
    },
    verdict: verdictOf(
      size >= rule.agrees && size > off && probability <= rule.probability,
      size < rule.disagrees && size + off < rule.agrees,
    ),
  };
}

/** Of every matrix of one run with enough ranks. */
function settlings(rows: readonly AgreementRow[]): Settling[] {
  const matrices = new Map<string, Map<number, AgreementRow[]>>();
  for (const row of rows) {
    const ranks = matrices.get(row.matrix) ?? new Map<number, AgreementRow[]>();
    matrices.set(row.matrix, ranks.set(row.rank, [...(ranks.get(row.rank) ?? []), row]));
  }
  return [...matrices].flatMap(([matrix, ranks]): Settling[] => {
    const known = [...ranks]
      .sort(([a], [b]) => a - b)
      .map(([, course]) => course)
      .filter((course) => course.length > 1 && course.every(({ value }) => Number.isFinite(value)));
    if (known.length < 2 * COMPARED) return [];
    const [top, bottom] = [meanCourse(known.slice(0, COMPARED)), meanCourse(known.slice(-COMPARED))];
    const [halfTop, halfBottom] = [timeToHalf(top), timeToHalf(bottom)];
    return [{ matrix, top: area(top), bottom: area(bottom), halfTop, halfBottom }];
  });
}

interface Moment {
  readonly step: number;
  readonly value: number;
}

/** The mean over ranks at each step; rows come in the order of steps. */
function meanCourse(courses: readonly (readonly AgreementRow[])[]): Moment[] {
  return courses[0].map(({ step }, i) => ({ step, value: mean(courses.map((course) => course[i].value)) }));
}

/** The mean over time, by trapezoids. */
function area(course: readonly Moment[]): number {
  let sum = 0;
  for (let i = 1; i < course.length; i++) {
    sum += ((course[i].value + course[i - 1].value) / 2) * (course[i].step - course[i - 1].step);
  }
  return sum / (course[course.length - 1].step - course[0].step);
}

function timeToHalf(course: readonly Moment[]): number {
  const [first, last] = [course[0].step, course[course.length - 1].step];
  const reached = course.find(({ value }) => value >= 0.5);
  return reached ? (reached.step - first) / (last - first) : NaN;
}
