import { existsSync } from "node:fs";
import { examineBackends } from "../backend/doctor.js";
import { startBackend } from "../backend/start.js";
import { messageOf } from "../core/errors.js";
import { dataRoot } from "../data/obtain.js";
import { whereData } from "../data/manage.js";
import { PUBLIC_SETS } from "../data/sources.js";
import { describeSvdEngines } from "../linalg/engine.js";
import { resultsFolder, runsFolder } from "../store/paths.js";
import { packageVersion } from "../store/code.js";
import type { Given } from "./command.js";
import type { doctor } from "./declarations.js";

/** Says what this machine computes with, and what to do about each problem. */
export async function run({ values }: Given<typeof doctor>): Promise<number> {
  const report = await examine();
  if (values.json) console.log(JSON.stringify(report));
  else print(report);
  return report.chosen.backend === undefined ? 1 : 0;
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
