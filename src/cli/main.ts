#!/usr/bin/env node
import { messageOf, SpectralError } from "../core/errors.js";
import type { Command } from "./command.js";
import { UsageError } from "./command.js";
import { data } from "./data.js";
import { doctor } from "./doctor.js";
import { figures } from "./figures.js";
import { spectra } from "./spectra.js";
import { study } from "./study.js";
import { tasks } from "./tasks.js";
import { train } from "./train.js";

const COMMANDS: readonly Command[] = [tasks, train, spectra, study, figures, data, doctor];

const USAGE = `spectral: a laboratory for the spectral dynamics of neural network weights

${COMMANDS.map(({ usage, summary }) => `  spectral ${usage}\n      ${summary}`).join("\n")}

Exit status: 0 done, 1 failed (one message says what, where and why), 2 wrong usage, 130 interrupted.
`;

/** Runs one command line, without the program's name. @returns the exit status */
async function main([name, ...rest]: readonly string[]): Promise<number> {
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
      process.stderr.write(`spectral ${name}: ${error.message}\nusage: spectral ${command.usage}\n`);
      return 2;
    }
    const known = error instanceof SpectralError && process.env.SPECTRAL_TRACE === undefined;
    process.stderr.write(
      `spectral ${name}: ${known ? messageOf(error) : ((error as Error)?.stack ?? String(error))}\n`,
    );
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
