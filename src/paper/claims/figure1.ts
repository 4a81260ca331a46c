import type { ColumnTable } from "arquero";
import { type Facets, facetsText } from "../../core/facets.js";
import { firstRows, lastRows, type Origin, rowsOf, verdictOf, written, type Claim } from "../claim.js";

interface SpectrumRow extends Origin {
  readonly rank: number;
  readonly value: number;
}

const thresholds = { agrees: 1.5, disagrees: 1 } as const;

/**
 * "Large singular values grow disproportionately": the growth factor of the largest tenth of a matrix's singular values
 * from the first to the last moment (sum over sum), against that of the others. Agrees from 1.5 times, disagrees up to 1.
 */
export function largeValuesGrow(spectra: ColumnTable, where: Facets, matrix: string): Claim {
  const rows = rowsOf<SpectrumRow>(spectra, { ...where, matrix });
  const last = rows.reduce((highest, row) => Math.max(highest, row.rank), 0);
  const top = Math.ceil(last / 10);
  const total = (part: readonly SpectrumRow[]): number => part.reduce((sum, row) => sum + row.value, 0);
  const growth = (part: readonly SpectrumRow[]): number => total(lastRows(part)) / total(firstRows(part));
  const large = growth(rows.filter((row) => row.rank <= top));
  const others = growth(rows.filter((row) => row.rank > top));
  const ratio = large / others;
  return {
    figure: 1,
    statement: `Large singular values grow disproportionately (${facetsText(where)}, ${matrix})`,
    numbers: { large, others, ratio },
    verdict: verdictOf(ratio >= thresholds.agrees, ratio <= thresholds.disagrees),
    detail:
      `the ${top} largest grew ${written(large)}-fold, the others ${written(others)}-fold: ratio ${written(ratio)} ` +
      `(agrees from ${thresholds.agrees}, disagrees up to ${thresholds.disagrees})`,
  };
}
