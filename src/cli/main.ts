#!/usr/bin/env node
import { COMMANDS } from "./commands.js";
import { runCommandLine } from "./run.js";

runCommandLine(COMMANDS, process.argv.slice(2));
