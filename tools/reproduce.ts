/**
 * Reproduces the paper's figures on this machine: executes every notebook through the project's kernel, in the quick
 * profile unless SPECTRAL_PROFILE names another. Leaves figures/*.svg and *.png, the tables behind them as *.csv, and the
 * executed notebooks in figures/notebooks/. Exits with 1 if a cell failed.
 */
import { spawnSync } from "node:child_process";

const env = { ...process.env, SPECTRAL_PROFILE: process.env.SPECTRAL_PROFILE || "quick" };
const args = ["dist/kernel/execute.js", "--output", "figures/notebooks", "--timeout", "3600"];
const notebooks = process.argv.slice(2);
const { status } = spawnSync(
  process.execPath,
  [...args, ...(notebooks.length > 0 ? notebooks : ["notebooks"])],
  {
    stdio: "inherit",
    env,
  },
);
process.exit(status ?? 1);
