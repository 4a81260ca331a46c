import type { ColumnTable } from "arquero";
import { type Facets, facetsText } from "../../core/facets.js";
import { chanceAlignment, chanceDeviation } from "../chance.js";
import {
  firstRows,
  groupBy,
  lastRows,
  mean,
  type Origin,
  rowsOf,
  verdictOf,
  written,
  type Claim,
} from "../claim.js";

interface ScoreRow extends Origin {
  readonly contact: string;
  readonly score: number;
  readonly dimension: number;
}

/** Diagonal entries in a score (PAPER.md section 1). */
const entries = 10;
const deviations = 3;
const initial = { agrees: 0.9, disagrees: 0.5 } as const;

/**
 * "No balancedness at initialisation": the alignment score of every pair at the first moment against the mean of
 * |<u, v>| for random unit vectors of that dimension. Agrees where at least 90 % of the pairs lie within 3 standard
 * deviations of chance (10 entries per seed), disagrees where less than half do.
 */
export function unalignedAtStart(scores: ColumnTable, where: Facets): Claim {
  const pairs = againstChance(scores, where, firstRows);
  const within = pairs.filter(({ z }) => Math.abs(z) <= deviations).length;
  const ratio = mean(pairs.map((pair) => pair.ratio));
  return {
    figure: 5,
    statement: `At initialisation layers are aligned no more than chance (${facetsText(where)})`,
    numbers: { pairs: pairs.length, withinChance: within, ratioToChance: ratio },
    verdict: verdictOf(within / pairs.length >= initial.agrees, within / pairs.length < initial.disagrees),
    detail:
      `${within} of ${pairs.length} pairs lie within ${deviations} standard deviations of chance, on average at ` +
      `${written(ratio)} times chance (agrees from ${100 * initial.agrees} %, disagrees below ${100 * initial.disagrees} %)`,
  };
}

/**
 * "A weak signal in the top ranks": the score of the pairs at the last moment. Agrees where at least half of them lie
 * more than 3 standard deviations above chance, disagrees where less than a tenth do.
 */
export function alignedAtEnd(scores: ColumnTable, where: Facets): Claim {
  const pairs = againstChance(scores, where, lastRows);
  const above = pairs.filter(({ z }) => z > deviations).length;
  const ratio = mean(pairs.map((pair) => pair.ratio));
  return {
    figure: 5,
    statement: `After training the top ranks of neighbouring layers are aligned (${facetsText(where)})`,
    numbers: { pairs: pairs.length, aboveChance: above, ratioToChance: ratio },
    verdict: verdictOf(above >= pairs.length / 2, above < pairs.length / 10),
    detail:
      `${above} of ${pairs.length} pairs lie more than ${deviations} standard deviations above chance, on average at ` +
      `${written(ratio)} times chance (agrees from 50 %, disagrees below 10 %)`,
  };
}

type Choose = (rows: readonly ScoreRow[]) => ScoreRow[];

function againstChance(scores: ColumnTable, where: Facets, choose: Choose): { z: number; ratio: number }[] {
  const pairs = groupBy(rowsOf<ScoreRow>(scores, where), "contact");
  return [...pairs.values()].map((rows) => {
    const chosen = choose(rows);
    const { dimension } = chosen[0];
    const chance = chanceAlignment(dimension);
    const score = mean(chosen.map((row) => row.score));
    const deviation = chanceDeviation(dimension) / Math.sqrt(Math.min(entries, dimension) * chosen.length);
    return { z: (score - chance) / deviation, ratio: score / chance };
  });
}
