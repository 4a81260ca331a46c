import type { ColumnTable } from "arquero";
import { DataError } from "../../core/errors.js";
import { type Facets, facetsText } from "../../core/facets.js";
import { chanceAlignment, chanceDeviation } from "../chance.js";
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
import { mean } from "../statistics.js";

/** Diagonal entries in a score, Eqn 4, of matrices that have as many singular vectors. */
const ENTRIES = 10;
const deviations = 3;
const initial = { agrees: 0.9, disagrees: 0.5 } as const;
/** `least`: times chance, the smallest mean alignment that is a signal, however certain. */
const final = { agrees: 0.5, disagrees: 0.1, least: 1.2 } as const;

interface ScoreRow extends RunRow {
  readonly contact: string;
  /** In [0, 1]. */
  readonly score: number;
  /** Length of the singular vectors compared. */
  readonly dimension: number;
  /** Diagonal entries averaged; without this column, 10. Fewer where a matrix has fewer singular vectors. */
  readonly entries?: number | null;
  /** Pairs of heads whose diagonals were averaged; 1 where there are no heads. */
  readonly pairs: number;
}

const chanceNull =
  "random unit vectors of the same dimension, their score averaged over the same number of entries, heads and seeds";

/**
 * "No balancedness at initialisation": the alignment score of every contact at the first moment against chance.
 * @param scores columns contact, score, dimension, pairs and, where matrices have fewer than ten singular vectors, entries
 * @throws DataError for a table without `pairs`
 */
export function unalignedAtStart(scores: ColumnTable, facets: Facets): Claim {
  const { contacts, ratios } = againstChance(scores, facets, firstRows);
  const within = contacts.filter(({ z }) => Math.abs(z) <= deviations).length;
  const visible = mean(contacts.map(({ deviation }) => 1 + deviations * deviation));
  return {
    figure: 5,
    statement: `At initialisation layers are aligned no more than chance (${facetsText(facets)})`,
    null: chanceNull,
    effect:
      `${within} of ${contacts.length} contacts lie within ${deviations} standard deviations of chance; on average at ` +
      `${overSeeds(ratios)} times chance; a contact would stand out from ${written(visible)} times chance on`,
    threshold: `agrees from ${percent(initial.agrees)} of the contacts, disagrees below ${percent(initial.disagrees)}`,
    numbers: {
      contacts: contacts.length,
      withinChance: within,
      ratioToChance: mean(ratios),
      visibleRatio: visible,
    },
    verdict: verdictOf(
      within / contacts.length >= initial.agrees,
      within / contacts.length < initial.disagrees,
    ),
  };
}

/**
 * "A weak signal in the top ranks": the alignment score of every contact at the last moment against chance.
 * @param scores columns contact, score, dimension, pairs and, where matrices have fewer than ten singular vectors, entries
 * @throws DataError for a table without `pairs`
 */
export function alignedAtEnd(scores: ColumnTable, facets: Facets): Claim {
  const { contacts, ratios } = againstChance(scores, facets, lastRows);
  const above = contacts.filter(({ z }) => z > deviations).length;
  const share = above / contacts.length;
  const ratio = mean(ratios);
  return {
    figure: 5,
    statement: `After training the top ranks of neighbouring layers are aligned (${facetsText(facets)})`,
    null: chanceNull,
    effect:
      `${above} of ${contacts.length} contacts lie more than ${deviations} standard deviations above chance; on average at ` +
      `${overSeeds(ratios)} times chance`,
    threshold:
      `agrees from ${percent(final.agrees)} of the contacts and ${final.least} times chance on average, disagrees below ` +
      `${percent(final.disagrees)} of the contacts`,
    numbers: { contacts: contacts.length, aboveChance: above, ratioToChance: ratio },
    verdict: verdictOf(share >= final.agrees && ratio >= final.least, share < final.disagrees),
  };
}

/** One contact against chance: its deviation, in standard deviations, and that standard deviation over chance. */
interface Against {
  readonly z: number;
  readonly deviation: number;
}

/** The contacts, and the mean over contacts of score / chance in each seed. */
function againstChance(
  scores: ColumnTable,
  facets: Facets,
  moment: (rows: readonly ScoreRow[]) => ScoreRow[],
): { contacts: Against[]; ratios: number[] } {
  if (!scores.columnNames().includes("pairs")) throw withoutPairs();
  const counted = scores.columnNames().includes("entries");
  const columns = [
    "contact",
    "score",
    "dimension",
    "pairs",
    ...(counted ? (["entries"] as const) : []),
  ] as const;
  const seeds = [...bySeed<ScoreRow>(scores, facets, columns, ["contact"]).values()].map(moment);
  const rows = seeds.flat();
  if (rows.some(({ pairs }) => !(pairs >= 1))) throw withoutPairs();
  const contacts = [...new Set(rows.map(({ contact }) => contact))].map((contact): Against => {
    const own = rows.filter((row) => row.contact === contact);
    const { dimension, pairs, entries } = own[0];
    const chance = chanceAlignment(dimension);
    const averaged = (entries ?? Math.min(ENTRIES, dimension)) * pairs * own.length;
    const deviation = chanceDeviation(dimension) / Math.sqrt(averaged);
    return { z: (mean(own.map(({ score }) => score)) - chance) / deviation, deviation: deviation / chance };
  });
  const ratios = seeds.map((own) => mean(own.map((row) => row.score / chanceAlignment(row.dimension))));
  return { contacts, ratios };
}

function withoutPairs(): DataError {
  return new DataError(
    "alignment: expected the column pairs, the number of head pairs averaged (1 where there are no heads), in every row; " +
      "found none: the run was measured before rows had it, and chance cannot be told without it",
  );
}
