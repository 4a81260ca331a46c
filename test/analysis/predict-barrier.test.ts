import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import { predictBarrier, type PredictionOptions, withinGroups } from "spectral-lab/analysis/predict-barrier";
import { randomStream } from "spectral-lab/core/random";

interface World {
  readonly trunks?: number;
  /** Barrier in log10 of a pair, from what may cause it. */
  readonly barrier: (cause: { agreement: number; step: number; noise: number }) => number;
  /** Whether agreement rises with the step; else it is drawn apart from it. */
  readonly clock?: boolean;
  readonly across?: boolean;
  readonly seed?: number;
}

/** Pairs of three branches from each of six splits of each trunk, and of the trunks among themselves. */
function pairsIn({ trunks = 3, barrier, clock = true, across = false, seed = 0 }: World): ColumnTable {
  const random = randomStream(seed, "world");
  const rows: object[] = [];
  const add = (trunk1: string, trunk2: string, split: number): void => {
    for (let pair = 0; pair < 3; pair++) {
      const step = 10 * 2 ** split;
      const rise = clock ? 0.12 * split : random.uniform(0, 0.6);
      const agreement = trunk1 === trunk2 ? 0.1 + rise + random.normal(0, 0.03) : random.uniform(0, 0.02);
      const log = barrier({ agreement, step, noise: random.normal(0, 0.1) });
      rows.push({
        trunk1,
        trunk2,
        group: `${trunk1} ${trunk2} ${split}`,
        step,
        agreement,
        distance: random.uniform(),
        loss: random.uniform(),
        barrier: 10 ** log,
      });
    }
  };
  for (let a = 0; a < trunks; a++) {
    for (let split = 0; split < 6; split++) {
      add(`t${a}`, `t${a}`, split);
      if (across) for (let b = a + 1; b < trunks; b++) add(`t${a}`, `t${b}`, split);
    }
  }
  return aq.from(rows);
}

const byAgreement: World["barrier"] = ({ agreement, noise }) => -3 * agreement + noise / 2;
const byStep: World["barrier"] = ({ step, noise }) => -0.5 * Math.log2(step / 10) + noise;

type Numbers = Record<string, Record<string, number>>;
function predicted(pairs: ColumnTable, options: PredictionOptions = { draws: 200 }): Numbers {
  const rows = predictBarrier(pairs, options).objects() as Record<string, number>[];
  return Object.fromEntries(rows.map((row) => [row.predictor, row]));
}

test("planted: agreement causes the barrier, alone, within splits and beyond every rival", () => {
  const found = predicted(pairsIn({ barrier: byAgreement, across: true }));
  assert.deepEqual(Object.keys(found), ["agreement", "distance", "loss", "step", "together", "nothing"]);
  const { agreement, step, distance, together, nothing } = found;
  assert.ok(agreement.correlation < -0.75 && agreement.high < -0.6 && agreement.low <= agreement.correlation);
  assert.ok(agreement.within < -0.25 && agreement.withinChance < 0.05, `${agreement.within}`);
  assert.ok(step.agreementGiven < -0.8 && distance.agreementGiven < -0.8);
  assert.ok(Math.abs(distance.correlation) < 0.3 && distance.withinChance > 0.05);
  assert.ok(agreement.error < 0.6 * step.error, `${agreement.error} ${step.error}`);
  assert.ok(agreement.explained > 0.7 && together.error < 1.1 * agreement.error);
  assert.ok(Math.abs(distance.error / nothing.error - 1) < 0.15 && nothing.explained === 0);
  assert.ok(Number.isNaN(step.within), "the step does not differ inside a group");
});

test("null: a clock drives both; the correlation is high, and nothing is left of it within splits", () => {
  const { agreement, step } = predicted(pairsIn({ barrier: byStep }));
  assert.ok(agreement.correlation < -0.85);
  assert.ok(agreement.withinChance > 0.05, `${agreement.withinChance}`);
  assert.ok(Math.abs(step.agreementGiven) < 0.5);
  assert.ok(step.error < agreement.error);
});

test("the chance within splits is kept: of 60 clocks about 3 seem to be more", () => {
  const reached = Array.from({ length: 60 }, (_, seed) => {
    const rows = pairsIn({ barrier: byStep, seed: seed + 1 }).objects() as Record<string, number>[];
    const groups = new Map<string, [number[], number[]]>();
    for (const { group, agreement, barrier } of rows) {
      const [x, y] = groups.get(String(group)) ?? [[], []];
      groups.set(String(group), [
        [...x, agreement],
        [...y, barrier],
      ]);
    }
    return withinGroups([...groups.values()], 100).withinChance <= 0.05;
  });
  const share = reached.filter(Boolean).length;
  assert.ok(share <= 8, `${share} of 60`); // more with probability 0.005
});

test("the interval covers: of 40 worlds without any relation 95 in 100 intervals hold 0, over splits and over trunks", () => {
  for (const trunks of [3, 6]) {
    let held = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const barrier: World["barrier"] = ({ noise }) => 10 * noise;
      const pairs = pairsIn({ trunks, barrier, clock: false, seed });
      const { agreement } = predicted(pairs, { predictors: ["agreement"], draws: 100 });
      held += Number(agreement.low <= 0 && agreement.high >= 0);
    }
    assert.ok(held >= 32, `${trunks} trunks: ${held} of 40`); // six trunks are few for a bootstrap
  }
});

test("units are trunks from five on, pairs across two of them counted as often as both are drawn", () => {
  const three = predictBarrier(pairsIn({ barrier: byAgreement }), { draws: 10 });
  assert.deepEqual([three.get("units", 0), three.get("over", 0)], [18, "splits"]);
  const six = predictBarrier(pairsIn({ trunks: 6, barrier: byAgreement, across: true }), { draws: 10 });
  assert.deepEqual([six.get("units", 0), six.get("over", 0)], [6, "trunks"]);
  assert.ok((six.get("high", 0) as number) < -0.6);
});

test("the same table gives the same numbers; other columns, other predictors", () => {
  const pairs = pairsIn({ barrier: byAgreement });
  const numbers = (): object[] => predictBarrier(pairs, { draws: 50 }).objects();
  assert.deepEqual(numbers(), numbers());
  const fewer = predictBarrier(pairs.select(aq.not("loss", "distance")), { draws: 10 });
  assert.deepEqual(fewer.array("predictor"), ["agreement", "step", "together", "nothing"]);
});

test("one trunk: no other to predict it from; diverged pairs are left out", () => {
  const one = pairsIn({ trunks: 1, barrier: byAgreement });
  const found = predicted(one);
  assert.ok(Number.isNaN(found.agreement.error) && Number.isNaN(found.together.explained));
  assert.ok(found.agreement.correlation < -0.8);
  const rows = one.objects() as { barrier: number | null }[];
  rows[0].barrier = NaN;
  rows[1].barrier = null;
  assert.equal(predicted(aq.from(rows)).agreement.pairs, rows.length - 2);
});

test("what cannot be asked is said", () => {
  const pairs = pairsIn({ barrier: byAgreement });
  assert.throws(() => predictBarrier(pairs.select(aq.not("group"))), /expected a column "group", found/);
  assert.throws(() => predictBarrier(pairs.slice(0, 0)), {
    name: "DataError",
    message: /predictBarrier: expected pairs with a barrier and agreement, .*, found none among 0 rows/,
  });
  assert.throws(
    () => predictBarrier(pairs, { predictors: [] }),
    /at least one predictor.*found 0 predictors/,
  );
  assert.throws(() => predictBarrier(pairs, { floor: 0 }), /a floor above 0.*floor 0/);
});
