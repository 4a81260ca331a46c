import type { Declaration } from "./command.js";

// Options of several commands.
const runsOption = { value: "DIR", text: "folder of runs (default: SPECTRAL_RUNS, else data/runs)" } as const;
const studiesOption = {
  value: "DIR",
  text: "folder of studies (default: SPECTRAL_STUDIES, else data/studies)",
} as const;
const backend = {
  value: "B",
  text: "what computes (default: SPECTRAL_BACKEND, else the first that starts)",
} as const;
const svd = {
  value: "ENGINE",
  text: "what decomposes matrices: lapack or wasm (default: as begun, else the first usable)",
} as const;
const lastLine = { text: "prints the last line only" };

// Exit statuses of commands that end in order where they are asked to.
const stopped = {
  129: "the same, by SIGHUP: its terminal was closed",
  141: "the same, because nobody reads the output any more",
  143: "the same, by SIGTERM",
} as const;

export const tasks = {
  name: "tasks",
  summary: "the experiments of the paper, their profiles and settings",
  positionals: {},
  options: { json: { text: "one JSON array, with every default" } },
  example: "tasks",
} as const satisfies Declaration;

export const train = {
  name: "train",
  summary: "trains a task or goes on with it; the last line is one JSON object",
  positionals: { TASK: "name of a task, as `spectral tasks` lists them" },
  options: {
    profile: { value: "P", text: "quick, lab or paper", default: "quick" },
    setting: { value: "S", text: "one of the profile's settings (default: its own values)" },
    seed: { value: "N", text: "of the initialisation, a whole number (default: 0, or the trunk's)" },
    order: { value: "N", text: "of the order of examples (default: the seed, or the trunk's)" },
    from: { value: "RUN@STEP", text: "a branch: starts from weights that this run, its trunk, kept" },
    edit: { value: "EDIT", text: "done to them first: magnitude:0.05, random:0.05, perturb:0.25, ..." },
    "fresh-moments": { text: "a branch: the optimiser begins with fresh moments, not with the trunk's" },
    set: { value: "KEY=VALUE", text: "a field of the task's configuration", multiple: true },
    backend,
    svd,
    runs: runsOption,
    "checkpoint-seconds": {
      value: "T",
      text: "least seconds between checkpoints (default: 20; at most 3 % of the time)",
    },
    keep: { value: "M,M...", text: "keeps the weights at these moments too: 0, 500it, 2ep, 20%, end" },
    probes: { value: "P,P...", text: "measures only with these probes (default: all of the task's)" },
    vectors: {
      value: "K",
      text: "keeps the K leading singular vectors of each matrix wherever spectra are measured",
    },
    retrain: { text: "trains a finished run again; the old one is moved aside" },
    json: lastLine,
  },
  statuses: {
    0: "the run is finished",
    130: "interrupted, with a checkpoint: the same command goes on",
    ...stopped,
  },
  stoppable: true,
  example: "train mnist-mlp --setting decay --set epochs=4",
} as const satisfies Declaration;

export const study = {
  name: "study",
  summary: "compares the weights of stored runs; the last line is one JSON object",
  positionals: {
    KIND: "what to compute, such as agreement (another word is answered with the list)",
    "RUN@STEP...":
      'a run (the beginning of its id, task/id, or a folder) at a step, or its "end"; +EDIT edits it',
  },
  options: {
    set: { value: "KEY=VALUE", text: "a parameter of the kind of study", multiple: true },
    backend,
    svd,
    runs: runsOption,
    studies: studiesOption,
    json: lastLine,
  },
  statuses: { 0: "the study is finished", 130: "interrupted: the same command goes on", ...stopped },
  stoppable: true,
  example: "study agreement 320342d6aa20@0 320342d6aa20@end",
} as const satisfies Declaration;

export const sweep = {
  name: "sweep",
  summary: "trains and compares all members of a plan; finished ones are reused",
  positionals: {
    "PLAN...": "a JSON file, figure6, figure11, ..., figures (all), connectivity, decay-arms or universality",
  },
  options: {
    "dry-run": { text: "prints members, what will be kept and how long it takes, and trains nothing" },
    engine: {
      value: "E",
      text: "local: processes of this machine; slurm: job arrays by sbatch",
      default: "local",
    },
    jobs: { value: "N", text: "members at the same time (default: 1; with slurm no limit)" },
    slurm: {
      value: "OPTIONS",
      text: 'of sbatch: --slurm "--partition=gpu --gres=gpu:1 --time=4:00:00"',
      dashed: true,
    },
    profile: { value: "P", text: "quick, lab or paper: in place of the plan's own" },
    backend: { value: "B", text: "what computes (default: SPECTRAL_BACKEND, else the first that starts)" },
    svd,
    runs: runsOption,
    studies: { value: "DIR", text: "folder of studies (default: SPECTRAL_STUDIES, else data/studies)" },
    json: { text: "prints the last line only, a JSON object" },
  },
  statuses: {
    0: "all members are finished; with slurm: or queued",
    1: "failed, or some member failed or waits for one that did: all others are finished",
    130: "interrupted, every member with a checkpoint: the same command goes on",
    ...stopped,
  },
  stoppable: true,
  example: "sweep figure11 --profile quick --dry-run",
} as const satisfies Declaration;

export const spectra = {
  name: "spectra",
  summary:
    "ranks, singular values and fits of every matrix in files of weights, of one model or along its training",
  positionals: {
    "FILE...":
      "safetensors, a PyTorch checkpoint (.pt, .pth, .bin), an index.json of shards, or their folder",
  },
  options: {
    "over-steps": {
      text: "FILEs (or all in one folder) are steps of one training, by the numbers in their names",
    },
    output: { value: "DIR", text: "draws figures over steps there, as SVG, PNG and CSV" },
    stack: {
      text: "reads tensors of three sizes or more as stacks of matrices (default: not filters)",
    },
    flatten: { text: "reads them all as filters: first size x all the others" },
    integers: { text: "decomposes integers too (default: left out, as codes, indices or masks)" },
    json: { text: "a JSON object per line: of each matrix, of each tensor left out, of all at the end" },
  },
  statuses: { 1: "failed, or some matrix has no spectrum or some file is missing: all else is printed" },
  example: "spectra model.safetensors",
} as const satisfies Declaration;

export const figures = {
  name: "figures",
  summary:
    "draws the paper's figures from finished runs and studies (SVG, PNG, CSV), and says what becomes of its claims",
  positionals: { "[N...]": "numbers of figures (default: all of them)" },
  options: {
    profile: {
      value: "P",
      text: "quick, lab or paper (default: SPECTRAL_PROFILE; else lab, of a plan the largest stored whole)",
    },
    runs: runsOption,
    studies: studiesOption,
    output: { value: "DIR", text: "where the files go (default: figures)" },
  },
  example: "figures 2 --profile quick",
} as const satisfies Declaration;

export const data = {
  name: "data",
  summary: "downloads a data set, checks it against its checksums, or says where it lies",
  positionals: {
    "get|verify|where": "what to do with it",
    NAME: "mnist, cifar10, librispeech, wikitext103 or gpt-neox-20b",
  },
  options: { root: { value: "DIR", text: "folder of data sets (default: SPECTRAL_DATA, else data)" } },
  statuses: { 1: "failed, or verify found a file that is missing or damaged" },
  example: "data get mnist",
} as const satisfies Declaration;

export const runs = {
  name: "runs",
  summary: "reads every byte of a stored run and compares it with its record, or sets a damaged one aside",
  positionals: {
    "check|set-aside": "what to do: set-aside renames the folder to <id>.damaged-<n>, and loses nothing",
    "FOLDER...": "folders of runs or studies: data/runs/<task>/<id>",
  },
  options: {},
  statuses: { 1: "failed, or check found one that is damaged" },
  example: "runs check data/runs/mnist-mlp/320342d6aa20",
} as const satisfies Declaration;

export const unlock = {
  name: "unlock",
  summary: "says who holds a run, and breaks the lock if that process is gone",
  positionals: { "RUN_FOLDER|LOCK_FILE": "a folder of data/runs, or any lock file" },
  options: { force: { text: "breaks it in any case" } },
  statuses: { 1: "its holder is alive, or nobody can tell yet" },
  example: "unlock data/runs/mnist-mlp/320342d6aa20",
} as const satisfies Declaration;

export const doctor = {
  name: "doctor",
  summary: "backend, device and versions of this machine, and what to do about each problem",
  positionals: {},
  options: {
    recording: {
      value: "TASK",
      text: "instead: programs, dispatches and bytes of one training step",
    },
    profile: { value: "P", text: "of that task: quick, lab or paper", default: "quick" },
    json: { text: "the same as one JSON object" },
  },
  statuses: { 1: "failed, or nothing computes here" },
  example: "doctor --recording modular-addition",
} as const satisfies Declaration;
