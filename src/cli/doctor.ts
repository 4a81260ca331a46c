import { existsSync } from "node:fs";
import type { RecordedCommand } from "../backend/recording.js";
import { examineBackends } from "../backend/doctor.js";
import { startBackend } from "../backend/start.js";
import { messageOf } from "../core/errors.js";
import { dataRoot } from "../data/obtain.js";
import { whereData } from "../data/manage.js";
import { PUBLIC_SETS } from "../data/sources.js";
import { describeSvdEngines } from "../linalg/engine.js";
import { resultsFolder, runsFolder } from "../store/paths.js";
import { packageVersion } from "../store/code.js";
import { taskNamed } from "../tasks/index.js";
import type { ProfileName } from "../tasks/task.js";
import { prepareRun } from "../tasks/run.js";
import { stepRecording } from "../train/step-recording.js";
import type { Given } from "./command.js";
import type { doctor } from "./declarations.js";

/** Says what this machine computes with, and what to do about each problem; or what a training step is on its device. */
export async function run({ values }: Given<typeof doctor>): Promise<number> {
  if (values.recording !== undefined) {
    const { experiment } = await prepareRun({
      task: taskNamed(values.recording),
      profile: values.profile as ProfileName,
    });
    const commands = stepRecording(experiment);
    console.log(values.json ? JSON.stringify(commands) : printRecording(commands));
    return 0;
  }
  const report = await examine();
  if (values.json) console.log(JSON.stringify(report));
  else print(report);
  return report.chosen.backend === undefined ? 1 : 0;
}

/** Programs with how often they are dispatched and what memory they touch, the most frequent first. */
function printRecording(commands: readonly RecordedCommand[]): string {
  const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(2);
  const programs = new Map<string, { count: number; bytes: number }>();
  const memory = new Map<number, number>();
  for (const { program, buffers } of commands) {
    const { count, bytes } = programs.get(program) ?? { count: 0, bytes: 0 };
    const bound = buffers.reduce((sum, { bytes }) => sum + bytes, 0);
    programs.set(program, { count: count + 1, bytes: bytes + bound });
    for (const { buffer, bytes } of buffers) memory.set(buffer, bytes);
  }
  const held = [...memory.values()].reduce((sum, bytes) => sum + bytes, 0);
  return [
    `one training step: ${commands.length} commands, ${memory.size} buffers of ${megabytes(held)} MiB together`,
    "  times   MiB bound  program",
    ...[...programs]
      .sort(([, a], [, b]) => b.count - a.count)
      .map(
        ([name, { count, bytes }]) => `${String(count).padStart(7)}${megabytes(bytes).padStart(12)}  ${name}`,
      ),
  ].join("\n");
}

type Report = Awaited<ReturnType<typeof examine>>;

async function examine() {
  const backends = await examineBackends();
  const chosen = await startBackend().then(
    ({ name, device, description }) => ({ backend: name, device, description, problem: undefined }),
    (error: unknown) => ({
      backend: undefined,
      device: undefined,
      description: "none",
      problem: messageOf(error),
    }),
  );
  const data = await Promise.all(
    Object.keys(PUBLIC_SETS).map(async (name) => ({
      name,
      present: (await whereData(name)).every(({ present }) => present),
    })),
  );
  return {
    version: packageVersion(),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    chosen,
    backends,
    svd: describeSvdEngines(),
    data: { folder: dataRoot(), sets: data },
    runs: { folder: runsFolder(), results: existsSync(resultsFolder()) },
  };
}

function print({ version, node, platform, chosen, backends, svd, data, runs }: Report): void {
  console.log(`spectral-lab ${version} on Node ${node}, ${platform}`);
  console.log(
    `computes with: ${chosen.description}${chosen.problem ? ` (${chosen.problem})` : ""}\n\nbackends`,
  );
  for (const { backend, present, device, versions, problem, advice } of backends) {
    const named = Object.entries(versions).map(([name, value]) => `${name} ${value}`);
    console.log(
      `  ${present ? "✓" : "✗"} ${backend}${device ? `: ${device}` : ""}${named.length > 0 ? ` (${named.join(", ")})` : ""}`,
    );
    if (problem) console.log(`      ${problem}`);
    if (advice) console.log(advice.replaceAll(/^/gm, "      "));
  }
  console.log("\nsingular value decomposition");
  for (const { engine, usable, description } of svd)
    console.log(`  ${usable ? "✓" : "✗"} ${engine}: ${description}`);
  console.log(`\ndata in ${data.folder}`);
  for (const { name, present } of data.sets) {
    console.log(
      `  ${present ? "✓" : "✗"} ${name}${present ? "" : ` (npx spectral data get ${name}; generated stand-ins until then)`}`,
    );
  }
  console.log(`\nruns in ${runs.folder}`);
}
