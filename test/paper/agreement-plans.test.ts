import assert from "node:assert/strict";
import { test } from "node:test";
import { planFigure9 } from "spectral-lab/paper/figure9";
import { planFigure10 } from "spectral-lab/paper/figure10";
import { expand, type Member } from "spectral-lab/sweep/expand";
import type { Plan } from "spectral-lab/sweep/plan";
import { PROFILES } from "spectral-lab/tasks/task";

const membersOf = (plan: Plan, what: Member["what"]): Member[] =>
  expand(plan).filter((member) => member.what === what);

test("figure 9: three seeds of four tasks that keep their vectors, one stability study of each", () => {
  for (const profile of PROFILES) {
    const plan = planFigure9(profile);
    const seeds = profile === "quick" ? 1 : 3;
    const runs = membersOf(plan, "run");
    assert.deepEqual([runs.length, membersOf(plan, "study").length], [4 * seeds, 4 * seeds]);
    for (const run of runs)
      assert.ok(run.what === "run" && run.vectors === 40 && run.keep.length === 0, run.name);
  }
});

test("figure 10: nine branches with each mask, each compared with its own trunk; trunks are those of figure 9", () => {
  const plan = planFigure10("lab");
  const runs = membersOf(plan, "run");
  const [trunks, tickets] = ["trunk", "ticket"].map((group) =>
    runs.filter(({ facets }) => facets.group === group),
  );
  assert.deepEqual([trunks.length, tickets.length], [3, 18]);
  for (const trunk of trunks)
    assert.ok(trunk.what === "run" && trunk.vectors === 40 && `${trunk.keep}` === "5ep");
  for (const ticket of tickets) assert.ok(ticket.what === "run" && ticket.vectors === 20);
  const studies = membersOf(plan, "study");
  const kinds = (kind: string): Member[] =>
    studies.filter((study) => study.what === "study" && study.kind === kind);
  assert.deepEqual([kinds("agreement").length, kinds("trajectory").length], [6, 18]);
  for (const study of kinds("agreement")) assert.equal(study.needs.length, 1, "a network with itself masked");
  const seedOf = new Map(runs.map(({ name, facets }) => [name, facets.seed]));
  for (const study of kinds("trajectory"))
    assert.equal(new Set(study.needs.map((name) => seedOf.get(name))).size, 1, study.name);
  for (const profile of PROFILES) {
    const set = (plan: Plan, group: string): unknown =>
      plan.runs.find(({ name }) => name === group)?.set ?? {};
    assert.deepEqual(set(planFigure10(profile), "trunk"), set(planFigure9(profile), "vgg"));
  }
});
