import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { executeNotebook } from "spectral-lab/kernel/execute";
import { findRuns } from "spectral-lab/store/find-runs";
import { candidatesOf, finishedRuns } from "spectral-lab/paper/stored";
import { notebookProblems } from "./kernel/nbformat.js";
import { checkRun, type FindQuick, quickChecks } from "./tasks/quick-runs.js";

const root = mkdtempSync(join(tmpdir(), "spectral-notebooks-"));
after(() => rmSync(root, { recursive: true, force: true }));
const runs = join(root, "runs");
const env = {
  SPECTRAL_PROFILE: "quick",
  SPECTRAL_RUNS: runs,
  SPECTRAL_STUDIES: join(root, "studies"),
  SPECTRAL_DATA: join(root, "no data"), // the generated stand-ins, which every machine has
  SPECTRAL_BACKEND: "wasm",
  SPECTRAL_RETRAIN: "1",
  SPECTRAL_OFFLINE: "1",
};

/** Notebooks that share runs follow one another; two chains run at a time. */
const sharing = [
  ["01-singular-values.ipynb", "04-tasks.ipynb"],
  ["00-start-here.ipynb", "02-first-experiments.ipynb", "06-random-labels.ipynb", "08-open-questions.ipynb"],
];
const names = readdirSync("notebooks").filter((file) => file.endsWith(".ipynb"));
const alone = names.filter((name) => !sharing.flat().includes(name)).map((name) => [name]);

async function executes(name: string): Promise<void> {
  const { notebook, failure } = await executeNotebook(join("notebooks", name), {
    output: root,
    env,
    timeout: 1200,
  });
  assert.equal(failure, null, `${failure?.message}\n${failure?.traceback.join("\n")}`);
  assert.deepEqual(notebookProblems(notebook), []);
  for (const cell of notebook.cells) {
    if (cell.cell_type === "code") assert.ok(Number(cell.execution_count) > 0, "every cell was executed");
  }
}

describe("notebooks run from top to bottom in the quick profile", { concurrency: 2 }, () => {
  for (const chain of [...sharing, ...alone]) {
    test(chain.join(", then "), async (t) => {
      for (const name of chain) await t.test(name, () => executes(name));
    });
  }
});

describe("the runs that the notebooks trained", () => {
  const find: FindQuick = (task, setting) => {
    const [run] = candidatesOf(finishedRuns([runs], task), { task, setting });
    assert.ok(run, `no finished run of ${task.name} ${setting ?? ""}`);
    return run;
  };
  for (const [title, check] of Object.entries(quickChecks)) test(title, () => check(find));

  test("every run measured with every probe asked for, finite numbers, in less than 3 GB", () => {
    const found = findRuns(runs);
    assert.equal(new Set(found.map(({ record }) => record.task)).size, 9);
    found.forEach(checkRun);
  });
});
