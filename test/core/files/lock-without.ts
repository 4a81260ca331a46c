import * as fs from "node:fs";
import { messageOf } from "spectral-lab/core/errors";
import { acquireLock } from "spectral-lab/core/files/lock";

// Says what comes of taking the lock argv[2] without any more "files" that can be opened, or without "permission".
if (process.argv[3] === "permission") process.setuid!(65534);
else {
  try {
    for (;;) fs.openSync("/dev/null", "r");
  } catch {
    // now there are no more
  }
}
let said = "held";
try {
  acquireLock(process.argv[2], "run x");
} catch (error) {
  said = `${(error as Error).name}: ${messageOf(error)}`;
}
fs.writeSync(1, said);
