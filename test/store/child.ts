import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Starts a script of this folder, or at a path relative to it. */
export function start(script: string, ...args: string[]): ChildProcess {
  return startOn(undefined, script, ...args);
}

/** `start` as if on another machine, which has a name. */
export function startOn(machine: string | undefined, script: string, ...args: string[]): ChildProcess {
  const path = fileURLToPath(new URL(`${script}.js`, import.meta.url));
  const env = machine === undefined ? process.env : { ...process.env, SPECTRAL_TEST_MACHINE: machine };
  return spawn(process.execPath, [path, ...args], { stdio: ["ignore", "pipe", "inherit"], env });
}

/** Resolves when a child prints for the first time. */
export async function firstOutput(child: ChildProcess): Promise<string> {
  const [text] = (await once(child.stdout!, "data")) as [Buffer];
  return text.toString();
}

/** Resolves to a child's exit code; null if it was killed. */
export async function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const [code] = (await once(child, "exit")) as [number | null];
  return code;
}
