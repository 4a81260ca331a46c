import { acquireLock } from "spectral-lab/store/lock";

// Takes the lock argv[2]; then exits in order ("exit") or waits to be killed.
acquireLock(process.argv[2], "the test");
process.stdout.write("held\n");
if (process.argv[3] !== "exit") setInterval(() => undefined, 1000);
