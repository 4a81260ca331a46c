import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Config } from "spectral-lab/core/config";
import type { Row } from "spectral-lab/store/rows";
import type { RunReader } from "spectral-lab/store/stored-run";
import { type RunProgress, runTask, type RunRequest } from "spectral-lab/tasks/run";
import { configOf, type Opened, type Task } from "spectral-lab/tasks/task";
import type { Experiment } from "spectral-lab/train/experiment";

/** Trains a run to its end in a folder of its own, on WASM, where no data set lies and none can be downloaded. */
export async function trainAlone(
  t: TestContext,
  request: RunRequest,
  each: (progress: RunProgress) => void = () => undefined,
): Promise<RunReader> {
  const folder = mkdtempSync(join(tmpdir(), "spectral-task-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const training = runTask({
    backend: "wasm",
    runs: join(folder, "runs"),
    data: { root: join(folder, "data"), allowDownload: false },
    ...request,
  });
  let next = await training.next();
  for (; !next.done; next = await training.next()) each(next.value);
  assert.equal(next.value.outcome.status, "finished");
  return next.value.run;
}

/** A task's experiment on generated data, and what these are called. */
export async function built(
  task: Task,
  set: Readonly<Record<string, unknown>> = {},
  { setting, seed = 0 }: { setting?: string; seed?: number } = {},
): Promise<{ experiment: Experiment; config: Config; data: Opened["provenance"] }> {
  const config = configOf(task, { setting, set: { ...set, standIn: true } });
  const data = await task.open(config, seed);
  return { experiment: task.build(config, seed, data), config, data: data.provenance };
}

/** The value of a metric at the first and the last moment at which it was measured. */
export function firstAndLast(
  rows: readonly Row[],
  metric: string,
  split = "validation",
  variant = "full",
): [number, number] {
  const values = rows
    .filter((row) => row.metric === metric && row.split === split && row.variant === variant)
    .map((row) => Number(row.value));
  return [values[0], values[values.length - 1]];
}

/** The distinct values of a field among the rows of a probe at one step, in order. */
export function named(rows: readonly Row[], probe: string, field: string, step: number): string[] {
  const found = rows
    .filter((row) => row.probe === probe && row.step === step)
    .map((row) => String(row[field]));
  return [...new Set(found)];
}

/** Every number of every row is finite. */
export function assertFinite(rows: readonly Row[]): void {
  assert.ok(rows.length > 0);
  for (const row of rows) {
    for (const [name, value] of Object.entries(row)) {
      if (typeof value === "number") assert.ok(Number.isFinite(value), `${name} of ${JSON.stringify(row)}`);
      else assert.equal(typeof value, "string", `${name} of ${JSON.stringify(row)}`);
    }
  }
}
