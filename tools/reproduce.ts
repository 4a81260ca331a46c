/**
 * Reproduces the paper's figures on this machine: executes every notebook through the project's kernel, in the quick
 * profile unless SPECTRAL_PROFILE names another, and trains what they show, though results of it came with the repository,
 * unless SPECTRAL_RETRAIN is 0. Leaves figures/*.svg and *.png, the tables behind them as *.csv, and the
 * executed notebooks in figures/notebooks/. Exits as dist/kernel/execute.js does: with 1 if a cell failed.
 */
import { main } from "spectral-lab/kernel/execute";

process.env.SPECTRAL_PROFILE ||= "quick";
process.env.SPECTRAL_RETRAIN ||= "1";
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {}); // a reader who left
const notebooks = process.argv.slice(2);
const options = ["--output", "figures/notebooks", "--timeout", "3600"];
process.exitCode = await main([...options, ...(notebooks.length > 0 ? notebooks : ["notebooks"])]);
