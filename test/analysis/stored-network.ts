import type { NamedArrays } from "spectral-lab/core/array";
import { float32 } from "spectral-lab/core/array";
import { randomStream } from "spectral-lab/core/random";
import type { Model } from "spectral-lab/nn/model";
import { modelOf } from "spectral-lab/analysis/model";
import { openRun, type Run } from "spectral-lab/store/run";
import { configOf, type Task } from "spectral-lab/tasks/task";
import { describeRequest } from "../store/description.js";

/**
 * A run as if it had been trained, on the data that are generated here: weights of steps 0 (the initialisation) and 10 (moved
 * at random), and nothing else.
 */
export async function storedNetwork(
  runs: string,
  task: Task,
  set: Readonly<Record<string, unknown>>,
  seed = 0,
): Promise<{ run: Run; model: Model<unknown>; weights: (step: number) => NamedArrays }> {
  const data = await task.open(configOf(task, { set }), seed, { allowDownload: false, standIn: "always" });
  const { fingerprint } = data.provenance;
  const run = openRun(runs, describeRequest({ task, set, seed }, { standIn: true, fingerprint }));
  const model = await modelOf(run.record);
  const random = randomStream(seed, "moved");
  const [parameters, buffers] = [model.init(seed), model.initBuffers(seed)];
  const initial = new Map([...parameters, ...buffers]);
  const moved = new Map([
    ...[...parameters].map(([name, { shape, data }]) => {
      const values = Float32Array.from(data as Float32Array, (x) => x + 0.1 * random.normal());
      return [name, float32(shape, values)] as const;
    }),
    ...buffers,
  ]);
  run.writeWeights(0, initial);
  run.writeWeights(10, moved);
  run.update({ status: "finished", step: 10 });
  run.close();
  return { run, model, weights: (step) => (step === 0 ? initial : moved) };
}
