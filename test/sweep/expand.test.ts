import assert from "node:assert/strict";
import { test } from "node:test";
import { expand, type Member, type RunMember, type StudyMember } from "spectral-lab/sweep/expand";
import { pruningRounds } from "spectral-lab/train/edits/rounds";
import type { Plan, RunGroup, StudyGroup } from "spectral-lab/sweep/plan";

const trunk: RunGroup = { name: "trunk", task: "mnist-mlp", settings: [null, "decay"], seeds: [0, 1] };
const branch: RunGroup = {
  name: "branch",
  task: "mnist-mlp",
  from: { group: "trunk", at: ["0", "1ep"] },
  orders: [1, 2],
};

function membersOf(runs: readonly RunGroup[], studies?: readonly StudyGroup[]): readonly Member[] {
  return expand({ name: "p", runs, studies });
}

const runsIn = (members: readonly Member[]): RunMember[] => members.filter((one) => one.what === "run");
const studiesIn = (members: readonly Member[]): StudyMember[] =>
  members.filter((one) => one.what === "study");

test("settings, grid and seeds are a product, in the order of their lists", () => {
  const members = membersOf([{ ...trunk, grid: { hidden: [8, 16] }, set: { epochs: 2 }, orders: [5] }]);
  assert.deepEqual(
    members.map(({ name }) => name),
    [
      "trunk/setting=none,hidden=8,seed=0",
      "trunk/setting=none,hidden=8,seed=1",
      "trunk/setting=none,hidden=16,seed=0",
      "trunk/setting=none,hidden=16,seed=1",
      "trunk/setting=decay,hidden=8,seed=0",
      "trunk/setting=decay,hidden=8,seed=1",
      "trunk/setting=decay,hidden=16,seed=0",
      "trunk/setting=decay,hidden=16,seed=1",
    ],
  );
  assert.deepEqual(members[5], {
    what: "run",
    name: "trunk/setting=decay,hidden=8,seed=1",
    facets: {
      member: "trunk/setting=decay,hidden=8,seed=1",
      group: "trunk",
      task: "mnist-mlp",
      setting: "decay",
      seed: 1,
      order: 5,
      split: null,
      edit: null,
      trunk: null,
      hidden: 8,
      epochs: 2,
    },
    task: "mnist-mlp",
    profile: "quick",
    setting: "decay",
    set: { epochs: 2, hidden: 8 },
    seed: 1,
    order: 5,
    keep: [],
    needs: [],
  });
});

test("a group of one value each has one member of its own name", () => {
  assert.deepEqual(
    membersOf([{ name: "only", task: "mnist-mlp" }]).map(({ name }) => name),
    ["only"],
  );
});

test("branches come behind their trunks, which keep the weights that they start from", () => {
  const members = runsIn(membersOf([branch, { ...trunk, settings: ["decay"], keep: ["3ep"] }]));
  assert.deepEqual(
    members.map(({ name, keep, needs, seed, order, from }) => [name, keep, needs, seed, order, from?.at]),
    [
      ["trunk/seed=0", ["3ep", "0", "1ep"], [], 0, undefined, undefined],
      ["trunk/seed=1", ["3ep", "0", "1ep"], [], 1, undefined, undefined],
      ["branch/seed=0,split=0,order=1", [], ["trunk/seed=0"], undefined, 1, "0"],
      ["branch/seed=0,split=0,order=2", [], ["trunk/seed=0"], undefined, 2, "0"],
      ["branch/seed=0,split=1ep,order=1", [], ["trunk/seed=0"], undefined, 1, "1ep"],
      ["branch/seed=0,split=1ep,order=2", [], ["trunk/seed=0"], undefined, 2, "1ep"],
      ["branch/seed=1,split=0,order=1", [], ["trunk/seed=1"], undefined, 1, "0"],
      ["branch/seed=1,split=0,order=2", [], ["trunk/seed=1"], undefined, 2, "0"],
      ["branch/seed=1,split=1ep,order=1", [], ["trunk/seed=1"], undefined, 1, "1ep"],
      ["branch/seed=1,split=1ep,order=2", [], ["trunk/seed=1"], undefined, 2, "1ep"],
    ],
  );
  const { setting, seed, split, order, trunk: parent } = members[4].facets;
  assert.deepEqual([setting, seed, split, order, parent], ["decay", 0, "1ep", 1, "trunk/seed=0"]);
});

test("{order} in an edit is the member's order, of one without any the seed", () => {
  const edited = { ...branch, from: { group: "trunk", at: ["0"] }, edits: ["perturb:0.25#{order}"] };
  const both = runsIn(
    membersOf([
      trunk,
      edited,
      { ...edited, name: "same", orders: undefined, from: { group: "trunk", at: ["0"] } },
    ]),
  );
  const edits = (group: string): (string | undefined)[] =>
    both.filter(({ facets }) => facets.group === group).map(({ from }) => from?.edit);
  assert.deepEqual(edits("branch").slice(0, 2), ["perturb:0.25#1", "perturb:0.25#2"]);
  assert.deepEqual(edits("same"), ["perturb:0.25#0", "perturb:0.25#1", "perturb:0.25#0", "perturb:0.25#1"]);
});

test("{group} in an edit is the member with the same facets: it comes first, and keeps what the edit reads", () => {
  const plain: RunGroup = { name: "plain", task: "mnist-mlp", settings: ["no-decay"], seeds: [0, 1] };
  const decayed: RunGroup = { ...plain, name: "decayed", settings: ["decay"] };
  const rescaled: RunGroup = {
    name: "rescaled",
    task: "mnist-mlp",
    from: { group: "decayed", at: ["1ep"] },
    edits: ["rescale:{plain}@40"],
  };
  const members = runsIn(membersOf([rescaled, decayed, plain]));
  assert.deepEqual(
    members.map(({ name, needs, from, keep }) => [name, needs, from?.edit, keep]),
    [
      ["decayed/seed=0", [], undefined, ["1ep"]],
      ["decayed/seed=1", [], undefined, ["1ep"]],
      ["plain/seed=0", [], undefined, ["40it"]],
      ["plain/seed=1", [], undefined, ["40it"]],
      ["rescaled/seed=0", ["decayed/seed=0", "plain/seed=0"], "rescale:{plain/seed=0}@40", []],
      ["rescaled/seed=1", ["decayed/seed=1", "plain/seed=1"], "rescale:{plain/seed=1}@40", []],
    ],
  );
  const fewer: RunGroup = { ...plain, seeds: [1, 2] };
  assert.throws(
    () => membersOf([rescaled, decayed, fewer]),
    /edit of rescaled\/seed=0: expected one member of group plain with seed 0, found 0/,
  );
});

test("a mask ranked at a step of the trunk makes the trunk keep it", () => {
  const masked = { ...branch, orders: undefined, edits: ["magnitude:0.1@30", "magnitude:0.2"] };
  assert.deepEqual(runsIn(membersOf([trunk, masked]))[0].keep, ["0", "30it", "1ep"]);
});

const ends = [
  { group: "branch", at: "end" },
  { group: "branch", at: "end" },
];

test("pairs within a trunk and a split: each once, none with itself", () => {
  const members = membersOf(
    [{ ...trunk, settings: ["decay"] }, branch],
    [{ kind: "agreement", inputs: ends, same: ["trunk", "split"], differ: ["order"] }],
  );
  assert.deepEqual(
    studiesIn(members).map(({ inputs }) => inputs.map(({ member }) => member)),
    [
      ["branch/seed=0,split=0,order=1", "branch/seed=0,split=0,order=2"],
      ["branch/seed=0,split=1ep,order=1", "branch/seed=0,split=1ep,order=2"],
      ["branch/seed=1,split=0,order=1", "branch/seed=1,split=0,order=2"],
      ["branch/seed=1,split=1ep,order=1", "branch/seed=1,split=1ep,order=2"],
    ],
  );
  const [first] = studiesIn(members);
  assert.equal(first.name, "agreement: branch/seed=0,split=0,order=1@end, branch/seed=0,split=0,order=2@end");
  assert.deepEqual(
    first.needs,
    first.inputs.map(({ member }) => member),
  );
  assert.deepEqual([first.facets.split, first.facets.seed, first.facets.kind], ["0", 0, "agreement"]);
  assert.ok(!("order" in first.facets), "what differs is no facet of the pair");
});

test("pairs across trunks of one split", () => {
  const members = membersOf(
    [
      { ...trunk, settings: ["decay"] },
      { ...branch, from: { group: "trunk", at: ["0"] }, orders: [1] },
    ],
    [{ kind: "agreement", inputs: ends, same: ["split"], differ: ["trunk"] }],
  );
  assert.deepEqual(
    studiesIn(members).map(({ inputs }) => inputs.map(({ member }) => member)),
    [["branch/seed=0", "branch/seed=1"]],
  );
});

test("without conditions every pair comes once; two moments of a group are ordered", () => {
  const seeds: RunGroup = { name: "trunk", task: "mnist-mlp", seeds: [0, 1, 2] };
  const pairs = (at: string, same: string[] = []): string[][] =>
    studiesIn(
      membersOf(
        [seeds],
        [
          {
            kind: "agreement",
            inputs: [
              { group: "trunk", at },
              { group: "trunk", at: "end" },
            ],
            same,
          },
        ],
      ),
    ).map(({ inputs }) => inputs.map(({ member, at: when }) => `${member.slice(-1)}@${when}`));
  assert.deepEqual(pairs("end"), [
    ["0@end", "1@end"],
    ["0@end", "2@end"],
    ["1@end", "2@end"],
  ]);
  assert.equal(pairs("0").length, 9);
  assert.deepEqual(pairs("0", ["member"]), [
    ["0@0", "0@end"],
    ["1@0", "1@end"],
    ["2@0", "2@end"],
  ]);
});

test("studies make members keep the weights that they read, but for the last, which are always kept", () => {
  const seeds: RunGroup = { name: "trunk", task: "mnist-mlp", seeds: [0, 1] };
  const study: StudyGroup = {
    kind: "agreement",
    grid: { pairs: [5, 10] },
    inputs: [
      { group: "trunk", at: "2ep" },
      { group: "trunk", at: "end" },
    ],
    same: ["seed"],
  };
  const members = membersOf([seeds], [study]);
  assert.deepEqual(
    runsIn(members).map(({ keep }) => keep),
    [["2ep"], ["2ep"]],
  );
  assert.deepEqual(
    studiesIn(members).map(({ name, set }) => [name, set]),
    [
      ["agreement pairs=5: trunk/seed=0@2ep, trunk/seed=0@end", { pairs: 5 }],
      ["agreement pairs=10: trunk/seed=0@2ep, trunk/seed=0@end", { pairs: 10 }],
      ["agreement pairs=5: trunk/seed=1@2ep, trunk/seed=1@end", { pairs: 5 }],
      ["agreement pairs=10: trunk/seed=1@2ep, trunk/seed=1@end", { pairs: 10 }],
    ],
  );
});

test("the same plan has the same members, and every member comes behind what it needs, under a name of its own", () => {
  const plan: Plan = {
    name: "p",
    runs: [branch, trunk],
    studies: [{ kind: "agreement", inputs: ends, same: ["trunk"] }],
  };
  const members = expand(plan);
  assert.deepEqual(expand(structuredClone(plan)), members);
  const names = members.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const [i, { needs }] of members.entries())
    for (const name of needs) assert.ok(names.slice(0, i).includes(name), `${names[i]} needs ${name}`);
});

test("a plan of millions of members is refused before they are made", () => {
  const many = Array.from({ length: 400 }, (_, i) => i);
  assert.throws(
    () => membersOf([{ name: "a", task: "mnist-mlp", seeds: many, orders: many }]),
    /plan "p": expected at most 100000 members, found more/,
  );
});

test("rounds of iterative pruning: each branches from the trunk and ranks by the round before, of its own trunk", () => {
  const rounds = pruningRounds({ rounds: 3, share: 0.8, from: { group: "trunk", at: ["1ep"] } });
  const seeds: RunGroup = { name: "trunk", task: "mnist-mlp", seeds: [0, 1] };
  const members = runsIn(membersOf([seeds, ...rounds.map((round) => ({ task: "mnist-mlp", ...round }))]));
  const of = (group: string): RunMember[] => members.filter(({ facets }) => facets.group === group);
  for (const seed of [0, 1]) {
    const [first, second, third] = [1, 2, 3].map((i) => of(`round-${i}`)[seed]);
    for (const round of [first, second, third]) assert.equal(round.from!.trunk, of("trunk")[seed].name);
    assert.deepEqual(
      [first, second, third].map(({ from }) => from!.edit),
      ["magnitude:0.8", `magnitude:0.64@{${first.name}}@end`, `magnitude:0.512@{${second.name}}@end`],
    );
    assert.ok(second.needs.includes(first.name) && third.needs.includes(second.name));
  }
});

test("studies of the same inputs with other parameters are several; equal ones are one", () => {
  const inputs = ["a", "b"].map((group) => ({ group, at: "end" }));
  const members = expand({
    name: "told-apart",
    runs: ["a", "b"].map((name) => ({ name, task: "mnist-mlp" })),
    studies: [
      { kind: "barrier", inputs },
      { kind: "barrier", set: { points: 5, components: "top" }, inputs },
      { kind: "barrier", set: { points: 5, components: "bottom" }, inputs },
      { kind: "barrier", set: { points: 5, components: "top" }, inputs },
      { kind: "agreement", set: { pairs: 3 }, inputs },
    ],
  });
  assert.deepEqual(
    members.map(({ name }) => name),
    [
      "a",
      "b",
      "barrier: a@end, b@end",
      "barrier points=5 components=top: a@end, b@end",
      "barrier points=5 components=bottom: a@end, b@end",
      "agreement: a@end, b@end",
    ],
  );
});
