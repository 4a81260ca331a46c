import { Session } from "node:inspector";
import { parentPort, workerData } from "node:worker_threads";
import * as zmq from "zeromq";
import { GRACE_MS, STATE } from "./interrupt.js";
import { address, Inbox, type ConnectionInfo } from "./wire.js";

/**
 * The kernel's second thread. It hears what must be heard while a cell keeps the first one busy: interrupts,
 * heartbeats, and the end of the parent process. Control requests are answered by the first thread, through here.
 *
 * The first interrupt sends SIGINT, which ends a loop in a cell's synchronous part and asks everything else to stop
 * at its next step. A first thread that does not answer hangs in a loop that never returns to its event loop, as
 * `while (true) await null` does too: its running code is terminated. That happens after HUNG_MS where the cell does not
 * listen to interrupts, or another interrupt comes; a cell that listens has GRACE_MS to end its step and save its work.
 */
/** Soon enough for another kernel on the same ports. */
const PARENT_POLL_MS = 200;
const HUNG_POLL_MS = 250;
/** Longer than any step of a training that is about to stop by itself. */
const HUNG_MS = 3000;

const { info, closed, interrupts, state } = workerData as {
  info: ConnectionInfo;
  closed: Int32Array;
  interrupts: Int32Array;
  /** See `STATE`. */
  state: Int32Array;
};
const inbox = new Inbox(info.key);
const server = parentPort!;
const control = new zmq.Router();
const heartbeat = new zmq.Reply();
/** When the first interrupt came that has no answer yet. */
let unanswered: number | undefined;
/** When running code was last terminated for it. */
let terminated = 0;
/** Whether more than one has come. */
let insisted = false;

server.on("message", (frames: Uint8Array[] | "close") => {
  if (frames === "close") return close();
  unanswered = undefined;
  insisted = false;
  void control.send(frames.map((frame) => Buffer.from(frame)));
});

/** Binds both sockets and says "ready", or why not. */
async function start(): Promise<void> {
  try {
    await control.bind(address(info, info.control_port));
    await heartbeat.bind(address(info, info.hb_port));
  } catch (error) {
    close();
    return server.postMessage(error instanceof Error ? error.message : String(error));
  }
  server.postMessage("ready");
  void beat();
  void listen();
}

async function listen(): Promise<void> {
  for await (const frames of control) {
    server.postMessage(frames);
    try {
      if (inbox.read(frames).header.msg_type === "interrupt_request") interrupt();
    } catch {
      // the first thread says what is wrong with the message
    }
  }
}

/** ZeroMQ aborts the process if a thread ends while its sockets are open. */
function close(): void {
  control.close();
  heartbeat.close();
  Atomics.store(closed, 0, 1);
  Atomics.notify(closed, 0);
}

function interrupt(): void {
  Atomics.add(interrupts, 0, 1);
  insisted = unanswered !== undefined;
  unanswered ??= performance.now();
  endHung();
  // Windows has no SIGINT for a single process; the request itself interrupts there.
  if (process.platform !== "win32") process.kill(process.pid, "SIGINT");
}

/** Ends running code that has had its time. */
function endHung(): void {
  if (unanswered === undefined) return;
  const now = performance.now();
  if (Atomics.load(state, STATE.compiling)) unanswered = now;
  const patience = insisted || !Atomics.load(state, STATE.heard) ? HUNG_MS : GRACE_MS;
  if (now - Math.max(unanswered, terminated) <= patience) return;
  terminated = now;
  terminate();
}

function terminate(): void {
  const inspector = new Session();
  inspector.connectToMainThread();
  inspector.post("Runtime.terminateExecution", () => inspector.disconnect());
}

async function beat(): Promise<void> {
  for await (const frames of heartbeat) await heartbeat.send(frames);
}

setInterval(endHung, HUNG_POLL_MS);
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, "SIGKILL");
}, PARENT_POLL_MS);

void start();
