import type { Claim, Verdict } from "spectral-lab/paper/claim";

/** How often each verdict falls over `tries` data sets; `make` gets the number of the try. */
export function countVerdicts(tries: number, make: (index: number) => Claim): Record<Verdict, number> {
  const counts = { agrees: 0, disagrees: 0, undecided: 0 };
  for (let i = 0; i < tries; i++) counts[make(i).verdict]++;
  return counts;
}
