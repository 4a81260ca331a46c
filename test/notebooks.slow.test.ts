import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { executeNotebook } from "spectral-lab/kernel/execute";
import { errorFallsWithRank, neitherWithoutDecay } from "spectral-lab/figures/claims";
import { metricsTable, ranksTable } from "spectral-lab/analysis/tables";
import { findRuns } from "spectral-lab/store/find-runs";
import { notebookProblems } from "./kernel/nbformat.js";

const root = mkdtempSync(join(tmpdir(), "spectral-notebooks-"));
after(() => rmSync(root, { recursive: true, force: true }));
const env = {
  SPECTRAL_PROFILE: "quick",
  SPECTRAL_RUNS: join(root, "runs"),
  SPECTRAL_RETRAIN: "1",
  SPECTRAL_OFFLINE: "1",
};

for (const name of readdirSync("notebooks").filter((file) => file.endsWith(".ipynb"))) {
  test(`${name} runs from top to bottom in the quick profile`, async () => {
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
  });
}

test("the quick profile groks, its twin without decay does not, and the claims of figure 2 say so", () => {
  const runs = findRuns(env.SPECTRAL_RUNS, { task: "modular-addition" }).map((run) => ({
    label: run.record.config.weightDecay === 0 ? "no-decay" : "decay",
    run,
  }));
  const [decay, twin] = ["decay", "no-decay"].map((label) =>
    runs.find((candidate) => candidate.label === label)!,
  );
  const errors = (split: string, of: typeof decay): { step: number; value: number }[] =>
    of.run
      .rows()
      .filter((row) => row.probe === "metrics" && row.metric === "error" && row.split === split)
      .map((row) => ({ step: Number(row.step), value: Number(row.value) }));
  const memorised = errors("train", decay).find(({ value }) => value === 0)!.step;
  const validation = errors("validation", decay);
  const grokked = validation.find(({ value }) => value < 0.05)?.step ?? NaN;
  const waiting = validation.filter(({ step, value }) => step >= 1.25 * memorised && value > 0.5);
  assert.ok(waiting.length > 0, "long after training error reached 0, validation error is above 50 %");
  assert.ok(
    grokked > 1.75 * memorised,
    `and later below 5 %: memorised at ${memorised}, grokked at ${grokked}`,
  );
  assert.ok(validation.at(-1)!.value < 0.05, "where it stays");
  assert.ok(errors("validation", twin).at(-1)!.value > 0.5, "without decay it stays above 50 %");
  const chosen = [decay, twin];
  const tables = { metrics: metricsTable(chosen), ranks: ranksTable(chosen) };
  assert.equal(errorFallsWithRank(tables, "decay").verdict, "agrees");
  assert.equal(neitherWithoutDecay(tables, "decay", "no-decay").verdict, "agrees");
});
