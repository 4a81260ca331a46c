import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as aq from "arquero";
import { DataError } from "spectral-lab/core/errors";
import { randomStream, type Random } from "spectral-lab/core/random";
import type { Claim } from "spectral-lab/paper/claim";
import { claimsOfGrokking, type GrokkingTables } from "spectral-lab/paper/claims/figure2";
import { countVerdicts } from "../count-verdicts.js";
import { clock, fallAt, grokkingTables, walk, type Invented } from "../grokking.js";

const decay = { task: "decay" };
const noDecay = { task: "no-decay" };
type Rank = (step: number) => number;
const plus =
  (...parts: Rank[]): Rank =>
  (step) =>
    parts.reduce((sum, part) => sum + part(step), 0);

const coincide = (tables: GrokkingTables): Claim => claimsOfGrokking(tables, decay, undefined)[0];

/** Runs of several seeds that stop 2,000 steps after the half-error step, as the laboratory's do. */
function runs(
  seeds: number,
  random: Random,
  offset: number,
  rank: (half: number) => Rank,
  noise = 0.005,
): Invented[] {
  return Array.from({ length: seeds }, (_, i) => {
    const half = random.uniform(6000, 16000);
    const end = 100 * Math.round((half + 2000) / 100);
    return { seed: offset + i, end, half, rank: rank(half), noise };
  });
}

/** The verdicts on data sets of one kind. */
const verdicts = (
  name: string,
  tries: number,
  seeds: number,
  rank: (half: number, random: Random) => Rank,
  noise?: number,
) => {
  const random = randomStream(0, name);
  return countVerdicts(tries, (i) =>
    coincide(grokkingTables(runs(seeds, random, i * seeds, (half) => rank(half, random), noise))),
  );
};

test("a second fall of rank that goes with the error agrees, with both falls, lag and spread", () => {
  const halves = [7000, 9000, 12000, 15000];
  const tables = grokkingTables(
    halves.map((half, seed) => ({
      seed,
      half,
      end: half + 3000,
      rank: plus(clock(3000, 0.8, 0.5), fallAt(half + 200, 0.1)),
    })),
  );
  const claim = coincide(tables);
  assert.equal(claim.verdict, "agrees");
  const { fallBefore, fallWith, lag, grokked } = claim.numbers;
  assert.ok(Math.abs(fallBefore - 0.22) < 0.02 && Math.abs(fallWith - 0.1) < 0.03);
  assert.ok(Math.abs(lag - 200) < 150);
  assert.equal(grokked, 4);
  assert.match(claim.effect, /4 of 4 seeds grokked, at half-error steps 7003, 8997, 12002, 15000\./);
  assert.match(claim.effect, /± [\d.]+ \(4 seeds\)/);
});

test("a plain clock disagrees, whose whole fall is as large", () => {
  const [with_, clockwork] = [plus(clock(3000, 0.8, 0.5), fallAt(9000, 0.1)), clock(3000, 0.8, 0.4)];
  const verdictOf = (rank: Rank): Claim =>
    coincide(grokkingTables([{ seed: 0, half: 9000, end: 12000, rank }]));
  assert.equal(verdictOf(with_).verdict, "agrees");
  assert.match(verdictOf(with_).effect, /one seed: no spread/);
  assert.equal(verdictOf(clockwork).verdict, "disagrees");
});

test("a fall that comes long before, or in all runs at the same time whether they grok or not, disagrees", () => {
  const random = randomStream(0, "before");
  const before = grokkingTables(
    runs(3, random, 0, (half) => plus(clock(4000, 0.8, 0.5), fallAt(half - 3000, 0.1))),
  );
  assert.equal(coincide(before).verdict, "disagrees");
  const rank = plus(clock(4000, 0.8, 0.5), fallAt(9000, 0.1));
  const grokked: Invented[] = [0, 1, 2].map((seed) => ({ seed, half: 9000, end: 12000, rank }));
  const alike = grokkingTables([...grokked, { seed: 3, end: 12000, rank }]);
  assert.equal(coincide(alike).verdict, "disagrees");
  const unlike = grokkingTables([...grokked, { seed: 3, end: 12000, rank: clock(4000, 0.8, 0.5) }]);
  const claim = coincide(unlike);
  assert.equal(claim.verdict, "agrees");
  assert.ok(Math.abs(claim.numbers.excessNotYetGrokked) < 0.01);
});

test("undecided where nothing groks, where the run stops at once, or where a small fall comes at the right time", () => {
  const make = (run: Partial<Invented>): Claim =>
    coincide(grokkingTables([{ seed: 0, end: 12000, rank: clock(), ...run }]));
  assert.equal(make({}).verdict, "undecided");
  assert.match(make({}).effect, /of 1 seeds none/);
  assert.equal(make({ half: 9000, end: 9100 }).verdict, "undecided");
  assert.equal(
    make({ half: 9000, rank: plus(clock(3000, 0.8, 0.4), fallAt(9000, 0.03)), noise: 0.0005 }).verdict,
    "undecided",
  );
});

test("false positives: under no null does the claim agree in more than 1 of 20 data sets", () => {
  const nulls: [string, (half: number, random: Random) => Rank, number?][] = [
    ["exponential", () => clock()],
    ["noisy", () => clock(), 0.03],
    ["linear", () => (step) => 0.8 - (0.4 * step) / 20_000],
    ["ever faster", () => (step) => 0.8 - 0.4 * (step / 18_000) ** 3],
    ["random walk", (_, random) => walk(random, 0.01)],
    [
      "step elsewhere",
      (half, random) => plus(clock(4000, 0.8, 0.5), fallAt(random.uniform(2000, half + 2000), 0.1)),
    ],
  ];
  for (const seeds of [1, 3]) {
    for (const [name, rank, noise] of nulls) {
      const counts = verdicts(`null ${name} ${seeds}`, 40, seeds, rank, noise);
      assert.ok(counts.agrees <= 5, `${name}, ${seeds} seeds: ${counts.agrees} of 40`); // P(> 5 of 40 at 5 %) = 1.4 %
    }
  }
});

test("power: what it finds, and how seldom it denies it", () => {
  const second = verdicts("second", 40, 4, (half) => plus(clock(4000, 0.8, 0.5), fallAt(half, 0.1)));
  assert.ok(second.agrees >= 38);
  const late = verdicts("late", 40, 4, (half) => plus(clock(4000, 0.8, 0.5), fallAt(half + 700, 0.15, 600)));
  assert.ok(late.agrees >= 36);
  const single = verdicts("single", 40, 1, (half) => plus(clock(4000, 0.8, 0.5), fallAt(half, 0.1)));
  assert.ok(single.agrees >= 24 && single.disagrees === 0);
});

test("without decay: needs three seeds each; a single run that groks without decay disagrees", () => {
  const make = (seeds: number, other: Partial<Invented>): Claim[] => {
    const kinds = (task: string, run: Partial<Invented>): Invented[] =>
      Array.from({ length: seeds }, (_, seed) => ({ task, seed, end: 12_000, rank: clock(), ...run }));
    const tables = grokkingTables([...kinds("decay", { half: 8000 }), ...kinds("no-decay", other)]);
    return claimsOfGrokking(tables, decay, noDecay).slice(1);
  };
  const still = { rank: clock(4000, 0.8, 0.78) };
  const verdictsOf = (claims: Claim[]): string[] => claims.map(({ verdict }) => verdict);
  assert.deepEqual(verdictsOf(make(3, still)), ["agrees", "agrees"]);
  assert.deepEqual(verdictsOf(make(1, still)), ["undecided", "undecided"]);
  assert.match(make(1, still)[0].effect, /one seed: no spread/);
  assert.deepEqual(verdictsOf(make(3, { half: 9000, rank: clock() })), ["disagrees", "disagrees"]);
  assert.equal(make(1, { half: 9000 })[0].verdict, "disagrees");
});

test("without decay: false positives where decay makes no difference", () => {
  const random = randomStream(0, "no difference");
  const run = (task: string, seed: number): Invented => {
    const scale = random.uniform(0.5, 1.5);
    const half = random.uniform(0, 1) < 0.5 ? random.uniform(5000, 11_000) : undefined;
    return { task, seed, end: 12_000, half, rank: (step) => 0.5 + 0.2 * scale * Math.exp(-step / 4000) };
  };
  const agreed = [0, 0];
  for (let i = 0; i < 100; i++) {
    const tables = grokkingTables(
      ["decay", "no-decay"].flatMap((task) => [0, 1, 2].map((seed) => run(task, 3 * i + seed))),
    );
    claimsOfGrokking(tables, decay, noDecay)
      .slice(1)
      .forEach(({ verdict }, k) => (agreed[k] += Number(verdict === "agrees")));
  }
  assert.ok(agreed[0] <= 5 && agreed[1] <= 5, `${agreed.join(", ")} of 100`);
});

test("experiments without rows are undecided; tables without columns are refused", () => {
  const tables = grokkingTables([{ seed: 0, end: 3000, rank: clock() }]);
  assert.ok(
    claimsOfGrokking(tables, { task: "missing" }, noDecay).every(({ verdict }) => verdict === "undecided"),
  );
  assert.throws(() => claimsOfGrokking({ ...tables, ranks: tables.metrics }, decay, undefined), DataError);
});

const reference = join(process.cwd(), "..", "shared", "reference", "twin", "grokking_twin.jsonl");
const skip = existsSync(reference) ? false : "PyTorch's runs of six seeds are not beside the checkout";

test(
  "PyTorch's six seeds: a large fall long before, a smaller one with the error and after it",
  { skip },
  () => {
    const metrics: object[] = [];
    const ranks: object[] = [];
    for (const line of readFileSync(reference, "utf8").trim().split("\n")) {
      const { seed, columns, rows } = JSON.parse(line) as {
        seed: number;
        columns: string[];
        rows: number[][];
      };
      for (const row of rows) {
        const origin = { task: "decay", seed, step: row[0], epoch: row[0], variant: "full", metric: "error" };
        metrics.push(
          { ...origin, split: "train", value: row[1] },
          { ...origin, split: "validation", value: row[2] },
        );
        columns.slice(3).forEach((matrix, i) => ranks.push({ ...origin, matrix, effectiveRank: row[3 + i] }));
      }
    }
    const { numbers, verdict } = coincide({ metrics: aq.from(metrics), ranks: aq.from(ranks) });
    assert.equal(verdict, "agrees");
    assert.deepEqual([numbers.seeds, numbers.grokked], [6, 4]);
    assert.ok(numbers.fallBefore > 3 * numbers.fallWith);
    assert.ok(Math.abs(numbers.excessNotYetGrokked) < 0.01);
  },
);
