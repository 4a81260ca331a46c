import { any, at, every, type When, within } from "../core/time.js";
import { agreementProbe } from "../probes/agreement.js";
import { alignmentProbe } from "../probes/alignment.js";
import { metricsProbe } from "../probes/metrics.js";
import { pruningProbe } from "../probes/pruning.js";
import { spectraProbe } from "../probes/spectra.js";
import type { Probe } from "../train/measure.js";

/**
 * All that the paper measures in every experiment: metrics, spectra, alignment, agreement with the initialisation, and
 * pruning, which costs two evaluations and so may be measured at other moments.
 */
export function standardProbes(measured: When, pruned: When = measured): Probe[] {
  return [
    metricsProbe(measured),
    spectraProbe(measured),
    alignmentProbe(measured),
    agreementProbe(measured),
    pruningProbe(pruned),
  ];
}

/**
 * The paper's moments (PAPER.md section 2), thinned out for long runs: the initialisation, four inside epoch 1 and its
 * end, then the end of every `epochs`-th epoch and of the last. With 1 they are `paperMoments`.
 */
export function paperMomentsEvery(epochs: number): When {
  return any(at("0"), within("1ep", 5), every(`${epochs}ep`));
}
