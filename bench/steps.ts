/**
 * Measures training steps of the nine networks on the chosen backend (SPECTRAL_BACKEND, else the best of this machine), beside a
 * peer, and prints one JSON line for each network.
 *
 *     npm run bench:steps -- [--peer "python3 bench/pytorch.py"] [--networks vgg,lstm] [--steps 67] [--rounds 3] [--small] [--composed] [--parity 500]
 *
 * Each round makes `--steps` steps without a read, then lets the peer make as many; milliseconds and ratios are the medians of the rounds. hostMs is
 * how long the host took to hand a step over; programs are those of a recorded step with their milliseconds on the device, the longest first (each
 * alone: their sum is more than a step). --parity makes so many steps recorded and composed instead, and compares every loss and the last weights.
 *
 * A peer reads one JSON line after the other, { "network": "vgg", "steps": 67, "small": false }, and answers each with one: { "ms": 12.3, ... }, or
 * { "ms": null } where it lacks the network. Where it says how many "parameters" its network has, they must be as many as ours.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import * as tf from "@tensorflow/tfjs";
import type { Backend } from "spectral-lab/backend/backend";
import { read } from "spectral-lab/backend/read";
import { startBackend } from "spectral-lab/backend/start";
import { sizeOf } from "spectral-lab/core/array";
import { messageOf } from "spectral-lab/core/errors";
import { RecordedStepper } from "spectral-lab/train/recorded-stepper";
import type { Stepper } from "spectral-lab/train/stepper";
import { round } from "./backend/round.js";
import { stepperFor, type Workload, workloads } from "./backend/models.js";

const { values } = parseArgs({
  options: {
    peer: { type: "string" },
    networks: { type: "string" },
    steps: { type: "string", default: "67" },
    rounds: { type: "string", default: "3" },
    small: { type: "boolean", default: false },
    composed: { type: "boolean", default: false },
    parity: { type: "string" },
  },
});
const steps = Number(values.steps);
const rounds = Number(values.rounds);
/** Until programs are compiled, steps are recorded and memory is there. */
const WARM = 6;
const report = (row: object): void => void process.stdout.write(`${JSON.stringify(row)}\n`);

const backend = await startBackend();
const { name, device, description, versions } = backend;
const peer = values.peer === undefined ? undefined : startPeer(values.peer);
report({ backend: name, device, description, versions, node: process.version, peer: values.peer });
const names = values.networks?.split(",");
for (const [network, make] of Object.entries(workloads(values.small))) {
  if (names && !names.includes(network)) continue;
  try {
    const measure = values.parity === undefined ? speedOf : parityOf;
    report({ network, ...(await measure(backend, network, make())) });
  } catch (error) {
    report({ network, failure: messageOf(error) });
  }
}
peer?.end();
backend.dispose();

/** Milliseconds per step, here and of the peer, and what a step is made of. */
async function speedOf(on: Backend, network: string, workload: Workload): Promise<object> {
  const fallbacks: string[] = [];
  const stepper = stepperFor(workload, values.composed ? undefined : on.recorder, (why) =>
    fallbacks.push(why),
  );
  const take = async (count: number): Promise<{ ms: number; hostMs: number }> => {
    await on.settle();
    const begin = performance.now();
    for (let i = 0; i < count; i++) stepper.step([workload.batch], i).dispose();
    const hostMs = (performance.now() - begin) / count;
    await on.settle();
    return { ms: (performance.now() - begin) / count, hostMs };
  };
  await take(WARM);
  const parameters = [...workload.model.shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0);
  const found: { ms: number; hostMs: number; peerMs: number }[] = [];
  for (let i = 0; i < rounds; i++) {
    const own = await take(steps);
    const other = peer ? await peer.ask({ network, steps, small: values.small }) : undefined;
    if (other?.parameters !== undefined && other.parameters !== parameters)
      throw new Error(`the peer's network has ${other.parameters} parameters, ours ${parameters}`);
    found.push({ ...own, peerMs: other?.ms ?? NaN });
  }
  const recording = stepper instanceof RecordedStepper ? stepper.recording : undefined;
  const programs = recording && (await on.recorder!.timePrograms(recording));
  const dispatches = recording?.list().length;
  const { tensors, deviceBytes } = on.memory();
  const peerMs = median(found.map((row) => row.peerMs));
  dispose(stepper, workload);
  return {
    ms: round(median(found.map((row) => row.ms))),
    ...(Number.isFinite(peerMs) && {
      peerMs: round(peerMs),
      ratio: round(median(found.map((row) => row.ms / row.peerMs))),
    }),
    hostMs: round(median(found.map((row) => row.hostMs))),
    rounds: found.map((row) => round(row.ms)),
    ...(recording ? { dispatches } : { composed: fallbacks[0] ?? true }),
    ...{ tensors, deviceBytes },
    programs: programs && longestFirst(programs),
  };
}

/** Every loss and the last weights of so many steps, recorded against composed. */
async function parityOf(on: Backend, _network: string, workload: Workload): Promise<object> {
  const course = async (
    composed: boolean,
  ): Promise<{ losses: Float32Array; weights: number[][]; why: string[] }> => {
    const why: string[] = [];
    const stepper = stepperFor(workload, composed ? undefined : on.recorder, (reason) => why.push(reason));
    const losses: number[] = [];
    for (let i = 0; i < Number(values.parity); i++) {
      const loss = stepper.step([workload.batch], i);
      losses.push((await read(loss))[0]);
      loss.dispose();
    }
    const weights: number[][] = [];
    for (const tensor of stepper.state.parameters.values()) weights.push(Array.from(await read(tensor)));
    stepper.dispose();
    return { losses: Float32Array.from(losses), weights, why };
  };
  const [recorded, composed] = [await course(false), await course(true)];
  tf.dispose(workload.batch as tf.TensorContainer);
  const differing = recorded.losses.findIndex((loss, i) => !Object.is(loss, composed.losses[i]));
  return {
    steps: recorded.losses.length,
    sameLosses: differing < 0,
    ...(differing >= 0 && { firstDifferent: differing }),
    sameWeights: recorded.weights.every((w, i) => w.every((x, k) => Object.is(x, composed.weights[i][k]))),
    lastLoss: recorded.losses.at(-1),
    ...(recorded.why.length > 0 && { composed: recorded.why[0] }),
  };
}

function dispose(stepper: Stepper<never>, { batch }: Workload): void {
  stepper.dispose();
  tf.dispose(batch as tf.TensorContainer);
}

function longestFirst(programs: ReadonlyMap<string, { count: number; ms: number }>): object[] {
  return [...programs]
    .sort(([, a], [, b]) => b.ms - a.ms)
    .map(([program, { count, ms }]) => ({ program, count, ms: round(ms) }));
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

interface Answer {
  readonly ms: number | null;
  readonly parameters?: number;
}

/** A process that answers lines with lines. */
function startPeer(command: string): { ask(question: object): Promise<Answer>; end(): void } {
  const child = spawn(command, { shell: true, stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(question) {
      child.stdin.write(`${JSON.stringify(question)}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`the peer "${command}" ended without an answer`);
      return JSON.parse(value) as Answer;
    },
    end: () => child.stdin.end(),
  };
}
