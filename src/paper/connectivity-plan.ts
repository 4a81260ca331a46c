import type { ConfigValue } from "../core/config.js";
import type { Moment } from "../core/time.js";
import type { Plan, RunGroup, StudyGroup, StudyInputGroup } from "../sweep/plan.js";
import type { ProfileName } from "../tasks/task.js";

/** What of a task is branched and compared. */
interface Branching {
  readonly task: string;
  /** Fields of the configuration that differ from the profile's. */
  readonly set?: Readonly<Record<string, ConfigValue>>;
  /** Streams of the trunks' initialisations. */
  readonly seeds: readonly number[];
  /** Streams of the branches' orders of examples. */
  readonly orders: readonly number[];
  readonly splits: readonly Moment[];
  /** Parameters of the barriers that differ from the defaults. */
  readonly barrier?: Readonly<Record<string, ConfigValue>>;
  readonly noise: NoiseChoice;
  /** Pairs that are trained on different examples; none where the task cannot choose them. */
  readonly halves?: HalvesChoice;
}

/** Branches that are perturbed first. */
interface NoiseChoice {
  /** The split that they leave from, which is one of `splits`. */
  readonly at: Moment;
  readonly sizes: readonly number[];
  readonly readings: readonly ("own" | "shared")[];
}

/** Branches on one half of the training examples or the other. */
interface HalvesChoice {
  /** Examples in each. */
  readonly examples: number;
  readonly splits: readonly Moment[];
}

const BOTH = ["own", "shared"] as const;

/** The splits of PAPER.md section 2, where an epoch has not the authors' number of steps. */
const PAPER_SPLITS = ["0", "0.2ep", "0.4ep", "0.6ep", "0.8ep", "1ep", "2ep", "3ep", "4ep", "5ep"];
const PAPER_NOISE: NoiseChoice = { at: "4ep", sizes: [0.1, 0.25, 0.5, 1, 2.5], readings: BOTH };
const PAPER = { seeds: [0, 1, 2], orders: [3, 4, 5], splits: PAPER_SPLITS, noise: PAPER_NOISE };

const PROFILES: Readonly<Record<ProfileName, readonly Branching[]>> = {
  quick: [
    {
      task: "vgg",
      set: {
        depth: 11,
        channels: 4,
        trainingExamples: 256,
        epochs: 4,
        milestones: "",
        evaluationLimit: 128,
      },
      seeds: [0, 1],
      orders: [3, 4],
      splits: ["0", "1ep", "2ep"],
      barrier: { points: 5 },
      noise: { at: "2ep", sizes: [0.5, 2.5], readings: BOTH },
      halves: { examples: 128, splits: ["2ep"] },
    },
  ],
  // An epoch has 71 steps.
  lab: [
    {
      task: "vgg",
      set: { trainingExamples: 9000 },
      seeds: [0, 1],
      orders: [3, 4, 5],
      splits: ["0", "0.2ep", "0.5ep", "1ep", "2ep", "4ep", "8ep", "14ep"],
      noise: PAPER_NOISE,
      halves: { examples: 4500, splits: ["0", "4ep"] },
    },
  ],
  paper: [
    {
      ...PAPER,
      task: "vgg",
      splits: ["0", "70it", "140it", "210it", "280it", "1ep", "2ep", "3ep", "4ep", "5ep"],
      halves: { examples: 22_500, splits: ["0", "4ep"] },
    },
    { ...PAPER, task: "unet" },
    { ...PAPER, task: "lstm", barrier: { examples: 1000 } },
    { ...PAPER, task: "transformer", barrier: { examples: 1000 } },
  ],
};

/** Only what a panel needs is measured of a branch. */
const MEASURED = ["metrics"];

/** The plans of this file, by name. */
export type ConnectivityPlan = "figure11" | "figure12" | "figure13" | "connectivity";

const TITLES: Readonly<Record<ConnectivityPlan, string>> = {
  figure11: "Linear mode connectivity of branches of one trunk",
  figure12: "Linear mode connectivity of branches of different trunks",
  figure13: "Linear mode connectivity of perturbed branches",
  connectivity:
    "Linear mode connectivity: figures 11 to 13, and beyond the paper distances, components, aligned units, other data",
};

/**
 * The runs and studies of figures 11, 12 or 13; "connectivity" has all of them and what goes beyond the paper: distances of
 * weights (rivals of agreement as predictors of the barrier), barriers where only the leading or only the trailing
 * components move, whole runs from different initialisations before and after their units are aligned, and branches
 * trained on different parts of the data.
 */
export function connectivityPlan(name: ConnectivityPlan, profile: ProfileName): Plan {
  const parts = PROFILES[profile].map((branching) => partsOf(name, branching));
  return {
    name,
    title: TITLES[name],
    profile,
    runs: parts.flatMap(({ runs }) => runs),
    studies: parts.flatMap(({ studies }) => studies),
  };
}

interface Parts {
  readonly runs: readonly RunGroup[];
  readonly studies: readonly StudyGroup[];
}

function partsOf(name: ConnectivityPlan, branching: Branching): Parts {
  const all = name === "connectivity";
  const parts: Parts[] = [trunksOf(branching)];
  if (name !== "figure13") parts.push(branchesOf(branching, name, all)); // for figure 11 pairs across trunks are the control
  if (name === "figure13" || all) parts.push(perturbed(branching, branching.noise, all));
  if (all) parts.push(components(branching), wholeRuns(branching));
  if (all && branching.halves) parts.push(onHalves(branching, branching.halves));
  return {
    runs: parts.flatMap(({ runs }) => runs),
    studies: parts.flatMap(({ studies }) => studies),
  };
}

function trunksOf({ task, set, seeds, splits }: Branching): Parts {
  return { runs: [{ name: `${task}-trunk`, task, seeds, ...(set && { set }), keep: splits }], studies: [] };
}

function branchesOf(branching: Branching, name: ConnectivityPlan, distances: boolean): Parts {
  const { task, orders, splits } = branching;
  const group = `${task}-branch`;
  const inputs = endsOf(group);
  const across = compare(branching, inputs, ["split", "order"], ["trunk"], distances);
  const within = compare(branching, inputs, ["trunk", "split"], ["order"], distances);
  return {
    runs: [{ name: group, task, from: { group: `${task}-trunk`, at: splits }, orders, probes: MEASURED }],
    studies: name === "figure12" ? across : [...within, ...across],
  };
}

/** Two branches of each trunk after noise, a group for each size and reading, and two without. */
function perturbed(branching: Branching, noise: NoiseChoice, distances: boolean): Parts {
  const { task, orders } = branching;
  const from = { group: `${task}-trunk`, at: [noise.at] };
  const common = { task, from, orders: orders.slice(0, 2), probes: MEASURED };
  const unperturbed: RunGroup = { ...common, name: `${task}-unperturbed` };
  const after = noise.readings.flatMap((reading) =>
    noise.sizes.map((size): RunGroup => {
      const edit = `perturb:${size}${reading === "own" ? "#{order}" : ""}`;
      return { ...common, name: `${task}-${reading}-${size}`, edits: [edit] };
    }),
  );
  const runs = [unperturbed, ...after];
  return {
    runs,
    studies: runs.flatMap(({ name }) =>
      compare(branching, endsOf(name), ["trunk", "split"], ["order"], distances),
    ),
  };
}

/** Barriers of two branches of each split where only the leading or only the trailing components of hidden matrices move. */
function components(branching: Branching): Parts {
  const { task, orders, splits } = branching;
  const group = `${task}-two`;
  const from = { group: `${task}-trunk`, at: splits };
  return {
    runs: [{ name: group, task, from, orders: orders.slice(0, 2), probes: MEASURED }],
    studies: [
      {
        kind: "barrier",
        ...(branching.barrier && { set: branching.barrier }),
        grid: { components: ["top", "bottom"] },
        inputs: endsOf(group),
        same: ["trunk", "split"],
        differ: ["order"],
      },
    ],
  };
}

/** Whole runs from different initialisations, as they are and with the units of the second in the order of the first's. */
function wholeRuns(branching: Branching): Parts {
  const [first, second] = endsOf(`${branching.task}-trunk`);
  const aligned: StudyInputGroup = { ...second, edit: "align:{1}@end" };
  return {
    runs: [],
    studies: [
      ...compare(branching, [first, second], [], ["seed"], true),
      ...compare(branching, [first, aligned], [], ["seed"], true),
    ],
  };
}

/** Branches on either half of the data, of a trunk that saw the first: pairs on one half, and pairs on different ones. */
function onHalves(branching: Branching, { examples, splits }: HalvesChoice): Parts {
  const { task, set, seeds, orders } = branching;
  const [trunk, group] = [`${task}-half`, `${task}-half-branch`];
  const trained = { ...set, trainingExamples: examples };
  const branch: RunGroup = {
    name: group,
    task,
    from: { group: trunk, at: splits },
    grid: { trainingPart: [0, 1] },
    orders: orders.slice(0, 2),
    probes: MEASURED,
  };
  const inputs = endsOf(group);
  return {
    runs: [{ name: trunk, task, seeds, set: trained }, branch],
    studies: [
      ...compare(branching, inputs, ["trunk", "split", "trainingPart"], ["order"], true),
      ...compare(branching, inputs, ["trunk", "split", "order"], ["trainingPart"], true),
    ],
  };
}

function endsOf(group: string): [StudyInputGroup, StudyInputGroup] {
  return [
    { group, at: "end" },
    { group, at: "end" },
  ];
}

/** The studies of every pair: barrier and agreement, and the distance of the weights if it is asked for. */
function compare(
  { barrier }: Branching,
  inputs: readonly StudyInputGroup[],
  same: readonly string[],
  differ: readonly string[],
  distances: boolean,
): StudyGroup[] {
  const pairs = { inputs, same, differ };
  return [
    { kind: "barrier", ...(barrier && { set: barrier }), ...pairs },
    { kind: "agreement", ...pairs },
    ...(distances ? [{ kind: "distance", ...pairs }] : []),
  ];
}
