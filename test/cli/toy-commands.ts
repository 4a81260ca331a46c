import { readFileSync } from "node:fs";
import { command, type Declaration } from "spectral-lab/cli/command";
import { runCommandLine } from "spectral-lab/cli/run";
import { StoreError } from "spectral-lab/core/errors";

// A program with commands that end in every way, for the tests of what all commands have in common.

const declared = (name: string, stoppable?: true): Declaration => ({
  name,
  summary: name,
  positionals: { "[TEXT...]": "what it prints" },
  options: {},
  example: name,
  ...(stoppable && { stoppable }),
});

const print = async (positionals: readonly string[]): Promise<number> => {
  for (const text of positionals) console.log(text);
  return 0;
};

runCommandLine(
  [
    command(declared("print"), async () => ({ run: ({ positionals }) => print(positionals) })),
    command(declared("flood"), async () => ({ run: () => print(["x".repeat(2 ** 20)]) })),
    command(declared("never"), async () => ({ run: () => new Promise<number>(() => undefined) })),
    command(declared("known"), async () => ({ run: () => Promise.reject(new StoreError("the reason")) })),
    command(declared("type"), async () => ({ run: () => Promise.reject(new TypeError("a\nb")) })),
    command(declared("text"), async () => ({ run: () => Promise.reject("only text") })),
    command(declared("file"), async () => ({ run: async () => readFileSync("/nowhere/x").length })),
    command(declared("load"), () => import("./no-such-module.js" as string) as Promise<never>),
    command(declared("forgotten"), async () => ({
      run: () => {
        void Promise.reject(new StoreError("nobody awaits me"));
        return new Promise<number>((done) => setTimeout(done, 20_000, 0));
      },
    })),
    command(declared("later"), async () => ({
      run: () => {
        setTimeout(() => {
          throw new RangeError("in a timer");
        }, 10);
        return new Promise<number>((done) => setTimeout(done, 20_000, 0));
      },
    })),
    command(declared("wait", true), async () => ({
      async run(_given, stop) {
        const awake = setInterval(() => console.log("waiting"), 20);
        await new Promise((done) => stop.signal.addEventListener("abort", done));
        clearInterval(awake);
        console.log("stopped");
        setTimeout(() => undefined, 20_000); // given up, and still under way
        return stop.status;
      },
    })),
  ],
  process.argv.slice(2),
);
