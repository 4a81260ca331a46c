/**
 * The kernel's process: `node --enable-source-maps dist/kernel/launcher.js CONNECTION_FILE`, as
 * jupyter/kernels/tslab/kernel.json says. The working folder is the notebook's.
 *
 * Loops at the top level of a cell are 60 to 200 times slower than in a function, because tslab keeps a cell's
 * variables behind a Proxy. Notebooks call functions.
 */
import { Server } from "./server.js";
import { loadTslab } from "./tslab.js";

const connectionFile = process.argv[2];
if (!connectionFile)
  throw new Error("kernel: expected the path of a connection file as argument, found none");

const log = process.stderr.write.bind(process.stderr) as (text: string) => boolean;
const server = new Server(connectionFile, loadTslab(), (text) => void log(text));
await server.listen(); // a fault before ends the process with Node's own message

// Libraries (Emscripten among them) install handlers of their own that throw again and would end the process. The
// capture callback goes before "uncaughtException" listeners; the first listener of a rejection is ours, and what
// another throws from there arrives in the callback, where it is recognised.
process.setUncaughtExceptionCaptureCallback((error) => server.uncaught(error));
process.on("unhandledRejection", (reason) => server.uncaught(reason));
process.on("SIGINT", () => server.interrupt());
