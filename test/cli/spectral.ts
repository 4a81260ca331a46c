import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { resolve } from "node:path";

const program = resolve("dist/cli/main.js");

/** What one command line printed and how it ended. */
export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `spectral` with some arguments to its end. */
export function spectral(args: readonly string[], env: NodeJS.ProcessEnv = {}): Ended {
  const options = { encoding: "utf8", env: { ...process.env, ...env }, maxBuffer: 2 ** 26 } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], options);
  return { status, stdout, stderr };
}

/** How a process ended that was sent a signal, and what it printed. */
export interface Signalled extends Ended {
  /** The signal that ended it, where it did not end by itself. */
  readonly signal: NodeJS.Signals | null;
}

/**
 * Starts `spectral` and does something at the moment given, which need not be waited for (its signal) once the process
 * has ended by itself.
 * @param act gets the process, still running or not
 */
export function spectralUntil(
  args: readonly string[],
  moment: (ended: AbortSignal) => Promise<unknown>,
  act: (child: ChildProcess) => unknown,
): Promise<Signalled> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (text) => (stdout += text));
  child.stderr.on("data", (text) => (stderr += text));
  const ended = new AbortController();
  return new Promise((done, fail) => {
    moment(ended.signal).then(
      () => act(child),
      (error) => ended.signal.aborted || fail(error as Error),
    );
    child.on("close", (status, signal) => {
      ended.abort();
      done({ status, signal, stdout, stderr });
    });
  });
}

/**
 * Starts `spectral` and kills it, with everything it has not yet written, at the moment given.
 * @returns how it ended by itself; null if it was killed
 */
export async function spectralKilled(
  args: readonly string[],
  moment: (ended: AbortSignal) => Promise<unknown>,
): Promise<Ended | null> {
  const { signal, ...ended } = await spectralUntil(args, moment, (child) => child.kill("SIGKILL"));
  return signal === "SIGKILL" ? null : ended;
}

/** The last line of an output, as JSON. */
export function lastJson(text: string): Record<string, unknown> {
  return JSON.parse(text.trim().split("\n").at(-1)!) as Record<string, unknown>;
}
