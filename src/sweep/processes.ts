import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { storeError } from "../core/files/io-error.js";
import { printable } from "../core/printable.js";
import { projectRoot } from "../store/paths.js";
import type { Member } from "./expand.js";
import type { Resolver } from "./resolve.js";
import type { Executor } from "./schedule.js";
import { logPath } from "./sweep-folder.js";
import { type Common, studyWords, trainWords } from "./words.js";

/** The file that `spectral` runs: the project's; where all of it is bundled into one file, the program that is running. */
export function programFile(root = projectRoot()): string {
  const built = join(root, "dist", "cli", "main.js");
  return existsSync(built) ? built : process.argv[1];
}

/** The words behind `spectral` of a member. @returns undefined where a run that it reads is not known yet */
export function wordsOf(member: Member, resolver: Resolver, common: Common): Promise<string[] | undefined> {
  return member.what === "run" ? trainWords(member, resolver, common) : studyWords(member, resolver, common);
}

/**
 * Every member in a process of its own, whose output goes to the member's log. Aborted, a process is asked to end (SIGTERM)
 * and writes a checkpoint; Ctrl-C in a terminal reaches it by itself.
 * @param folder of the sweep
 */
export function processes(resolver: Resolver, folder: string, common: Common = {}): Executor {
  return {
    async carryOut(member, signal) {
      const words = await wordsOf(member, resolver, common);
      if (words === undefined) throw new Error(`${member.name}: begun before what it needs`);
      const log = logPath(folder, resolver.members, member);
      const { status, by } = await ended(words, log, signal);
      if (status === 0) return undefined;
      const said = lastLine(log);
      return said === "" ? `it ended with ${by ?? `status ${status}`}: see ${log}` : said;
    },
  };
}

interface Ended {
  readonly status: number | null;
  readonly by: NodeJS.Signals | null;
}

/** How a process ends that appends to a log. @throws StoreError if the log cannot be written */
function ended(words: readonly string[], log: string, signal: AbortSignal): Promise<Ended> {
  const output = openLog(log);
  const child = spawn(process.execPath, [programFile(), ...words], { stdio: ["ignore", output, output] });
  closeSync(output);
  const stop = (): unknown => child.kill("SIGTERM");
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  return new Promise<Ended>((done, fail) => {
    child.on("error", fail);
    child.on("exit", (status, by) => done({ status, by }));
  }).finally(() => signal.removeEventListener("abort", stop));
}

function openLog(log: string): number {
  try {
    mkdirSync(dirname(log), { recursive: true });
    return openSync(log, "a");
  } catch (error) {
    throw storeError("write", log, error);
  }
}

/** What a process said last; where Node ended it for an error that nobody caught, that error. */
function lastLine(log: string): string {
  const lines = readFileSync(log, "utf8").trim().split("\n");
  const last = lines[lines.length - 1];
  const thrown = /^Node\.js v/.test(last) ? lines.findLast((line) => /^\w*Error\b/.test(line)) : undefined;
  return printable(thrown ?? last, 2000);
}
