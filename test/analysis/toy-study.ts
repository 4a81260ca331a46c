import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { runAtStep, type RunAtStep } from "spectral-lab/store/run-at-step";
import {
  defineStudy,
  runStudy,
  type StudyKind,
  type StudyOptions,
  type StudyRequest,
} from "spectral-lab/analysis/study";
import { float32 } from "spectral-lab/core/array";
import { between, whole } from "spectral-lab/core/config";
import { ConfigError } from "spectral-lab/core/errors";
import { randomStream } from "spectral-lab/core/random";
import { openRun } from "spectral-lab/store/run";
import type { StudyReader } from "spectral-lab/store/study";
import { describeRun } from "../store/description.js";

// Computes a toy study under argv[2], of the runs that lie there, in parts of at least argv[3] milliseconds.

/** What became of the parts of a toy study. */
export interface Calls {
  started: string[];
  ended: string[];
}

/**
 * A study with a part per `alpha`, each of three rows and an array that depend on the inputs' weights.
 * @param before waited for inside each part
 */
export function toyStudy(
  calls: Calls = { started: [], ended: [] },
  before: (part: string, signal: AbortSignal) => Promise<unknown> = () => Promise.resolve(),
  together = 1,
): StudyKind {
  return defineStudy({
    kind: "toy",
    title: "A toy",
    reads: "weights",
    defaults: { alphas: 25, scale: 1 },
    checks: { alphas: whole(1), scale: between(0, 10) },
    together,
    needs(inputs) {
      if (inputs.length !== 2) throw new ConfigError(`toy: expected two inputs, found ${inputs.length}`);
    },
    parts: ({ parameters: { alphas } }) => Array.from({ length: alphas }, (_, i) => `alpha/${i}`),
    async compute(part, { weights, parameters: { scale }, signal }) {
      calls.started.push(part);
      await before(part, signal);
      const [a, b] = [0, 1].map((i) => weights(i).get("w")!.data as Float32Array);
      const random = randomStream(7, part);
      const mixed = a.map((x, i) => scale * (x + random.normal() * b[i]));
      calls.ended.push(part);
      return {
        rows: [...mixed].map((value, index) => ({ index, value })),
        arrays: new Map([["mixed", float32([mixed.length], mixed)]]),
      };
    },
  });
}

/** Two runs of a toy task with weights of steps 0 and 10, in the folder `runs` under `root`; the inputs of a study. */
export function toyInputs(root: string): readonly RunAtStep[] {
  const runs = `${root}/runs`;
  return [0, 1].map((seed) => {
    const run = openRun(runs, describeRun({ task: "toy", seed, config: { width: 3 } }));
    for (const step of [0, 10])
      run.writeWeights(step, new Map([["w", float32([3], Float32Array.of(1, 2 + seed, step))]]));
    run.update({ status: "finished", step: 10 });
    run.close();
    return runAtStep(`toy/${run.record.id}@end`, [runs]);
  });
}

/** Runs a study to its end. */
export async function complete(request: StudyRequest, options: StudyOptions): Promise<StudyReader> {
  const computing = runStudy(request, options);
  let next = await computing.next();
  while (!next.done) next = await computing.next();
  return next.value;
}

/** The files of a study's numbers, by name. */
export function files(folder: string): Map<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.(jsonl|safetensors)$/.test(name),
  );
  return new Map(names.sort().map((name) => [name, readFileSync(join(folder, name)).toString("base64")]));
}

if (process.argv[1].endsWith("toy-study.js")) {
  const [, , root, milliseconds] = process.argv;
  const inputs = toyInputs(root);
  process.stdout.write("ready\n");
  const kind = toyStudy(undefined, (_, signal) => setTimeout(Number(milliseconds), undefined, { signal }), 2);
  await complete({ kind, inputs }, { studies: `${root}/studies`, onWarning: () => undefined });
}
