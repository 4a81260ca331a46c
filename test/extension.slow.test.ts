import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { before, describe, test } from "node:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";

/**
 * docs/architecture.md promises that a task on known data, a probe, an analysis and a figure each touch two source files: a
 * new one, and the list that it is added to. Here that is done to a copy of the sources, which is compiled and used.
 */

/** What a newcomer writes. */
const NEW: Readonly<Record<string, string>> = {
  "tasks/toy-task.ts": `
import { whole } from "../core/config.js";
import { at, every } from "../core/time.js";
import { type ImageData, withTrainingImages } from "../data/images.js";
import { openMnist } from "../data/mnist.js";
import type { ImageTensors } from "../models/classification.js";
import { mlp } from "../models/mlp.js";
import { adamw } from "../optim/adamw.js";
import { asTensors, type Examples } from "../train/examples.js";
import type { Experiment } from "../train/experiment.js";
import { standardProbes } from "./probes.js";
import { defineTask, standInOf } from "./task.js";

type ToyConfig = { readonly hidden: number; readonly epochs: number; readonly standIn: boolean };
const profile = { summary: "a toy: a second", config: {}, settings: {} };

export const toyTask = defineTask({
  name: "toy-task",
  title: "A toy",
  section: "none",
  dataSet: "mnist",
  defaults: { hidden: 8, epochs: 2, standIn: false },
  checks: { hidden: whole(1), epochs: whole(1) },
  measuring: ["standIn"],
  profiles: { quick: profile, lab: profile, paper: profile },
  open: async (config: ToyConfig, _seed, options) =>
    withTrainingImages(await openMnist(standInOf(config, options)), 100),
  build({ hidden, epochs }: ToyConfig, _seed, data: ImageData): Experiment {
    const training = asTensors(data.training) as Examples<ImageTensors>;
    const experiment: Experiment<ImageTensors> = {
      model: mlp({ inputs: 28 * 28, hidden, layers: 3 }),
      optimiser: adamw({ learningRate: 1e-3 }),
      training,
      evaluations: { train: { examples: training, batchSize: 50 } },
      batching: { batchSize: 50 },
      length: \`\${epochs}ep\`,
      probes: standardProbes(every("1ep")),
      checkpoints: at("0"),
    };
    return experiment as Experiment;
  },
});
`,
  "probes/toy-probe.ts": `
import type { When } from "../core/time.js";
import type { Probe } from "../train/measure.js";

/** The sum of singular values of every matrix. */
export function toyProbe(when: When): Probe {
  return {
    name: "toy",
    when,
    needs: ({ matrices }) => matrices.map(({ name }) => ({ matrix: name, left: "none", right: "none" })),
    async measure({ model, svd }) {
      const rows = model.matrices.map(async ({ name }) => {
        const { s } = await svd({ matrix: name });
        return { matrix: name, nuclear: s.reduce((sum, value) => sum + value, 0) };
      });
      return { rows: await Promise.all(rows) };
    },
  };
}
`,
  "analysis/toy-analysis.ts": `
import { defineStudy } from "./study.js";

/** The distance of two networks, parameter by parameter. */
export const toyAnalysis = defineStudy({
  kind: "toy-distance",
  title: "Distance of two networks",
  reads: "weights",
  defaults: { power: 2 },
  needs: () => undefined,
  parts: async ({ weights }) => [...weights(0).keys()],
  async compute(part, { weights, parameters: { power } }) {
    const [a, b] = [weights(0), weights(1)].map((of) => Array.from(of.get(part)!.data, Number));
    const sum = a.reduce((total, value, i) => total + Math.abs(value - b[i]) ** power, 0);
    return { rows: [{ parameter: part, distance: sum ** (1 / power) }] };
  },
});
`,
  "paper/figure99.ts": `
import { ranksTable } from "../analysis/tables.js";
import { rankHeatmap } from "../figures/panels.js";
import { toyTask } from "../tasks/toy-task.js";
import { drawColumns } from "./columns.js";
import { experimentsOf } from "./experiments.js";
import type { PaperFigure } from "./figure.js";

export const figure99: PaperFigure = {
  number: 99,
  title: "A toy",
  tasks: [toyTask],
  settings: [],
  draw(runs) {
    const ranks = ranksTable(runs);
    const options = { columns: experimentsOf(runs), notes: [] };
    const figure = drawColumns("Figure 99: a toy", options, () => ({ rank: rankHeatmap(ranks) }));
    return { name: "figure99", figure, tables: { ranks }, claims: [] };
  },
};
`,
};

/** The lists that it is added to, and how. */
const LISTS: Readonly<Record<string, readonly (readonly [from: RegExp, to: string])[]>> = {
  "tasks/index.ts": [
    [/^import /, 'import { toyTask } from "./toy-task.js";\nimport '],
    [/TASKS: readonly Task\[\] = \[/, "$&toyTask,"],
  ],
  "tasks/probes.ts": [
    [/^import /, 'import { toyProbe } from "../probes/toy-probe.js";\nimport '],
    [/return \[/, "$&toyProbe(measured),"],
  ],
  "analysis/index.ts": [
    [/^import /, 'import { toyAnalysis } from "./toy-analysis.js";\nimport '],
    [/STUDIES: readonly StudyKind\[\] = \[/, "$&toyAnalysis,"],
  ],
  "paper/index.ts": [
    [/import /, 'import { figure99 } from "./figure99.js";\nimport '],
    [/PAPER_FIGURES: readonly PaperFigure\[\] = \[/, "$&figure99,"],
  ],
};

const root = mkdtempSync(join(tmpdir(), "spectral-extension-"));

function ran(args: readonly string[], cwd = root): string {
  const environment = {
    ...process.env,
    SPECTRAL_DATA: join(root, "none"),
    SPECTRAL_OFFLINE: "1",
    SPECTRAL_BACKEND: "wasm",
  };
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd,
    encoding: "utf8",
    env: environment,
  });
  assert.equal(status, 0, stdout + stderr);
  return stdout;
}

const spectral = (...args: string[]): string => ran(["dist/cli/main.js", ...args]);
const lastJson = (text: string): Record<string, unknown> =>
  JSON.parse(text.trim().split("\n").at(-1)!) as Record<string, unknown>;

before(() => {
  for (const name of ["src", "package.json", "tsconfig.json"])
    cpSync(name, join(root, name), { recursive: true });
  symlinkSync(resolve("node_modules"), join(root, "node_modules"), "dir");
  for (const [name, text] of Object.entries(NEW)) writeFileSync(join(root, "src", name), text);
  for (const [name, edits] of Object.entries(LISTS)) {
    const path = join(root, "src", name);
    let text = readFileSync(path, "utf8");
    for (const [from, to] of edits) {
      assert.match(text, from, name);
      text = text.replace(from, to);
    }
    writeFileSync(path, text);
  }
  ran(["node_modules/typescript/bin/tsc", "-p", "tsconfig.json"]);
  const kernels = readdirSync("dist", { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".wasm"),
  );
  for (const name of kernels) {
    mkdirSync(dirname(join(root, "dist", name)), { recursive: true });
    cpSync(join("dist", name), join(root, "dist", name));
  }
});

describe("two source files each", () => {
  let run: Record<string, unknown>;

  test("a task is listed and trains on known data", () => {
    assert.match(spectral("tasks"), /^toy-task: A toy/m);
    run = lastJson(spectral("train", "toy-task"));
    assert.equal(run.status, "finished");
  });

  test("a probe measures in every task, and shares its decompositions", () => {
    const text = readFileSync(join(String(run.folder), "rows.jsonl"), "utf8");
    const rows = text.trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>); // prettier-ignore
    const toys = rows.filter(({ probe }) => probe === "toy");
    assert.equal(toys.length, 3 * 3); // matrices, moments
    for (const { step, matrix, nuclear } of toys) {
      const spectrum = rows.find(
        (row) => row.probe === "spectra" && row.step === step && row.matrix === matrix,
      )!;
      assert.ok(Number(nuclear) >= Number(spectrum.frobenius), "the nuclear norm is the larger one");
    }
  });

  test("an analysis is a command", () => {
    const found = lastJson(spectral("study", "toy-distance", `${run.run}@0`, `${run.run}@end`));
    assert.equal(found.status, "finished");
    const rows = readFileSync(join(String(found.folder), "rows.jsonl"), "utf8")
      .trim()
      .split("\n");
    assert.equal(rows.length, 6); // three weights, three biases
    for (const row of rows) assert.ok((JSON.parse(row) as { distance: number }).distance > 0);
  });

  test("a figure is drawn by its number", () => {
    assert.match(spectral("figures", "99", "--profile", "quick"), /figure 99: A toy\n.*figure99\.svg/);
  });

  test("no other file was touched", () => {
    const touched = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter(
      (name) => name.endsWith(".ts") && !isUnchanged(name),
    );
    assert.deepEqual(touched.sort(), [...Object.keys(NEW), ...Object.keys(LISTS)].sort());
    rmSync(root, { recursive: true, force: true });
  });
});

function isUnchanged(name: string): boolean {
  try {
    return readFileSync(join("src", name), "utf8") === readFileSync(join(root, "src", name), "utf8");
  } catch {
    return false; // new
  }
}
