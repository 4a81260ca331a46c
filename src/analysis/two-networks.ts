import { ConfigError } from "../core/errors.js";
import type { MatrixView } from "../nn/model.js";
import type { RunAtStep } from "../store/run-at-step.js";
import type { StudyContext } from "./study.js";

/** What a study of two networks of one task needs. @throws ConfigError for fewer or more inputs, or of two tasks */
export function expectTwoOfOneTask(kind: string, inputs: readonly RunAtStep[]): void {
  const tasks = inputs.map(({ run }) => run.record.task);
  if (tasks.length === 2 && tasks[0] === tasks[1]) return;
  throw new ConfigError(
    `${kind}: expected two networks of one task, found ${tasks.length === 2 ? tasks.join(" and ") : tasks.length}`,
  );
}

/** The matrices that the two inputs of a study both have. @throws ConfigError if their names or sizes differ */
export async function commonMatrices(kind: string, context: StudyContext): Promise<readonly MatrixView[]> {
  const [a, b] = [await context.model(0), await context.model(1)];
  const sizes = (matrices: readonly MatrixView[]): string =>
    matrices.map(({ name, rows, columns }) => `${name} ${rows} x ${columns}`).join(", ");
  if (sizes(a.matrices) !== sizes(b.matrices)) {
    throw new ConfigError(
      `${kind}: expected two networks with the same matrices, found ${sizes(a.matrices)}; and ${sizes(b.matrices)}`,
    );
  }
  return a.matrices;
}
