import assert from "node:assert/strict";
import { test } from "node:test";
import { inOrder, type Plan, readPlan } from "spectral-lab/sweep/plan";

const branches: Plan = {
  name: "branches",
  profile: "quick",
  runs: [
    {
      name: "branch",
      task: "mnist-mlp",
      from: { group: "trunk", at: ["0", "1ep"] },
      orders: [1, 2],
      edits: [null, "perturb:0.25#{order}"],
    },
    { name: "trunk", task: "mnist-mlp", settings: [null, "decay"], seeds: [0, 1], grid: { hidden: [8, 16] } },
  ],
  studies: [
    {
      kind: "agreement",
      inputs: [
        { group: "branch", at: "end" },
        { group: "branch", at: "end" },
      ],
      same: ["trunk", "split", "hidden"],
      differ: ["order"],
    },
  ],
};

type Path = readonly (string | number)[];

/** The plan with another value at a place: ["runs", 1, "seeds"]. */
function changed(path: Path, value: unknown): unknown {
  const plan = structuredClone(branches) as unknown;
  let at = plan as Record<string | number, unknown>;
  for (const key of path.slice(0, -1)) at = at[key] as typeof at;
  at[path[path.length - 1]] = value;
  return plan;
}

test("a plan is read as it is, and survives JSON", () => {
  assert.deepEqual(readPlan(branches), branches);
  assert.deepEqual(readPlan(JSON.parse(JSON.stringify(branches))), branches);
});

test("groups come behind those that they branch from", () => {
  assert.deepEqual(
    inOrder(branches).map(({ name }) => name),
    ["trunk", "branch"],
  );
});

const wrong: readonly (readonly [string, Path, unknown, RegExp])[] = [
  [
    "an unknown key",
    ["runs", 0, "sedes"],
    [1],
    /p\.json: runs\[0\]: expected fields among .*seeds.*found "sedes"/,
  ],
  [
    "a wrong type",
    ["runs", 1, "seeds"],
    ["a"],
    /runs\[1\]\.seeds\[0\]: expected a whole number >= 0, found "a"/,
  ],
  ["an empty list", ["runs", 1, "seeds"], [], /runs\[1\]\.seeds: expected a list of at least one entry/],
  ["no runs", ["runs"], undefined, /runs: expected a list, found nothing/],
  ["a moment", ["runs", 0, "from", "at"], ["later"], /runs\[0\]\.from\.at\[0\]: expected a moment such as/],
  ["a name", ["name"], "../x", /p\.json: name: expected a name of letters/],
  ["an unknown task", ["runs", 1, "task"], "mnist-mpl", /did you mean "mnist-mlp"/],
  [
    "another task than the trunk's",
    ["runs", 0, "task"],
    "vgg",
    /expected a group of vgg, found "trunk" of mnist-mlp/,
  ],
  ["an unknown setting", ["runs", 1, "settings"], ["deacy"], /runs\[1\] \("trunk"\): .*did you mean "decay"/],
  ["an unknown field", ["runs", 1, "grid"], { hiden: [1] }, /did you mean "hidden"/],
  [
    "a value out of range",
    ["runs", 1, "set"],
    { layers: 0 },
    /"layers": expected a whole number >= 2, found 0/,
  ],
  [
    "a field twice",
    ["runs", 1, "set"],
    { hidden: 1 },
    /expected "hidden" in grid or in set, found it in both/,
  ],
  [
    "an unknown group",
    ["runs", 0, "from", "group"],
    "trnk",
    /group "trnk" does not exist; did you mean "trunk"/,
  ],
  [
    "a group twice",
    ["runs", 1, "name"],
    "branch",
    /runs\[1\]\.name: expected another name, found "branch" again/,
  ],
  ["seeds of a branch", ["runs", 0, "seeds"], [1], /seeds: expected none with from/],
  ["an edit of no branch", ["runs", 1, "edits"], ["magnitude:0.5"], /edits: expected from with them/],
  ["an unknown edit", ["runs", 0, "edits"], ["pertrub:1"], /did you mean "perturb"/],
  [
    "an edit's group",
    ["runs", 0, "edits"],
    ["magnitude:0.5@{tunk}"],
    /group "tunk" does not exist; did you mean "trunk"/,
  ],
  [
    "an unknown kind",
    ["studies", 0, "kind"],
    "agrement",
    /studies\[0\]: study "agrement" does not exist; did you mean/,
  ],
  ["a parameter", ["studies", 0, "set"], { pair: 1 }, /studies\[0\]: .*did you mean "pairs"/],
  ["an input's group", ["studies", 0, "inputs", 1, "group"], "x", /studies\[0\]: group "x" does not exist/],
  ["a facet", ["studies", 0, "same"], ["hiden"], /facet "hiden" does not exist; did you mean "hidden"/],
];

for (const [what, path, value, message] of wrong) {
  test(`${what} is one error with its place`, () => {
    assert.throws(() => readPlan(changed(path, value), "p.json"), message);
  });
}

test("groups that need each other are named in a circle", () => {
  const trunk = { name: "trunk", task: "mnist-mlp", from: { group: "branch", at: ["end"] } };
  const plan = changed(["runs", 1], trunk);
  assert.throws(
    () => readPlan(plan),
    /runs: expected groups that do not need themselves, found branch -> trunk -> branch/,
  );
});
