import { command, type Command } from "./command.js";
import { data, doctor, figures, runs, spectra, study, sweep, tasks, train, unlock } from "./declarations.js";

/** All commands, in the order of the general help. Each loads its module when it runs. */
export const COMMANDS: readonly Command[] = [
  command(tasks, () => import("./tasks.js")),
  command(train, () => import("./train.js")),
  command(study, () => import("./study.js")),
  command(sweep, () => import("./sweep.js")),
  command(spectra, () => import("./spectra.js")),
  command(figures, () => import("./figures.js")),
  command(data, () => import("./data.js")),
  command(runs, () => import("./runs.js")),
  command(unlock, () => import("./unlock.js")),
  command(doctor, () => import("./doctor.js")),
];
