import { canonicalJson } from "../core/hash.js";
import type { Config } from "../core/config.js";
import { findRuns } from "../store/find-runs.js";
import { resultsFolder } from "../store/paths.js";
import type { RunRecord, Stretch } from "../store/record.js";
import type { ResolvedRun } from "./resolve.js";

/** How fast a stored run trained, with its measurements. */
export interface Speed {
  readonly secondsPerStep: number;
  /** On what: "NVIDIA H100 80GB HBM3", "CPU". */
  readonly device: string;
  /** The stored run's id. */
  readonly run: string;
  /** Training fields in which it differs from the run that is estimated. */
  readonly differs: readonly string[];
  /** Its profile, where none of the same is stored: then its speed is scaled by what a step trains on. */
  readonly scaledFrom?: string;
}

/** Fields whose product is what a step trains on. */
const STEP_FIELDS = ["batchSize", "accumulation", "sequenceLength"] as const;

/**
 * Says how fast runs train, from stored runs of their task and profile, else of another profile: those of a folder, and the
 * committed results.
 */
export class Speeds {
  readonly #stored: readonly RunRecord[];
  readonly #known = new Map<string, Speed | undefined>();

  /** @throws StoreError if the folder cannot be read */
  constructor(runs: string) {
    this.#stored = findRuns([runs, resultsFolder()], { onLeftOut: () => undefined })
      .map(({ record }) => record)
      .filter(({ stretches }) => longest(stretches) !== undefined);
  }

  /** The speed of the stored run of the task that differs in the fewest training fields; undefined if none is stored. */
  of({ description: { task, profile, config, measuring } }: ResolvedRun): Speed | undefined {
    const trains = (all: Config): Config =>
      Object.fromEntries(Object.entries(all).filter(([key]) => !measuring.includes(key)));
    const asked = trains(config);
    const key = canonicalJson({ task, profile: profile ?? null, asked });
    if (!this.#known.has(key)) this.#known.set(key, this.#nearest(task, profile, asked));
    return this.#known.get(key);
  }

  #nearest(task: string, profile: string | undefined, asked: Config): Speed | undefined {
    const all = this.#stored.filter((record) => record.task === task);
    const same = all.filter((record) => record.profile === profile);
    const others = profile === "quick" ? [] : all.filter(isLarge);
    let best: Speed | undefined;
    // A quick run is no measure of another profile: its networks are other ones.
    for (const { id, config, stretches, ...record } of same.length > 0 ? same : others) {
      const differs = Object.keys(asked).filter((key) => config[key] !== asked[key]);
      if (best && best.differs.length <= differs.length) continue;
      const { from, to, seconds, device } = longest(stretches)!;
      const scale = same.length > 0 ? 1 : sizeOfStep(asked) / sizeOfStep(config);
      const scaledFrom = same.length > 0 ? undefined : record.profile;
      best = { secondsPerStep: (scale * seconds) / (to - from), device, run: id, differs, scaledFrom };
    }
    return best;
  }
}

function isLarge({ profile }: RunRecord): boolean {
  return profile !== undefined && profile !== "quick";
}

function sizeOfStep(config: Config): number {
  return STEP_FIELDS.reduce((product, name) => product * (Number(config[name]) || 1), 1);
}

type Timed = Stretch & { readonly seconds: number };

function longest(stretches: readonly Stretch[]): Timed | undefined {
  const timed = stretches.filter(
    (stretch): stretch is Timed => stretch.seconds !== undefined && stretch.to > stretch.from,
  );
  return timed.reduce<Timed | undefined>(
    (best, one) => (best && best.to - best.from >= one.to - one.from ? best : one),
    undefined,
  );
}
