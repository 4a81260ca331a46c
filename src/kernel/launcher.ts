import { spawn } from "node:child_process";
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CAPTURED_FLAG, readPositions } from "./descriptors.js";

/**
 * Starts the kernel: `node --enable-source-maps dist/kernel/launcher.js CONNECTION_FILE`, as
 * jupyter/kernels/tslab/kernel.json says. The working folder is the notebook's.
 *
 * The kernel itself (`main.ts`) is a process of its own, whose descriptors 1 and 2 are files that it reads back: so what
 * child processes and native code write there reaches the cell. A file, unlike a pipe, never makes a writer wait, is
 * readable at once while the kernel's own thread is busy, and lets a child outlive its cell. The files are deleted when they
 * are open. What the kernel did not live to read (the last words of a crash) goes to this process's own output. On Windows,
 * where a kernel would outlive this process, and without a temporary folder, the kernel runs in this process, and what
 * children write goes where this process writes.
 */
const TAIL_BYTES = 65_536;
const PARENT_POLL_MS = 200;
/** Node would abort where an interrupt has ended a callback of a timer that loops for ever. */
const UNCHECKED = "--no-force-async-hooks-checks";

interface Files {
  stdout: number;
  stderr: number;
  /** How far the kernel has read the two: two float64. */
  positions: number;
}

function openFiles(): Files | undefined {
  if (process.platform === "win32") return undefined;
  try {
    const folder = mkdtempSync(join(tmpdir(), "spectral-lab-output-"));
    try {
      const open = (name: string, flags: string): number => openSync(join(folder, name), flags, 0o600);
      return {
        stdout: open("stdout", "a+"),
        stderr: open("stderr", "a+"),
        positions: open("positions", "w+"),
      };
    } finally {
      rmSync(folder, { recursive: true });
    }
  } catch (error) {
    console.error(
      `kernel: no temporary files in ${JSON.stringify(tmpdir())} (${String(error)}): what child processes print is not shown in cells`,
    );
    return undefined;
  }
}

const files = openFiles();
if (!files) await import("./main.js");
else {
  const { stdout, stderr, positions } = files;
  const main = fileURLToPath(new URL("./main.js", import.meta.url));
  const args = [...process.execArgv, UNCHECKED, main, ...process.argv.slice(2), CAPTURED_FLAG];
  const kernel = spawn(process.execPath, args, { stdio: ["inherit", stdout, stderr, 2, positions] });
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, "SIGKILL"); // the kernel notices, and ends too
  }, PARENT_POLL_MS).unref();
  process.on("SIGINT", () => {}); // for the kernel, which is in the same group
  kernel.once("error", (error) => {
    console.error(`kernel: cannot start a process: ${error.message}`);
    process.exitCode = 1;
  });
  kernel.once("exit", (code, signal) => {
    const [read, readErrors] = readPositions(positions);
    copyTail(stdout, 1, read);
    copyTail(stderr, 2, readErrors);
    for (const file of [stdout, stderr, positions]) closeSync(file);
    if (signal) process.kill(process.pid, signal);
    else process.exitCode = code ?? 1;
  });
}

/** The end of what a file has beyond a position. */
function copyTail(file: number, to: number, position: number): void {
  const { size } = fstatSync(file);
  const start = Math.max(position, size - TAIL_BYTES);
  if (size <= start) return;
  const buffer = Buffer.alloc(size - start);
  const count = readSync(file, buffer, 0, buffer.length, start);
  try {
    writeSync(to, buffer, 0, count);
  } catch {
    // nobody reads it
  }
}
