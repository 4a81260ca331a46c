import { studyNamed } from "../analysis/index.js";
import { studyInput } from "../analysis/input.js";
import { runStudy, type StudyOptions, type StudyRequest } from "../analysis/study.js";
import { parseSetting } from "../core/config.js";
import { engineNamed } from "../linalg/engine-choice.js";
import { resultsFolder, runsFolder } from "../store/paths.js";
import type { Row } from "../store/rows.js";
import type { StudyReader } from "../store/study.js";
import { columns, type Given } from "./command.js";
import type { study } from "./declarations.js";
import { rowsOf } from "./rows.js";
import type { Stop } from "./stop.js";

/** Computes a study of stored runs, goes on with it, or shows a finished one. */
export async function run({ values, positionals }: Given<typeof study>, stop: Stop): Promise<number> {
  const [name, ...inputs] = positionals;
  const kind = studyNamed(name);
  const roots = [values.runs ?? runsFolder(), resultsFolder()];
  const request: StudyRequest = {
    kind,
    inputs: await Promise.all(inputs.map((text) => studyInput(text, roots))),
    set: Object.assign({}, ...values.set.map((text) => parseSetting(name, kind.defaults, text))),
  };
  const log = values.json ? (): void => undefined : (line: string): void => console.log(line);
  log(kind.title);
  const { studies, backend } = values;
  const options = { studies, backend, svd: engineNamed(values.svd), signal: stop.signal };
  const found = await follow(request, options, log);
  log(tableText(rowsOf(found)));
  console.log(JSON.stringify(summary(found)));
  return found.record.status === "finished" ? 0 : stop.status;
}

/** Computes, with a line every few seconds. */
async function follow(
  request: StudyRequest,
  options: StudyOptions,
  log: (line: string) => void,
): Promise<StudyReader> {
  let last = performance.now();
  const computing = runStudy(request, options);
  let next = await computing.next();
  for (; !next.done; next = await computing.next()) {
    if (performance.now() - last < 5000) continue;
    last = performance.now();
    log(`part ${next.value.done} of ${next.value.total}`);
  }
  return next.value;
}

/** Rows as columns of text: all but `part`, numbers to four digits. */
function tableText(rows: readonly Row[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => name !== "part");
  const cell = (value: Row[string] | undefined): string | number =>
    typeof value === "number" ? Number(value.toPrecision(4)) : String(value ?? "");
  return columns(
    names,
    rows.map((row) => names.map((name) => cell(row[name]))),
  );
}

function summary({ record, folder }: StudyReader): Record<string, unknown> {
  const { id, kind, status, inputs, parameters } = record;
  return {
    study: id,
    kind,
    status,
    inputs: inputs.map(
      ({ task, run, step, edit }) => `${task}/${run}@${step}${edit === undefined ? "" : `+${edit}`}`,
    ),
    ...parameters,
    folder,
  };
}
