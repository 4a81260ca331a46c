#!/usr/bin/env node
import { messageOf, SpectralError } from "../core/errors.js";
import { UsageError, usageOf } from "./command.js";
import { COMMANDS } from "./commands.js";

const USAGE = `spectral: a laboratory for the spectral dynamics of neural network weights

${COMMANDS.map((command) => `  ${usageOf(command)}\n      ${command.summary}`).join("\n")}

\`spectral COMMAND --help\` explains a command's options.
Exit status: 0 done, 1 failed (one message says what, where and why), 2 wrong usage, 130 interrupted.
`;

/** Runs one command line, without the program's name. @returns the exit status */
async function main([name, ...rest]: readonly string[]): Promise<number> {
  if (name === "help" && rest.length > 0) return main([rest[0], "--help"]);
  if (name === undefined || name === "help" || name === "--help" || name === "-h") {
    process.stdout.write(USAGE);
    return name === undefined ? 2 : 0;
  }
  const command = COMMANDS.find((candidate) => candidate.name === name);
  if (!command) {
    process.stderr.write(`spectral: unknown command "${name}"\n\n${USAGE}`);
    return 2;
  }
  try {
    return await command.run(rest);
  } catch (error) {
    if (error instanceof UsageError) {
      const help = `usage: ${usageOf(command)}\n\`spectral ${name} --help\` explains the options.\n`;
      process.stderr.write(`spectral ${name}: ${error.message}\n${help}`);
      return 2;
    }
    process.stderr.write(
      `spectral ${name}: ${process.env.SPECTRAL_TRACE === undefined ? told(error) : traced(error)}\n`,
    );
    return 1;
  }
}

/** What failed, as a user reads it; a fault of the program with its trace. */
function told(error: unknown): string {
  // Modules are loaded many at a time, which is where a low `ulimit -n` is met first.
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  if (code === "EMFILE" || code === "ENFILE") return `${messageOf(error)}; \`ulimit -n\` raises that limit`;
  return error instanceof SpectralError ? messageOf(error) : traced(error);
}

function traced(error: unknown): string {
  return (error as Error | undefined)?.stack ?? String(error);
}

process.exitCode = await main(process.argv.slice(2));
