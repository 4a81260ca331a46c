import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { KernelClient } from "spectral-lab/kernel/client";
import { OutputCollector } from "spectral-lab/kernel/outputs";

/** One kernel for all tests of this file: none of them may harm it. */
let kernel: KernelClient;
before(async () => {
  kernel = await KernelClient.start({ cwd: "test/kernel" });
});
after(() => kernel.stop());

function send(code: string) {
  const collector = new OutputCollector(new Map());
  const sent = kernel.send(
    "execute_request",
    { code, silent: false, stop_on_error: true },
    { timeout: 30_000 },
  );
  const published = kernel.onPublished;
  const begun = new Promise<void>((done) => {
    kernel.onPublished = (message) => {
      published(message);
      if (message.parent.msg_id !== sent.id) return;
      collector.add(message);
      if (message.header.msg_type === "execute_input") done();
    };
  });
  return { ...sent, collector, begun };
}

/** Runs a cell; interrupts it the given times in milliseconds after it has begun, each counted from the one before. */
async function run(code: string, ...interrupts: number[]) {
  const sent = send(code);
  if (interrupts.length > 0) await sent.begun;
  for (const delay of interrupts) {
    await sleep(delay);
    kernel.interrupt();
  }
  return resultOf(sent);
}

/** Runs a cell and interrupts it once it waits (its synchronous part has no time to save anything), then again after each of the given delays. */
async function interruptRunning(code: string, ...again: number[]) {
  const sent = send(`setTimeout(() => console.log("waits"), 1);\n${code}`);
  let ended = false;
  void sent.reply.finally(() => (ended = true));
  while (!ended && !textOf(sent.collector).startsWith("waits")) await sleep(10);
  kernel.interrupt();
  for (const delay of again) {
    await sleep(delay);
    kernel.interrupt();
  }
  return resultOf(sent);
}

const textOf = ({ outputs }: OutputCollector): string =>
  outputs.map((one) => (one.output_type === "stream" ? [one.text].flat().join("") : "")).join("");

async function resultOf({ reply, collector }: ReturnType<typeof send>) {
  const { status, ename, evalue, traceback, execution_count } = await reply;
  const text = textOf(collector);
  return {
    status,
    ename,
    evalue,
    traceback: traceback as string[],
    execution_count,
    text,
    outputs: collector.outputs,
  };
}

const INTERRUPTED = "Interrupted: the cell was interrupted";
const said = ({ ename, evalue }: { ename: unknown; evalue: unknown }): string =>
  `${String(ename)}: ${String(evalue)}`;
const SIGNAL = `(globalThis as never)[Symbol.for("spectral-lab.interrupt")] as { signal: AbortSignal }`;

test("a synchronous loop is interrupted", async () => {
  const { status, ...error } = await run("for (;;) {}", 500);
  assert.deepEqual([status, said(error)], ["error", INTERRUPTED]);
});

test("a cell interrupted while it is compiled does not run", async () => {
  const declarations = Array.from({ length: 3000 }, (_, i) => `const c${i}: { n: number } = { n: ${i} };`);
  const busy = `{ ${declarations.join(" ")} }\nconsole.log("ran"); await new Promise(() => {});`;
  const { text, ...error } = await run(busy, 20);
  assert.deepEqual([said(error), text], [INTERRUPTED, ""]);
});

test("a synchronous loop behind an await is ended by a second interrupt", async () => {
  assert.equal(said(await run("await null; for (;;) {}", 500, 3500)), INTERRUPTED);
  assert.equal((await run("console.log('alive')")).text, "alive\n");
});

test("a cell that listens ends by itself, with its own words if it has some", async () => {
  const loop = `{ const { signal } = ${SIGNAL};
    for (let step = 0; ; step++) {
      if (signal.aborted) throw Object.assign(new Error("stopped, checkpoint saved"), { name: "Interrupted" });
      await new Promise((done) => setTimeout(done, 5));
    } }`;
  assert.equal(said(await interruptRunning(loop)), "Interrupted: stopped, checkpoint saved");
  assert.equal(said(await interruptRunning(loop)), "Interrupted: stopped, checkpoint saved"); // the signal is a new one
});

test("an interrupted cell is an error even if it returns, and keeps what it defined", async () => {
  const wait = `const waited = await new Promise<string>((done) => (${SIGNAL}).signal.addEventListener("abort", () => done("saved")));`;
  assert.equal(said(await interruptRunning(wait)), INTERRUPTED);
  assert.match(JSON.stringify((await run("waited")).outputs), /saved/);
});

test("a cell that does not listen ends at once", async () => {
  assert.equal(said(await interruptRunning("await new Promise(() => {})")), INTERRUPTED);
});

test("a cell that listens but does not end is ended by a second interrupt", async () => {
  assert.equal(
    said(await interruptRunning(`void (${SIGNAL}).signal; await new Promise(() => {})`, 300)),
    INTERRUPTED,
  );
});

test("a failure while stopping is shown, not hidden behind the interrupt", async () => {
  const code = `await new Promise((_, fail) => (${SIGNAL}).signal.addEventListener("abort", () => fail(new Error("disk full"))))`;
  assert.equal(said(await interruptRunning(code)), "Error: disk full");
});

test("cells waiting behind an error are aborted, later ones run", async () => {
  const replies = ["await null; throw new Error('first')", "console.log('second')", "3"].map((code) =>
    send(code),
  );
  const statuses = await Promise.all(replies.map(async ({ reply }) => (await reply).status));
  assert.deepEqual(statuses, ["error", "aborted", "aborted"]);
  assert.equal((await run("'at once after'")).status, "ok");
});

test("an exception in a callback ends the cell that waits", async () => {
  const error = await run(
    "setTimeout(() => { throw new Error('in a callback'); }, 50);\nawait new Promise(() => {})",
  );
  assert.equal(said(error), "Error: in a callback");
  assert.match(error.traceback[1]!, /cell\[\d+\]\.ts:1:26/);
});

test("an error after a cell has ended is that of the next one", async () => {
  const published = kernel.onPublished;
  const late = new Promise<void>((done) => {
    kernel.onPublished = (message) => {
      published(message);
      if (message.header.msg_type === "error") done();
    };
  });
  assert.equal((await run("setTimeout(() => { throw new Error('late'); }, 20); 1")).status, "ok");
  await late;
  const next = await run("console.log('did not run')");
  assert.deepEqual([said(next), next.text], ["Error: late", ""]);
  assert.equal((await run("2")).status, "ok");
});

test("handlers that throw again, as Emscripten's do, neither end the kernel nor hide the error", async () => {
  await run(`process.on("uncaughtException", (error) => { throw error; });
    process.on("unhandledRejection", (reason) => { throw reason; });`);
  assert.equal(said(await run("void Promise.reject(new Error('rejected')); 0")), "Error: rejected");
  const thrown = "setTimeout(() => { throw new Error('thrown'); }, 20); await new Promise(() => {})";
  assert.equal(said(await run(thrown)), "Error: thrown");
  assert.equal((await run("process.removeAllListeners('uncaughtException'); 1")).status, "ok");
});

test("errors keep their cause, and anything can be thrown", async () => {
  const { traceback } = await run("throw new Error('outer', { cause: new RangeError('inner') })");
  assert.match(traceback.join("\n"), /^Error: outer\n {4}at cell.*\n.*\[cause\]: RangeError: inner/);
  assert.equal(said(await run("throw 'a string'")), "Thrown: 'a string'");
  assert.equal(said(await run("await Promise.reject(undefined)")), "Thrown: undefined");
});

test("syntax errors have their place", async () => {
  const { ename, traceback } = await run("const a = 1;\nconst b = ;");
  assert.equal(ename, "TypeScriptError");
  assert.match(traceback[0]!, /cell\[\d+\]\.ts:2:11 - Expression expected/);
});

test("a cell that names a module is checked too", async () => {
  const { ename, evalue } = await run("/** @module wrong */\nexport const a: string = 3;");
  assert.equal(ename, "TypeScriptError");
  assert.match(String(evalue), /wrong\.ts 2:14 - Type 'number' is not assignable/);
});

test("shorthand properties hold what earlier cells declared, under every kind of declaration", async () => {
  await run(
    "const one = 1; let two = 2; function three() { return 3; } class Four {}\nconst rest = { five: 5 };",
  );
  const cell = [
    "const six = 6; const { five } = rest;",
    "function inner(one: string) { return { one, two }; }",
    "console.log(JSON.stringify({ one, two, three: three(), is: { Four }.Four === Four, five, six, deep: [{ one }] }));",
    'two = 7; console.log(JSON.stringify([inner("own"), { ...{ two } }]));',
    "let one_: number; ({ one: one_, two } = { one, two: 8 }); console.log(one_, two, { three }.three());",
  ].join("\n");
  const { text, status } = await run(cell);
  assert.equal(status, "ok");
  const first = '{"one":1,"two":2,"three":3,"is":true,"five":5,"six":6,"deep":[{"one":1}]}';
  assert.equal(text, `${first}\n[{"one":"own","two":7},{"two":7}]\n1 8 3\n`);
});

test("a print callback is called; characters cut in two are whole", async () => {
  const { text } = await run(`await new Promise<void>((done) => process.stdout.write("a", () => done()));
    const arrow = Buffer.from("→");
    process.stdout.write(arrow.subarray(0, 1));
    process.stdout.write(arrow.subarray(1));`);
  assert.match(text, /^a→/);
});

test("what children and descriptors write reaches the cell, in order", async () => {
  const { text } = await run(`import { execSync } from "node:child_process"; import * as fs from "node:fs";
    console.log("first"); execSync("echo child", { stdio: "inherit" }); fs.writeSync(1, "raw\\n"); console.log("last");`);
  assert.equal(text, "first\nchild\nraw\nlast\n");
  const { outputs } = await run(
    '(await import("node:child_process")).execSync("echo bad >&2", { stdio: "inherit" }); 0',
  );
  assert.match(JSON.stringify(outputs), /"name":"stderr","text":\["bad/);
});

test(
  "a child that outlives its cell holds nothing up, and a long output is whole",
  { skip: process.platform === "win32" },
  async () => {
    const begin = performance.now();
    await run(
      `const { spawn } = await import("node:child_process"); spawn("sleep", ["60"], { stdio: "inherit", detached: true }).unref();`,
    );
    const { text } = await run(
      '(await import("node:child_process")).execSync("seq 200000", { stdio: "inherit" }); 0',
    );
    assert.equal(text, Array.from({ length: 200_000 }, (_, i) => `${i + 1}\n`).join(""));
    assert.ok(performance.now() - begin < 30_000);
  },
);

test("loops of microtasks, and those in callbacks, end by one interrupt", async () => {
  for (const code of [
    "(async () => { while (true) await null; })()",
    "await null; for (;;) {}",
    "queueMicrotask(function again() { queueMicrotask(again); }); await new Promise(() => {})",
    "setTimeout(() => { for (;;) {} }, 20); await new Promise(() => {})",
  ]) {
    assert.equal(said(await run(code, 500)), INTERRUPTED, code);
    assert.equal((await run("console.log('alive')")).text, "alive\n");
  }
});

test("a request that lacks its content is answered with an error, and the next cell runs", async () => {
  for (const content of [{}, { code: 5 }, { code: null }, { code: { a: 1 } }, null, 5]) {
    const { status, ename } = await kernel.request("execute_request", content as object, { timeout: 10_000 });
    assert.deepEqual([status, ename], ["error", "BadRequest"]);
  }
  for (const type of ["complete_request", "inspect_request", "is_complete_request"])
    assert.equal((await kernel.request(type, null as never, { timeout: 10_000 })).status, "error");
  for (const cursor_pos of [-99_999, 1e9, 0.5, "x"])
    assert.equal((await kernel.request("complete_request", { code: "abc", cursor_pos })).status, "ok");
  assert.equal((await run("console.log('alive')")).text, "alive\n");
});

test("a package that is installed after its import failed is found; one without types is of type any", async () => {
  const folder = mkdtempSync(join(tmpdir(), "spectral-lab-install-"));
  const other = await KernelClient.start({ cwd: folder });
  const ask = (code: string) =>
    other.request("execute_request", { code, silent: false }, { timeout: 30_000 });
  try {
    assert.match(String((await ask('import { hi } from "tiny"; hi()')).evalue), /Cannot find module 'tiny'/);
    const home = join(folder, "node_modules", "tiny");
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, "package.json"), '{ "name": "tiny", "version": "1.0.0", "main": "i.js" }');
    writeFileSync(join(home, "i.js"), "exports.hi = () => 1;");
    await sleep(1500); // the compiler hears of the new folder
    assert.equal((await ask("1 + 1")).status, "ok");
    assert.equal(
      (await ask('import { hi } from "tiny"; if (hi() !== 1) throw new Error("not 1")')).status,
      "ok",
    );
  } finally {
    await other.stop();
    rmSync(folder, { recursive: true });
  }
});

test("requests are answered while a cell waits", async () => {
  const waiting = send("await new Promise((done) => setTimeout(done, 400)); 1");
  let ended = false;
  void waiting.reply.then(() => (ended = true));
  await sleep(100);
  const info = await kernel.request("kernel_info_request", {}, { timeout: 5000 });
  assert.match(JSON.stringify(info.language_info), /"name":"typescript","version":"5\./);
  assert.equal(ended, false);
  assert.equal((await waiting.reply).status, "ok");
});

test("completion, inspection and the lesser requests", async () => {
  await run("const spectrum: number[] = [3, 2, 1];");
  const { matches } = await kernel.request("complete_request", { code: "spectrum.len", cursor_pos: 12 });
  assert.deepEqual(matches, ["length"]);
  const { data } = await kernel.request("inspect_request", {
    code: "spectrum",
    cursor_pos: 2,
    detail_level: 0,
  });
  assert.match(JSON.stringify(data), /number\[\]/);
  assert.equal((await kernel.request("is_complete_request", { code: "if (1) {" })).status, "incomplete");
  assert.deepEqual((await kernel.request("comm_info_request")).comms, {});
  assert.deepEqual((await kernel.request("history_request")).history, []);
});

test("silent cells are not counted", async () => {
  const before = (await run("1")).execution_count as number;
  await kernel.request("execute_request", { code: "2", silent: true });
  assert.equal((await run("3")).execution_count, before + 1);
});

test("the kernel ends with its parent, also in the middle of a loop", async () => {
  const script = `import { KernelClient } from "spectral-lab/kernel/client";
    const kernel = await KernelClient.start();
    kernel.send("execute_request", { code: "for (;;) {}", silent: false });
    console.log(kernel.pid);
    setTimeout(() => process.kill(process.pid, "SIGKILL"), 500);`;
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  const pid = Number(stdout.trim());
  assert.ok(pid > 0);
  for (let i = 0; i < 50 && alive(pid); i++) await sleep(100);
  assert.equal(alive(pid), false);
});

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
