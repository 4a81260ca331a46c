import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { getEventListeners } from "node:events";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { buildSync } from "esbuild";
import { SpectralError, SpectrumError } from "spectral-lab/core/errors";
import { svdSync } from "spectral-lab/linalg/engine";
import { SvdPool } from "spectral-lab/linalg/pool";
import { longestPause, threadClock } from "./event-loop.js";
import { filled, simulatedWeights } from "./matrices.js";

const WASM = { engine: "wasm" } as const;

test("results equal those of the calling thread, in the order of the list", async () => {
  const pool = new SvdPool({ ...WASM, threads: 2 });
  const list = [5, 40, 12, 33, 1].map((n) => simulatedWeights(n + 3, n, "trained"));
  const options = { left: 3, right: "all" } as const;
  const results = await pool.svdMany(list, options);
  results.forEach((svd, i) => assert.deepEqual(svd, svdSync(list[i], options)));
  assert.match(await pool.description, /^WebAssembly \((relaxed|plain) SIMD\), 2 threads$/);
  await pool.close();
});

test("options of an entry go before those of the list", async () => {
  const pool = new SvdPool(WASM);
  const [a, b] = await pool.svdMany([{ ...filled(3, 2, (i) => i), left: 1 }, filled(3, 2, (i) => i)], {
    left: 2,
  });
  assert.deepEqual([a.leftCount, b.leftCount], [1, 2]);
  await pool.close();
});

test("the input stays with the caller, unless it is transferred; shared memory is not copied", async () => {
  const pool = new SvdPool(WASM);
  const matrix = simulatedWeights(30, 20, "init");
  const expected = svdSync(matrix);
  assert.deepEqual(await pool.svd(matrix), expected);
  assert.equal(matrix.data.length, 600);

  const shared = { ...matrix, data: new Float32Array(new SharedArrayBuffer(2400)) };
  shared.data.set(matrix.data);
  assert.deepEqual(await pool.svd(shared), expected);
  assert.deepEqual(shared.data, matrix.data);

  const part = { ...matrix, data: new Float32Array([9, ...matrix.data, 9]).subarray(1, 601) };
  assert.deepEqual(await pool.svd(part), expected);

  assert.deepEqual(await pool.svd(matrix, { transfer: true }), expected);
  assert.equal(matrix.data.length, 0);
  await pool.close();
});

test("bad matrices reject with their name, and the pool goes on", async () => {
  const pool = new SvdPool({ ...WASM, threads: 1 });
  const bad = filled(3, 3, (i) => (i === 4 ? NaN : i));
  await assert.rejects(pool.svd(bad, { name: "fc1.weight (step 7)" }), (error) => {
    return (
      error instanceof SpectrumError &&
      /"fc1.weight \(step 7\)" holds NaN at index 4 \(row 1, column 1/.test(error.message)
    );
  });
  await assert.rejects(pool.svd({ ...bad, rows: 4 }), /4 x 3 = 12 numbers, found 9/);
  assert.equal((await pool.svd(filled(2, 2, (i) => i))).s.length, 2);
  await pool.close();
});

test("an aborted request rejects with an AbortError, waiting or not; the others are computed", async () => {
  const pool = new SvdPool({ ...WASM, threads: 1 });
  const controller = new AbortController();
  const { signal } = controller;
  const running = pool.svd(simulatedWeights(150, 150, "init"), { signal, left: "all" });
  const waiting = pool.svd(simulatedWeights(20, 20, "init"), { signal });
  const other = pool.svd(simulatedWeights(10, 10, "init"));
  controller.abort();
  await assert.rejects(running, { name: "AbortError" });
  await assert.rejects(waiting, { name: "AbortError" });
  assert.equal((await other).s.length, 10);
  await assert.rejects(pool.svd(simulatedWeights(20, 20, "init"), { signal }), { name: "AbortError" });
  await pool.close();
});

test("a signal that outlives its requests keeps nothing of them", async () => {
  const pool = new SvdPool(WASM);
  const { signal } = new AbortController();
  await pool.svdMany(
    [1, 2, 3].map((n) => filled(n, n, (i) => i)),
    { signal },
  );
  await assert.rejects(
    pool.svd(
      filled(1, 1, () => NaN),
      { signal },
    ),
    SpectrumError,
  );
  assert.equal(getEventListeners(signal, "abort").length, 0);
  await pool.close();
});

/** Runs `body` with a pool of one thread whose worker receives what `change`, JavaScript, makes of `tasks`. */
async function withChangedWorker(change: string, body: (pool: SvdPool) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "svd-"));
  try {
    for (const file of ["svd.wasm", "svd-relaxed.wasm"])
      copyFileSync(resolve("dist/linalg", file), join(directory, file));
    const original = JSON.stringify(pathToFileURL(resolve("dist/linalg/worker.js")).href);
    writeFileSync(
      join(directory, "worker.js"),
      `const { parentPort } = require("node:worker_threads");
       const on = parentPort.on.bind(parentPort);
       parentPort.on = (event, serve) => on(event, (tasks) => serve(${change}));
       import(${original});`,
    );
    const pool = new SvdPool({ ...WASM, threads: 1, directory });
    await body(pool);
    await pool.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test("a worker that dies takes only its own request with it, also of those that travel together", async () => {
  const square = (n: number) => filled(n, n, (i) => i);
  await withChangedWorker("tasks[0].matrix.rows === 13 ? process.exit(3) : tasks", async (pool) => {
    const [first, lost, given, ...kept] = await Promise.allSettled([
      pool.svd(square(20)), // on its way at once; the others wait, and travel together, the largest first
      pool.svd(square(13), { name: "unlucky" }),
      pool.svd(square(6), { name: "given away", transfer: true }),
      pool.svd(square(5)),
      pool.svd(square(7)),
    ]);
    assert.equal(first.status, "fulfilled");
    assert.equal(lost.status, "rejected");
    assert.match(String(lost.reason), /SpectralError: svd: "unlucky": the worker thread died: exit code 3/);
    assert.equal(given.status, "rejected");
    assert.match(String(given.reason), /"given away": the worker thread died/);
    const rows = kept.map((result) => (result.status === "fulfilled" ? result.value.rows : result.reason));
    assert.deepEqual(rows, [5, 7]);
  });
});

test("small matrices that wait together travel together", async () => {
  const told =
    "tasks.map((task) => ({ ...task, request: { ...task.request, name: `one of ${tasks.length}` } }))";
  await withChangedWorker(told, async (pool) => {
    const bad = (rows: number, columns: number) => pool.svd(filled(rows, columns, () => NaN));
    const requests = [bad(4, 4), bad(3000, 200), bad(3, 3), bad(2, 2), bad(1, 1)];
    const messages = (await Promise.allSettled(requests)).map((result) =>
      result.status === "rejected" ? String(result.reason) : "",
    );
    // The first one went at once; the large one is more than travels together.
    messages.forEach((message, i) => assert.match(message, i < 2 ? /"one of 1"/ : /"one of 3"/));
  });
});

test("a closed pool rejects what waits and what comes", async () => {
  const pool = new SvdPool({ ...WASM, threads: 1 });
  const requests = [1, 2, 3].map(() => pool.svd(simulatedWeights(90, 90, "init")));
  const settled = Promise.allSettled(requests);
  await pool.close();
  for (const result of await settled) {
    assert.equal(result.status, "rejected");
    assert.match(String(result.reason), /closed before this matrix was computed/);
  }
  await assert.rejects(pool.svd(filled(1, 1, () => 1)), /the pool is closed/);
});

test("a process that awaits the close of a pool with requests under way goes on after it", () => {
  // Answers pile up while the thread is busy and arrive after the workers were told to end.
  const program = `
    import { SvdPool } from "spectral-lab/linalg/pool";
    const data = Float32Array.from({ length: 400 }, (_, i) => Math.sin(i * i));
    const matrix = { data, rows: 20, columns: 20 };
    for (let i = 0; i < 40; i++) {
      const pool = new SvdPool({ engine: "wasm", threads: 2 });
      const requests = Promise.allSettled(Array.from({ length: 10 }, () => pool.svd(matrix, { left: "all" })));
      await pool.svd(matrix);
      for (const end = performance.now() + (i % 5); performance.now() < end; );
      await pool.close();
      await requests;
    }
    for (let i = 0; i < 10; i++) {
      const pool = new SvdPool({ engine: "wasm", threads: 2 }); // closed before, or while its thread starts
      for (const end = performance.now() + 8 * i; performance.now() < end; );
      await Promise.all([pool.close(), pool.close()]);
    }
    console.log("went on");`;
  const output = execFileSync(process.execPath, ["--input-type=module", "--eval", program], {
    timeout: 60_000,
  });
  assert.equal(output.toString(), "went on\n");
});

test("options that make no sense are errors", () => {
  assert.throws(() => new SvdPool({ threads: 0 }), /threads must be an integer >= 1, found 0/);
  const missing = () => new SvdPool({ directory: "/no/such/folder" });
  assert.throws(
    missing,
    (e) => e instanceof SpectralError && /expected svd.wasm in \/no\/such\/folder/.test(e.message),
  );
});

test("an engine that cannot be had rejects the requests with the reason", async () => {
  const pool = new SvdPool({ engine: "lapack", library: "none" });
  await assert.rejects(pool.svd(filled(2, 2, (i) => i)), /the worker thread died: LAPACK: switched off/);
  assert.match(await pool.description, /^none \(LAPACK: switched off/);
  await pool.close();
});

test("a process with an idle pool ends by itself, one with work ends after it", () => {
  const program = `
    import { SvdPool } from "spectral-lab/linalg/pool";
    const pool = new SvdPool({ engine: "wasm" });
    const { s } = await pool.svd({ data: Float32Array.of(3, 0, 0, 4), rows: 2, columns: 2 });
    console.log(s.join());
    pool.svd({ data: Float32Array.of(5), rows: 1, columns: 1 }).then(({ s }) => console.log(s[0]));`;
  const output = execFileSync(process.execPath, ["--input-type=module", "--eval", program], {
    timeout: 20_000,
  });
  assert.equal(output.toString(), "4,3\n5\n");
});

test("works from a single bundle, by SPECTRAL_SVD_DIR", () => {
  const directory = mkdtempSync(join(tmpdir(), "svd-"));
  try {
    const bundle = join(directory, "bundle.cjs");
    const contents = `
      import { SvdPool } from "spectral-lab/linalg/pool";
      const matrix = { data: Float32Array.of(3, 0, 0, 4), rows: 2, columns: 2 };
      try { new SvdPool(); } catch (error) { console.log(error.message); }
      process.env.SPECTRAL_SVD_DIR = ${JSON.stringify(resolve("dist/linalg"))};
      new SvdPool({ engine: "wasm" }).svd(matrix).then(({ s }) => console.log(s.join()));`;
    buildSync({
      stdin: { contents, resolveDir: process.cwd() },
      bundle: true,
      platform: "node",
      format: "cjs",
      external: ["koffi"],
      outfile: bundle,
      logLevel: "error",
      logOverride: { "empty-import-meta": "silent" },
    });
    const { SPECTRAL_SVD_DIR: _, ...env } = process.env;
    const [message, values] = execFileSync(process.execPath, [bundle], { timeout: 20_000, env })
      .toString()
      .split("\n");
    assert.match(message, /set SPECTRAL_SVD_DIR to the folder dist\/linalg/);
    assert.equal(values, "4,3");
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("a pause of 40 ms is noticed", async () => {
  const time = threadClock();
  const busy = async () => {
    for (const end = time() + 40; time() < end;);
  };
  await assert.rejects(longestPause(25, busy), /the event loop was held for up to 4\d/);
});

test("the calling thread is never held for more than 25 ms", async () => {
  const matrices = [
    filled(40_000, 100, (i) => Math.sin(i * i)),
    ...Array(8).fill(simulatedWeights(400, 300, "init")),
  ];
  await longestPause(25, async () => {
    const pool = new SvdPool();
    await pool.svdMany(matrices, { left: "all", right: "all" });
    await pool.close();
  });
});

test("a pool that is closed while its thread is still being set up waits for it", async () => {
  const pool = new SvdPool({ engine: "wasm", threads: 1 });
  await pool.close();
  assert.match(await pool.description, /WebAssembly/); // not "none (exit code 1)": the thread was not ended half-way
});
