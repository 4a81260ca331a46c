import { SpectralError } from "../core/errors.js";
import type { PreparationProgress } from "../data/dataset.js";
import { getData, verifyData, whereData } from "../data/manage.js";
import { columns, type Given, UsageError } from "./command.js";
import type { data } from "./declarations.js";

/** Gets, verifies or finds a public data set. */
export async function run({ values, positionals }: Given<typeof data>): Promise<number> {
  const [action, name] = positionals;
  if (action === "where") {
    for (const { path, present, gap } of await whereData(name, values.root)) {
      const state = present ? "present" : gap === undefined ? "absent" : `not complete: ${gap}`;
      console.log(`${path}  ${state}`);
    }
    return 0;
  }
  if (action === "verify") {
    const verdicts = await verifyData(name, values.root);
    console.log(
      columns(
        ["file", "status", "detail"],
        verdicts.map(({ path, status, detail }) => [path, status, detail]),
      ),
    );
    return verdicts.every(({ status }) => status === "ok" || status === "unverified") ? 0 : 1;
  }
  if (action === "get") {
    const there = await getData(name, { root: values.root, onProgress: report });
    there.forEach(({ path }) => console.log(path));
    if (there.every(({ present }) => present)) return 0;
    throw new SpectralError(`data set ${name} is not complete`);
  }
  throw new UsageError(`unknown action "${action}"`);
}

/** One line of progress on the standard error stream, rewritten in place on a terminal. */
export function report({ stage, done, total, etaSeconds }: PreparationProgress): void {
  const share = total === undefined ? `${done}` : `${((100 * done) / total).toFixed(0)} %`;
  const left = etaSeconds === undefined ? "" : `, ${Math.ceil(etaSeconds)} s left`;
  process.stderr.write(
    `${process.stderr.isTTY ? "\r\x1b[K" : ""}${stage}: ${share}${left}${process.stderr.isTTY ? "" : "\n"}`,
  );
}
