import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { interruptSignal } from "spectral-lab/lab/index";

test("the interrupt signal is the kernel's where there is one", () => {
  const symbol = Symbol.for("spectral-lab.interrupt");
  const controller = new AbortController();
  Object.defineProperty(globalThis, symbol, { value: { signal: controller.signal }, configurable: true });
  try {
    assert.equal(interruptSignal(), controller.signal);
  } finally {
    delete (globalThis as { [symbol]?: unknown })[symbol];
  }
});

test("outside a kernel Ctrl-C aborts the signal with an error named Interrupted", () => {
  const before = process.listeners("SIGINT");
  const signal = interruptSignal();
  const [listener] = process.listeners("SIGINT").filter((one) => !before.includes(one));
  process.emit("SIGINT");
  assert.equal((signal.reason as Error).name, "Interrupted");
  assert.ok(listener && !process.listeners("SIGINT").includes(listener), "a second Ctrl-C ends the process");
});

test("many runs share one listener; all are aborted, and what starts afterwards is not", () => {
  const before = process.listenerCount("SIGINT");
  for (let round = 0; round < 3; round++) {
    const signals = Array.from({ length: 50 }, () => interruptSignal());
    assert.equal(process.listenerCount("SIGINT"), before + 1);
    assert.ok(signals.every(({ aborted }) => !aborted));
    process.emit("SIGINT");
    assert.ok(signals.every(({ aborted }) => aborted));
    assert.equal(process.listenerCount("SIGINT"), before);
  }
});

test(
  "the first Ctrl-C lets the process clean up, the second ends it",
  { skip: process.platform === "win32" && "Windows has no SIGINT for a single process", timeout: 30_000 },
  async () => {
    const program = `
      import { interruptSignal } from "spectral-lab/lab/interrupt";
      for (let run = 0; run < 20; run++) interruptSignal();
      interruptSignal().addEventListener("abort", () => console.log("aborted"));
      setInterval(() => undefined, 1000);
      console.log("runs");`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = once(child, "exit");
    const heard: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      heard.push(line);
      child.kill("SIGINT");
    }
    assert.deepEqual(heard, ["runs", "aborted"]);
    assert.deepEqual(await ended, [null, "SIGINT"]);
  },
);
