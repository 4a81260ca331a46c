import { SpectralError } from "../core/errors.js";
import { codeOf, reasonOf } from "../core/files/io-error.js";
import { printable } from "../core/printable.js";
import { type Command, UsageError, usageOf } from "./command.js";
import { watchOutput } from "./output.js";
import { Stop } from "./stop.js";

/**
 * Carries out a command line, without the program's name, and ends the process: whatever happens, with an exit status
 * that says so and, where it failed, one message.
 */
export function runCommandLine(commands: readonly Command[], args: readonly string[]): void {
  const [name, ...rest] = args[0] === "help" && args.length > 1 ? [args[1], "--help"] : args;
  const command = commands.find((candidate) => candidate.name === name);
  const program = command ? `spectral ${command.name}` : "spectral";
  const say = (message: string): unknown => process.stderr.write(`${program}: ${message}\n`);
  const fail = (message: string, status = 1): never => {
    say(message);
    process.exit(status);
  };
  const stop = new Stop();
  if (command?.stoppable) stop.listen();
  let ended = false;
  process.on("uncaughtException", (error) => fail(explain(error))); // and promises that nobody awaits
  process.on("beforeExit", () => {
    // What the command still waits for can never come.
    if (!ended)
      fail("ended before its work was done: nothing was left to wait for. This is a fault of the program");
  });
  const output = watchOutput((failure) => {
    if (command?.stoppable) stop.now(failure.status);
    else if (failure.unread) process.exit(failure.status);
    else fail(failure.message, failure.status);
  });

  const end = async (status: number): Promise<void> => {
    await output.flush();
    ended = true;
    const { failure } = output;
    if (failure)
      say(stop.signal.aborted ? `${failure.message}; stopped: the same command goes on` : failure.message);
    process.exitCode = status === 0 && failure ? failure.status : status;
    if (stop.signal.aborted) process.exit(); // what was given up may still be under way
  };
  const whole = command ? carryOut(command, rest, stop, say) : Promise.resolve(general(commands, name));
  void whole.then(end);
}

async function carryOut(
  command: Command,
  args: readonly string[],
  stop: Stop,
  say: (message: string) => void,
): Promise<number> {
  try {
    return await command.run(args, stop);
  } catch (error) {
    if (error instanceof UsageError) {
      const more = `\`spectral ${command.name} --help\` explains the options.`;
      say(`${error.message}\nusage: ${usageOf(command)}\n${more}`);
      return 2;
    }
    say(explain(error));
    return 1;
  }
}

/** The general help, asked for or not. @returns the exit status */
function general(commands: readonly Command[], name: string | undefined): number {
  const usage = `spectral: a laboratory for the spectral dynamics of neural network weights

${commands.map((command) => `  ${usageOf(command)}\n      ${command.summary}`).join("\n")}

\`spectral COMMAND --help\` explains a command's options.
Exit status: 0 done, 1 failed (one message says what, where and why), 2 wrong usage, 130 interrupted (by SIGHUP 129, by
SIGTERM 143), 141 nobody reads the output any more.
`;
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    process.stdout.write(usage);
    return name === undefined ? 2 : 0;
  }
  process.stderr.write(`spectral: unknown command "${printable(name, 100)}"\n\n${usage}`);
  return 2;
}

/** What is said of an error: of our own its message, of the system's what failed, of any other that it is a fault. */
function explain(error: unknown): string {
  if (process.env.SPECTRAL_TRACE !== undefined) return (error as Error)?.stack ?? String(error);
  if (error instanceof SpectralError) return error.message;
  const { name = "error", message = String(error), path, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  if (codeOf(error) !== "" && syscall !== undefined)
    return `cannot ${syscall}${path === undefined ? "" : ` ${printable(path)}`}: ${reasonOf(error)}`;
  return `unexpected ${printable(name, 100)}: ${printable(message, 1000)} (SPECTRAL_TRACE=1 shows where)`;
}
