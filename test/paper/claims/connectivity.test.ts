import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import { randomStream, type Random } from "spectral-lab/core/random";
import type { Claim } from "spectral-lab/paper/claim";
import {
  barrierFalls,
  claimsOfBranches,
  moreAgreementLowerBarrier,
} from "spectral-lab/paper/claims/figure11";
import { claimsOfTrunks } from "spectral-lab/paper/claims/figure12";
import { claimsOfNoise } from "spectral-lab/paper/claims/figure13";
import { countVerdicts } from "../count-verdicts.js";

const FACETS = { task: "vgg", setting: null };
const SPLITS = [0, 14, 36, 71, 142, 284, 568, 994];
/** Barriers in these tests are shares of what training gained, which is 2. */
const GAIN = 2;

interface PairRow {
  readonly between: "branches" | "trunks";
  readonly trunk1: string;
  readonly trunk2: string;
  readonly step: number;
  readonly noise?: string;
  readonly eta?: number;
  readonly barrier: number;
  readonly agreement: number;
}

function tableOf(rows: readonly PairRow[]): ColumnTable {
  return aq.from(
    rows.map((row) => ({
      ...{ ...FACETS, noise: null, eta: null, ...row },
      barrier: GAIN * row.barrier,
      loss: 0.3,
      untrained: 0.3 + GAIN,
      group: JSON.stringify([row.trunk1, row.trunk2, row.step, row.noise, row.eta]),
    })),
  );
}

/** What the number of the split, of so many trunks, makes of a pair. */
type Law = (split: number, random: Random, trunk: number) => { barrier: number; agreement: number };

interface World {
  readonly trunks?: number;
  readonly within?: Law;
  readonly across?: Law;
  readonly splits?: readonly number[];
  readonly seed?: number;
}

const noisy = (value: number, random: Random, spread = 0.1): number =>
  value * Math.exp(random.normal(0, spread));
/** As the PyTorch twin found them. */
const falling: Law = (split, random) => {
  const barrier = [0.68, 0.15, 0.1, 0.065, 0.043, 0.019, 0.005, 0.001][split];
  const agreement = [0.06, 0.32, 0.4, 0.49, 0.53, 0.57, 0.77, 0.9][split];
  return { barrier: noisy(barrier, random), agreement: noisy(agreement, random, 0.04) };
};
const apart: Law = (_split, random) => ({ barrier: noisy(0.77, random), agreement: noisy(0.011, random) });

/** Three pairs of branches of each split and trunk, three of each two trunks. */
function world({
  trunks = 3,
  within = falling,
  across = apart,
  splits = SPLITS,
  seed = 0,
}: World): PairRow[] {
  const random = randomStream(seed, "connectivity claims");
  const rows: PairRow[] = [];
  for (let a = 0; a < trunks; a++) {
    for (let b = a; b < trunks; b++) {
      splits.forEach((step, split) => {
        for (let i = 0; i < 3; i++) {
          const law = a === b ? within : across;
          const ends = {
            trunk1: `t${a}`,
            trunk2: `t${b}`,
            between: a === b ? "branches" : "trunks",
          } as const;
          rows.push({ ...ends, step, ...law(split, random, a) });
        }
      });
    }
  }
  return rows;
}

const falls = (of: World): Claim => barrierFalls(tableOf(world(of)), FACETS);
const atFixedSplits = (of: World): Claim => moreAgreementLowerBarrier(tableOf(world(of)), FACETS);
const verdicts = (claims: readonly Claim[]): string[] => claims.map(({ verdict }) => verdict);

test("figure 11, true: the barrier falls to none as agreement rises, and across trunks it stays", () => {
  for (const trunks of [2, 3, 5]) {
    const claim = falls({ trunks });
    assert.equal(claim.verdict, "agrees", claim.effect);
    assert.match(claim.effect, new RegExp(`\\(${trunks} trunks\\)`));
    assert.equal(claim.numbers.pairs, trunks * 8 * 3);
  }
});

test("figure 11, false or undecided: no fall, no rise, the clock, one trunk, no control, unknown gain", () => {
  const high: Law = (_split, random) => ({ barrier: noisy(0.5, random), agreement: noisy(0.3, random) });
  assert.equal(falls({ within: high }).verdict, "disagrees");
  const unmoved: Law = (split, random) => ({
    ...falling(split, random, 0),
    agreement: noisy(0.3, random, 0.02),
  });
  assert.equal(falls({ within: unmoved }).verdict, "disagrees");
  assert.equal(falls({ across: falling }).verdict, "undecided", "pairs across trunks fall as well");
  assert.equal(falls({ trunks: 1 }).verdict, "undecided");
  const alone = world({}).filter(({ between }) => between === "branches");
  assert.equal(claimsOfBranches(tableOf(alone), FACETS)[0].verdict, "undecided");
  const unknown = tableOf(world({})).derive({ untrained: () => null });
  assert.deepEqual(verdicts(claimsOfBranches(unknown, FACETS)), ["undecided", "undecided"]);
});

test("figure 11, false positives: what falls, rises or stays apart from the other does not agree", () => {
  const apartFromEachOther: Law[] = [
    (_split, random) => ({ barrier: random.uniform(0, 0.8), agreement: random.uniform(0, 1) }),
    (split, random) => ({ ...falling(split, random, 0), agreement: random.uniform(0, 1) }),
    (split, random) => ({ ...falling(split, random, 0), barrier: random.uniform(0, 0.8) }),
  ];
  for (const within of apartFromEachOther) {
    for (const trunks of [2, 3]) {
      const counts = countVerdicts(100, (seed) => falls({ trunks, within, seed }));
      assert.ok(counts.agrees <= 3, `${trunks} trunks: ${JSON.stringify(counts)}`);
    }
  }
  const clock = countVerdicts(50, (seed) => falls({ across: falling, seed }));
  assert.equal(clock.agrees, 0);
});

/** Agreement of a pair moves its barrier, at the same split, by a power of the first over its mean. */
const coupled =
  (power: number): Law =>
  (split, random) => {
    const { barrier, agreement } = falling(split, random, 0);
    const off = random.normal(0, 0.1);
    return { barrier: barrier * Math.exp(-power * off), agreement: agreement * Math.exp(off) };
  };

test("figure 11, at a fixed split: a relation is found, none is denied, few pairs decide nothing", () => {
  assert.equal(atFixedSplits({ within: coupled(3) }).verdict, "agrees");
  const none = countVerdicts(10, (seed) => atFixedSplits({ seed }));
  assert.ok(none.agrees <= 2 && none.disagrees >= 2, JSON.stringify(none));
  const few = countVerdicts(10, (seed) =>
    atFixedSplits({ trunks: 1, splits: [0, 14], within: coupled(3), seed }),
  );
  assert.equal(few.agrees, 0, JSON.stringify(few));
});

const SIZES = [[64, 27], [128, 576], [10, 512]] as const; // prettier-ignore
const scores = aq.from(SIZES.map(([rows, columns], i) => ({ ...FACETS, matrix: `W${i}`, rows, columns })));
const claims12 = (of: World): Claim[] => claimsOfTrunks({ pairs: tableOf(world(of)), scores }, FACETS);

test("figure 12, true, with two trunks too: high at every split, and hardly above chance", () => {
  for (const trunks of [2, 3]) {
    const claims = claims12({ trunks });
    assert.deepEqual(verdicts(claims), ["agrees", "agrees"]);
    assert.ok(claims[1].numbers.chance > 0.005 && claims[1].numbers.chance < 0.02);
  }
});

test("figure 12, false: they fall and agree as branches do, were it at one split; undecided in between", () => {
  assert.deepEqual(verdicts(claims12({ across: falling })), ["disagrees", "disagrees"]);
  const once: Law = (split, random) =>
    split === 6 ? { barrier: 0, agreement: 0.6 } : apart(split, random, 0);
  assert.deepEqual(verdicts(claims12({ across: once })), ["disagrees", "disagrees"]);
  const between: Law = () => ({ barrier: 0.05, agreement: 0.15 });
  assert.deepEqual(verdicts(claims12({ across: between })), ["undecided", "undecided"]);
  assert.deepEqual(verdicts(claims12({ trunks: 1 })), ["undecided", "undecided"], "no pairs");
  const unsized = aq.from([{ ...FACETS, matrix: "W", rows: null, columns: null }]);
  const pairs = tableOf(world({}));
  assert.equal(claimsOfTrunks({ pairs, scores: unsized }, FACETS)[1].verdict, "undecided");
});

test("figure 12, false positives: barriers that differ at random from split to split are not high at every one", () => {
  const random: Law = (_split, stream) => ({
    barrier: stream.uniform(0, 0.4),
    agreement: stream.uniform(0, 0.4),
  });
  const counts = [0, 1].map((i) => countVerdicts(100, (seed) => claims12({ across: random, seed })[i]));
  assert.ok(counts.every(({ agrees }) => agrees <= 2), JSON.stringify(counts)); // prettier-ignore
});

const ETAS = [0, 0.1, 0.25, 0.5, 1, 2.5];

/** A rise from 0 to 1 about a size. */
const rise = (eta: number, half: number): number => 1 / (1 + (half / Math.max(eta, 1e-9)) ** 3);

interface Noise {
  readonly trunks?: number;
  /** Sizes at which half of the barrier is there, and half of the agreement gone, for each reading; drawn for each trunk. */
  readonly halves?: (random: Random, trunk: number) => Record<"own" | "shared", readonly [number, number]>;
  readonly readings?: readonly ("own" | "shared")[];
  readonly seed?: number;
}

function claims13({ trunks = 3, halves = asFound, readings = ["own", "shared"], seed = 0 }: Noise): Claim[] {
  const random = randomStream(seed, "noise claims");
  const rows: PairRow[] = [];
  for (let trunk = 0; trunk < trunks; trunk++) {
    const half = halves(random, trunk);
    for (const noise of readings) {
      for (const eta of ETAS) {
        const [barrier, agreement] = half[noise];
        const ends = { between: "branches", trunk1: `t${trunk}`, trunk2: `t${trunk}` } as const;
        rows.push({
          ...{ ...ends, step: 284, noise, eta },
          barrier: noisy(0.02 + 0.8 * rise(eta, barrier), random, 0.03),
          agreement: noisy(0.02 + 0.58 * (1 - rise(eta, agreement)), random, 0.03),
        });
      }
    }
  }
  return claimsOfNoise({ pairs: tableOf(rows), scores }, FACETS);
}

const asFound: NonNullable<Noise["halves"]> = () => ({ own: [1, 0.8], shared: [2, 1.7] });

test("figure 13, true: both at one size; more agreement at equal sizes goes with a lower barrier", () => {
  const [own, , equal] = claims13({});
  assert.deepEqual([own.verdict, equal.verdict], ["agrees", "agrees"], `${own.effect}; ${equal.effect}`);
  assert.match(own.statement, /own noise/);
  assert.ok(own.numbers.factor > 1 && own.numbers.factor < 1.6);
  assert.equal(claims13({ readings: ["own"] }).length, 1);
});

test("figure 13, false: at other sizes, not at all, agreement alone; undecided with one trunk", () => {
  const early = claims13({ halves: () => ({ own: [0.2, 1], shared: [2, 2] }) });
  assert.equal(early[0].verdict, "disagrees");
  const unmoved = claims13({ halves: () => ({ own: [1e6, 1e6], shared: [1e6, 1e6] }) });
  assert.deepEqual(verdicts(unmoved), ["disagrees", "disagrees", "undecided"]);
  const contrary = claims13({ halves: () => ({ own: [2, 0.5], shared: [0.7, 2] }) });
  assert.equal(contrary[2].verdict, "disagrees");
  assert.deepEqual(verdicts(claims13({ trunks: 1 })), ["undecided", "undecided", "undecided"]);
});

test("figure 13, false positives: sizes that have nothing to do with each other", () => {
  const size = (random: Random): number => 0.1 * 15 ** random.uniform();
  const unrelated: Noise["halves"] = (random) => ({
    own: [size(random), size(random)],
    shared: [size(random), size(random)],
  });
  for (const trunks of [2, 3]) {
    const claims = (index: number) => (seed: number) => claims13({ trunks, halves: unrelated, seed })[index];
    const [together, equal] = [countVerdicts(100, claims(0)), countVerdicts(100, claims(2))];
    assert.ok(together.agrees <= 8, `${trunks} trunks: ${JSON.stringify(together)}`);
    assert.ok(equal.agrees <= 8, `${trunks} trunks: ${JSON.stringify(equal)}`);
  }
});
