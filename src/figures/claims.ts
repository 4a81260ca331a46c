/** What the paper says of each figure, as functions of the tables behind it: numbers and a verdict, never a picture. */
export type { Claim, Verdict } from "./claims/claim.js";
export { chanceAlignment, chanceDeviation } from "./claims/chance.js";
export { largeValuesGrow } from "./claims/figure1.js";
export { errorFallsWithRank, neitherWithoutDecay, type GrokkingTables } from "./claims/figure2.js";
export { rankFalls } from "./claims/figure3.js";
export { topHalfSuffices } from "./claims/figure4.js";
export { alignedAtEnd, unalignedAtStart } from "./claims/figure5.js";
export {
  bothFit,
  randomLabelsLoseAlignment,
  randomLabelsRankHigher,
  type LabelRuns,
} from "./claims/figure8.js";
