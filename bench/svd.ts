/**
 * Times the SVD routes against LAPACK's sgesdd (thin, all vectors), interleaved in one process, one thread each.
 *
 *     npm run bench:svd [-- [--write] [--spectra trained,decayed] [SIZE...]]      SIZE as 512x4608, or 144x64x768: so many of them
 *
 * Prints one JSON line on the machine, then one per size, spectrum and route: median CPU milliseconds, the median of the
 * rounds' ratios to sgesdd (null without a LAPACK library), and the ratio to bench/svd-baseline.json where that was made on the same
 * kind of machine (else null). `--write` makes this run the baseline. Of many matrices, all vectors are computed through a pool of
 * one thread, together and one by one; `wallMs` is what that takes while the calling thread is held for BUSY_MS at a time, as
 * training holds it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { parseArgs } from "node:util";
import koffi from "koffi";
import { openEngine, svdSync } from "spectral-lab/linalg/engine";
import { loadLapack, prepareEnvironment, type Lapack } from "spectral-lab/linalg/lapack";
import { SvdPool } from "spectral-lab/linalg/pool";
import type { Matrix, SvdEngine, Vectors } from "spectral-lab/linalg/svd";
import { simulatedWeights, type Kind } from "../test/linalg/matrices.js";

interface Machine {
  readonly cpu: string;
  readonly node: string;
  readonly lapack: string | null;
}

interface Timing {
  readonly size: string;
  readonly spectrum: Kind;
  readonly route: string;
  readonly cpuMs: number;
  readonly wallMs?: number;
  readonly ratioToSgesdd: number | null;
  readonly ratioToPrevious: number | null;
}

const SIZES = [
  ...["64x27", "114x128", "128x384", "512x128", "1024x256", "512x512", "1024x512", "256x4608"],
  ...["512x4608", "768x768", "768x2304", "3072x768"],
  ...["144x64x768", "16x32x128"],
];
const ROUNDS = 9;
const BUSY_MS = 15;
const BASELINE = resolve("bench/svd-baseline.json");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: "boolean", default: false }, spectra: { type: "string", default: "trained" } },
});

prepareEnvironment();
const lapack = loadOrNull();
const engines: Record<string, SvdEngine> = { wasm: openEngine({ engine: "wasm" }) };
if (lapack !== null) engines.lapack = openEngine({ engine: "lapack" });
const machine: Machine = {
  cpu: cpus()[0].model,
  node: process.version,
  lapack: lapack?.description ?? null,
};
console.log(JSON.stringify({ ...machine, wasm: engines.wasm.description }));
const previous = previousTimings();
const timings: Timing[] = [];
for (const spectrum of values.spectra.split(",") as Kind[]) {
  for (const size of positionals.length > 0 ? positionals : SIZES) {
    const many = size.split("x").length === 3;
    for (const timing of many ? await compareMany(size, spectrum) : compare(size, spectrum)) {
      timings.push(timing);
      console.log(JSON.stringify(timing));
    }
  }
}
if (values.write) {
  const lines = timings.map(({ ratioToPrevious: _, ...timing }) => `    ${JSON.stringify(timing)}`);
  const head = JSON.stringify({ ...machine, date: new Date().toISOString().slice(0, 10) }).slice(1, -1);
  writeFileSync(BASELINE, `{\n  ${head},\n  "timings": [\n${lines.join(",\n")}\n  ]\n}\n`);
}

function loadOrNull(): Lapack | null {
  try {
    return loadLapack();
  } catch (error) {
    console.error(String(error));
    return null;
  }
}

/** The baseline's CPU milliseconds by size, spectrum and route; empty where it is from another kind of machine. */
function previousTimings(): ReadonlyMap<string, number> {
  const baseline = JSON.parse(readFileSync(BASELINE, "utf8")) as Machine & { timings: Timing[] };
  const major = (version: string) => version.split(".")[0];
  const same = baseline.cpu === machine.cpu && major(baseline.node) === major(machine.node);
  return new Map(same ? baseline.timings.map((timing) => [key(timing), timing.cpuMs]) : []);
}

function key({ size, spectrum, route }: Pick<Timing, "size" | "spectrum" | "route">): string {
  return `${size} ${spectrum} ${route}`;
}

/** All routes on one matrix; every round runs each of them once (small matrices: several times). */
function compare(size: string, spectrum: Kind): Timing[] {
  const [rows, columns] = size.split("x").map(Number);
  const matrix = simulatedWeights(rows, columns, spectrum);
  const routes: Record<string, () => unknown> = {};
  if (lapack !== null) routes.sgesdd = sgesdd(lapack, matrix);
  for (const [name, engine] of Object.entries(engines)) {
    for (const [label, wanted] of [
      ["values", "none"],
      ["top-100", 100],
      ["all", "all"],
    ] as [string, Vectors][]) {
      routes[`${name} ${label}`] = () => svdSync(matrix, { left: wanted, right: wanted }, engine);
    }
  }
  const repeats = Math.max(1, Math.round(2e7 / (rows * columns * Math.min(rows, columns))));
  const rounds: Record<string, number[]> = {};
  for (let round = -1; round < ROUNDS; round++) {
    for (const [route, run] of Object.entries(routes)) {
      const before = process.cpuUsage();
      for (let i = 0; i < repeats; i++) run();
      const { user, system } = process.cpuUsage(before);
      if (round >= 0) (rounds[route] ??= []).push((user + system) / 1e3 / repeats);
    }
  }
  return Object.entries(rounds).map(([route, times]) =>
    timingOf(size, spectrum, route, times, rounds.sgesdd),
  );
}

/** Many matrices of one size, through a pool: handed over together, and each when the one before is done. */
async function compareMany(size: string, spectrum: Kind): Promise<Timing[]> {
  const [count, rows, columns] = size.split("x").map(Number);
  const list = Array.from({ length: count }, (_, i) => simulatedWeights(rows, columns, spectrum, i));
  const references = lapack === null ? [] : list.map((matrix) => sgesdd(lapack, matrix));
  const all = { left: "all", right: "all" } as const;
  const pools = Object.keys(engines).map((engine) => {
    return [engine, new SvdPool({ engine: engine as "wasm" | "lapack", threads: 1 })] as const;
  });
  const rounds: Record<string, number[]> = {};
  const walls: Record<string, number[]> = {};
  const cpu = async (route: string, counted: boolean, run: () => unknown) => {
    const before = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(before);
    if (counted) (rounds[route] ??= []).push((user + system) / 1e3);
  };
  for (let round = -1; round < ROUNDS; round++) {
    if (lapack !== null) await cpu("sgesdd", round >= 0, () => references.forEach((run) => run()));
    for (const [engine, pool] of pools) {
      const ways = {
        [`${engine} together`]: () => pool.svdMany(list, all),
        [`${engine} one by one`]: async () => {
          for (const matrix of list) await pool.svd(matrix, all);
        },
      };
      for (const [route, run] of Object.entries(ways)) {
        await cpu(route, round >= 0, run);
        const wall = await whileBusy(run);
        if (round >= 0) (walls[route] ??= []).push(wall);
      }
    }
  }
  await Promise.all(pools.map(([, pool]) => pool.close()));
  return Object.entries(rounds).map(([route, times]) => {
    const timing = timingOf(size, spectrum, route, times, rounds.sgesdd);
    return route in walls ? { ...timing, wallMs: round(median(walls[route])) } : timing;
  });
}

/** Milliseconds until `run` is done, on a thread that is held for BUSY_MS at a time. */
async function whileBusy(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  let done = false;
  const result = run().then(() => (done = true));
  while (!done) {
    for (const end = performance.now() + BUSY_MS; performance.now() < end;);
    await setImmediate();
  }
  await result;
  return performance.now() - start;
}

function timingOf(
  size: string,
  spectrum: Kind,
  route: string,
  times: readonly number[],
  reference: readonly number[] | undefined,
): Timing {
  const cpuMs = round(median(times));
  const before = previous.get(key({ size, spectrum, route }));
  return {
    size,
    spectrum,
    route,
    cpuMs,
    ratioToSgesdd: reference ? round(median(times.map((time, i) => time / reference[i]))) : null,
    ratioToPrevious: before === undefined ? null : round(cpuMs / before),
  };
}

/** sgesdd at its best: a tall column-major matrix, so that it takes its QR route, and nothing transposed in its time. */
function sgesdd(library: Lapack, { data, rows, columns }: Matrix): () => void {
  const handle = koffi.load(library.path);
  const types = [...Array<string>(14).fill("void *"), "size_t"];
  const routine = (() => {
    for (const symbol of ["sgesdd$NEWLAPACK", "sgesdd_", "sgesdd", "scipy_sgesdd_"]) {
      try {
        return handle.func(symbol, "void", types);
      } catch {
        // not in this library
      }
    }
    throw new Error(`${library.path} has no sgesdd`);
  })();
  const [m, n] = [Math.max(rows, columns), Math.min(rows, columns)];
  const tall = rows > columns ? data.map((_, k) => data[(k % m) * n + Math.floor(k / m)]) : data;
  const job = Uint8Array.of("S".charCodeAt(0));
  const integer = (x: number) => Int32Array.of(x);
  return () => {
    const a = tall.slice();
    const [s, u, vt] = [n, m * n, n * n].map((length) => new Float32Array(length));
    const [integers, info] = [new Int32Array(8 * n), integer(0)];
    const call = (work: Float32Array, length: number) => {
      const outputs = [s, u, integer(m), vt, integer(n), work, integer(length), integers, info];
      routine(job, integer(m), integer(n), a, integer(m), ...outputs, 1);
    };
    const size = new Float32Array(1);
    call(size, -1);
    const length = Math.ceil(size[0] * 1.01) + 64; // the size was rounded to float32
    call(new Float32Array(length), length);
    if (info[0] !== 0) throw new Error(`sgesdd: info ${info[0]}`);
  };
}

function median(x: readonly number[]): number {
  return [...x].sort((a, b) => a - b)[Math.floor(x.length / 2)];
}

function round(x: number): number {
  return Number(x.toPrecision(3));
}
