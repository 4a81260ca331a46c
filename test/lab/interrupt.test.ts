import assert from "node:assert/strict";
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
