/**
 * How many more training steps several processes make on one device than one does, and prints one JSON line for each network.
 *
 *     node build/bench/processes.js [--networks "modular addition,mlp-labels"] [--processes 4] [--seconds 5] [--small]
 *
 * All processes warm up first and then make steps for the same seconds, three times one alone and all together in turn; `times` is
 * the median of the ratios of steps.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { startBackend } from "spectral-lab/backend/start";
import { stepperFor, workloads } from "./backend/models.js";
import { round } from "./backend/round.js";

const { values } = parseArgs({
  options: {
    networks: { type: "string", default: "modular addition,mlp-labels" },
    processes: { type: "string", default: "4" },
    seconds: { type: "string", default: "5" },
    small: { type: "boolean", default: false },
    child: { type: "string" },
  },
});
const ROUNDS = 3;
const WARM = 6;
/** Steps between two looks at the clock, with the device settled. */
const TOGETHER = 50;

if (values.child === undefined) await parent();
else await child(values.child);

async function parent(): Promise<void> {
  for (const network of values.networks.split(",")) {
    const args = ["--child", network, "--seconds", values.seconds, ...(values.small ? ["--small"] : [])];
    const children = Array.from({ length: Number(values.processes) }, () => fork(process.argv[1], args));
    await Promise.all(children.map((each) => once(each, "message"))); // ready
    const rounds: { alone: number; together: number }[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      const [alone] = await stepsOf(children.slice(0, 1));
      const together = (await stepsOf(children)).reduce((sum, steps) => sum + steps, 0);
      rounds.push({ alone, together });
    }
    const ratios = rounds.map(({ alone, together }) => together / alone).sort((a, b) => a - b);
    const row = { network, processes: children.length, seconds: Number(values.seconds), rounds };
    process.stdout.write(`${JSON.stringify({ ...row, times: round(ratios[(ROUNDS - 1) / 2]) })}\n`);
    for (const each of children) each.kill();
  }
}

/** Lets processes make steps side by side; how many each made. */
async function stepsOf(children: readonly ChildProcess[]): Promise<number[]> {
  const counts = children.map(async (each) => Number((await once(each, "message"))[0]));
  for (const each of children) each.send("go");
  return Promise.all(counts);
}

async function child(network: string): Promise<void> {
  const backend = await startBackend();
  const { [network]: make } = workloads(values.small);
  const workload = make();
  const stepper = stepperFor(workload, backend.recorder);
  let step = 0;
  const advance = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) stepper.step([workload.batch], step++).dispose();
    await backend.settle();
  };
  await advance(WARM);
  process.on("message", () => {
    void (async () => {
      const [begin, first] = [performance.now(), step];
      while (performance.now() - begin < 1000 * Number(values.seconds)) await advance(TOGETHER);
      process.send!(((step - first) / (performance.now() - begin)) * 1000 * Number(values.seconds));
    })();
  });
  process.send!("ready");
}
