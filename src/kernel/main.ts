import { writeSync } from "node:fs";
import { CAPTURED_FLAG, LOG } from "./descriptors.js";
import { Server } from "./server.js";
import { loadTslab } from "./tslab.js";

/** The kernel's process: `main.js CONNECTION_FILE [--captured]`, as the launcher starts it. */
const [connectionFile] = process.argv.slice(2).filter((word) => word !== CAPTURED_FLAG);
const captured = process.argv.includes(CAPTURED_FLAG);

const write = process.stderr.write.bind(process.stderr) as (text: string) => boolean;
function log(text: string): void {
  try {
    if (captured) writeSync(LOG, text);
    else write(text);
  } catch {
    // nobody reads it
  }
}

async function start(): Promise<Server | undefined> {
  try {
    if (!connectionFile)
      throw new Error("kernel: expected the path of a connection file as argument, found none");
    const server = new Server(connectionFile, loadTslab(), { log, captured });
    await server.listen();
    return server;
  } catch (error) {
    log(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}
const server = (await start())!;

// Libraries (Emscripten among them) install handlers of their own that throw again and would end the process. The
// capture callback goes before "uncaughtException" listeners; the first listener of a rejection is ours, and what
// another throws from there arrives in the callback, where it is recognised.
process.setUncaughtExceptionCaptureCallback((error) => server.uncaught(error));
process.on("unhandledRejection", (reason) => server.uncaught(reason));
process.on("SIGINT", () => server.interrupt());
