import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import { DataError } from "spectral-lab/core/errors";
import { randomStream, type Random } from "spectral-lab/core/random";
import { chanceAlignment } from "spectral-lab/paper/chance";
import type { Claim } from "spectral-lab/paper/claim";
import { alignedAtEnd, unalignedAtStart } from "spectral-lab/paper/claims/figure5";
import { countVerdicts } from "../count-verdicts.js";

const dimension = 64;

/** The mean of |<u, v>| over ten entries of `pairs` heads, of vectors whose inner products are multiplied by `factor`. */
function scoreOf(random: Random, pairs: number, factor: number): number {
  let sum = 0;
  for (let i = 0; i < 10 * pairs; i++) {
    const u = Array.from({ length: dimension }, () => random.normal());
    sum += (factor * Math.abs(u[0])) / Math.hypot(...u);
  }
  return sum / (10 * pairs);
}

interface Options {
  readonly seeds?: number;
  readonly pairs?: number;
  readonly start?: number;
  readonly end?: number;
}

/** Scores of 12 contacts at two moments, in multiples of chance. */
function scores(
  random: Random,
  { seeds = 1, pairs = 1, start = 1, end = 1 }: Options,
): ReturnType<typeof aq.from> {
  const rows: object[] = [];
  for (let seed = 0; seed < seeds; seed++) {
    for (let depth = 0; depth < 12; depth++) {
      const contact = `pair ${depth}`;
      [start, end].forEach((factor, step) =>
        rows.push({
          task: "t",
          seed,
          step,
          contact,
          depth,
          score: scoreOf(random, pairs, factor),
          dimension,
          pairs,
        }),
      );
    }
  }
  return aq.from(rows);
}

const claims = (random: Random, options: Options): { start: Claim; end: Claim } => {
  const table = scores(random, options);
  return { start: unalignedAtStart(table, { task: "t" }), end: alignedAtEnd(table, { task: "t" }) };
};

test("chance at the start, more at the end", () => {
  const { start, end } = claims(randomStream(0, "true"), { end: 3 });
  assert.deepEqual([start.verdict, end.verdict], ["agrees", "agrees"]);
  assert.ok(Math.abs(start.numbers.ratioToChance - 1) < 0.2 && Math.abs(end.numbers.ratioToChance - 3) < 0.5);
  assert.match(start.effect, /one seed: no spread/);
});

test("balanced at the start, chance at the end", () => {
  const { start, end } = claims(randomStream(0, "false"), { start: 3 });
  assert.deepEqual([start.verdict, end.verdict], ["disagrees", "disagrees"]);
});

test("undecided: some contacts only", () => {
  const random = randomStream(0, "some");
  const mixed = (scores(random, {}).objects() as { contact: string; score: number }[]).map((row) =>
    Number(row.contact.slice(5)) < 3 ? { ...row, score: 0.5 } : row,
  );
  const table = aq.from(mixed);
  assert.equal(unalignedAtStart(table, { task: "t" }).verdict, "undecided");
  assert.equal(alignedAtEnd(table, { task: "t" }).verdict, "undecided");
});

test("a signal that is certain but too small to matter is undecided", () => {
  const random = randomStream(0, "small");
  const small = claims(random, { seeds: 3, pairs: 64, end: 1.1 }).end;
  assert.ok(small.numbers.aboveChance >= 6);
  assert.equal(small.verdict, "undecided");
});

test("the deviation shrinks with the heads that are averaged", () => {
  const random = randomStream(0, "heads");
  const [one, twelve] = [1, 12].map((pairs) => claims(random, { pairs }).start.numbers.visibleRatio - 1);
  assert.ok(Math.abs(one / twelve - Math.sqrt(12)) < 1e-9);
  const counts = { one: 0, twelve: 0 };
  for (let i = 0; i < 20; i++) {
    // An alignment of 1.5 times chance: within the deviation of one pair, not within that of twelve heads.
    counts.one += Number(claims(random, { pairs: 1, start: 1.5 }).start.verdict === "disagrees");
    counts.twelve += Number(claims(random, { pairs: 12, start: 1.5 }).start.verdict === "disagrees");
  }
  assert.ok(counts.one <= 1 && counts.twelve >= 19, JSON.stringify(counts));
});

test("error rates at chance, with and without heads", () => {
  for (const pairs of [1, 8]) {
    const random = randomStream(pairs, "null");
    const start = countVerdicts(100, () => claims(random, { pairs }).start);
    const end = countVerdicts(100, () => claims(random, { pairs }).end);
    assert.ok(start.agrees >= 97 && start.disagrees === 0);
    assert.equal(end.agrees, 0);
  }
});

test("a score of fewer entries varies more by chance", () => {
  const random = randomStream(0, "entries");
  const rows = Array.from({ length: 200 }, (_, depth) => {
    const u = Array.from({ length: dimension }, () => random.normal());
    const score = Math.abs(u[0]) / Math.hypot(...u);
    return { task: "t", seed: 0, step: 0, contact: `pair ${depth}`, depth, score, dimension, pairs: 1 };
  });
  const within = (entries: number): number =>
    unalignedAtStart(aq.from(rows.map((row) => ({ ...row, entries }))), { task: "t" }).numbers.withinChance /
    200;
  assert.ok(within(1) > 0.97, `${within(1)}`);
  assert.ok(within(10) < 0.8, "as if they were ten");
});

test("rows without pairs are refused, in words", () => {
  const table = scores(randomStream(0, "old"), {});
  for (const old of [
    table.select(aq.not("pairs")),
    table.impute({ pairs: () => null }).derive({ pairs: () => null }),
  ]) {
    for (const claim of [unalignedAtStart, alignedAtEnd]) {
      assert.throws(
        () => claim(old, { task: "t" }),
        (error: unknown) => error instanceof DataError && /column pairs/.test(error.message),
      );
    }
  }
});

test("an experiment without rows is undecided", () => {
  const table = scores(randomStream(0, "none"), {});
  assert.equal(unalignedAtStart(table, { task: "missing" }).verdict, "undecided");
  assert.equal(alignedAtEnd(table, { task: "missing" }).verdict, "undecided");
  assert.ok(chanceAlignment(dimension) > 0);
});
