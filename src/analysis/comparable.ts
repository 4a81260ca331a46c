import { ConfigError } from "../core/errors.js";
import type { Model } from "../nn/model.js";
import type { RunAtStep } from "../store/run-at-step.js";

/** @throws ConfigError unless there are two inputs, of runs of one task */
export function requireTwoOfOneTask(kind: string, inputs: readonly RunAtStep[]): void {
  const tasks = inputs.map(({ run }) => run.record.task);
  if (tasks.length === 2 && tasks[0] === tasks[1]) return;
  const found = tasks.length === 2 ? tasks.join(" and ") : tasks.length;
  throw new ConfigError(`${kind}: expected two networks of one task, found ${found}`);
}

/** @throws ConfigError if two networks differ in a matrix's name or size */
export function requireSameMatrices(kind: string, a: Model<unknown>, b: Model<unknown>): void {
  const shapes = (model: Model<unknown>): string =>
    model.matrices.map(({ name, rows, columns }) => `${name} ${rows} x ${columns}`).join(", ");
  if (shapes(a) === shapes(b)) return;
  throw new ConfigError(
    `${kind}: expected two networks with the same matrices, found ${shapes(a)}; and ${shapes(b)}`,
  );
}
