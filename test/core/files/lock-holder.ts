import { messageOf } from "spectral-lab/core/errors";
import { acquireLock } from "spectral-lab/core/files/lock";

// Takes the lock argv[2], or says why not; then exits in order ("exit") or waits to be killed.
try {
  acquireLock(process.argv[2], "the test");
  process.stdout.write("held\n");
} catch (error) {
  process.stdout.write(messageOf(error));
}
if (process.argv[3] !== "exit") setInterval(() => undefined, 1000);
