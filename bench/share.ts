/**
 * What share of a run's time its steps are: trains a task twice, without probes and with all of them, and prints one JSON line for each task.
 *
 *     node build/bench/share.js [--tasks vgg,unet] [--profile lab] [--length 500it] [--probes spectra,metrics]
 *
 * `stepsShare` is the first time over the second. Runs lie in a temporary folder, which is removed.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { messageOf } from "spectral-lab/core/errors";
import { at } from "spectral-lab/core/time";
import { type PreparedRun, prepareRun, runPrepared } from "spectral-lab/tasks/run";
import { taskNamed } from "spectral-lab/tasks/index";
import { configOf, type ProfileName } from "spectral-lab/tasks/task";
import { round } from "./backend/round.js";

const { values } = parseArgs({
  options: {
    tasks: { type: "string", default: "vgg,unet,transformer,modular-addition,mnist-mlp,lstm" },
    profile: { type: "string", default: "lab" },
    length: { type: "string" },
    probes: { type: "string" },
  },
});

/** Seconds that a run takes, and its steps. */
async function timed(prepared: PreparedRun, runs: string): Promise<{ seconds: number; steps: number }> {
  const begin = performance.now();
  const training = runPrepared({ ...prepared, request: { ...prepared.request, runs } });
  let next = await training.next();
  while (!next.done) next = await training.next();
  return { seconds: (performance.now() - begin) / 1000, steps: next.value.outcome.step };
}

for (const name of values.tasks.split(",")) {
  const root = mkdtempSync(join(tmpdir(), "spectral-share-"));
  try {
    const task = taskNamed(name);
    const profile = values.profile as ProfileName;
    const prepared = await prepareRun({ task, profile, probes: values.probes?.split(",") });
    const experiment = values.length
      ? { ...prepared.experiment, length: values.length }
      : prepared.experiment;
    const [alone, whole] = [{ ...experiment, probes: [], checkpoints: at("end") }, experiment];
    await timed({ ...prepared, experiment: { ...alone, length: "20it" } }, join(root, "warm"));
    const steps = await timed({ ...prepared, experiment: alone }, join(root, "alone"));
    const all = await timed({ ...prepared, experiment: whole }, join(root, "whole"));
    const { data } = prepared.description;
    process.stdout.write(
      `${JSON.stringify({
        task: name,
        profile,
        device: prepared.backend.device,
        data: data.standIn ? "stand-in" : data.name,
        fields: configOf(task, { profile }),
        steps: all.steps,
        alone: round(steps.seconds),
        whole: round(all.seconds),
        stepsShare: round(steps.seconds / all.seconds),
        msPerStep: round((1000 * steps.seconds) / steps.steps),
      })}\n`,
    );
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ task: name, failure: messageOf(error) })}\n`);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
process.exit(0); // what a backend keeps alive is not waited for
