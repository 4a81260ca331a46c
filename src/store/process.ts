import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** A process, named so that it is never mistaken for another one that got the same number later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Host name and, on Linux, the pid namespace: where `pid` means something. */
  readonly machine: string;
  /** On Linux the boot and the clock tick at which the process started; "" elsewhere. */
  readonly started: string;
}

/** This process. */
export function thisProcess(): ProcessIdentity {
  return { pid: process.pid, machine: thisMachine(), started: startOf(process.pid) };
}

/** Whether a process still runs; "unknown" when it belongs to another machine or container. */
export function liveness(of: ProcessIdentity): "alive" | "dead" | "unknown" {
  if (of.machine !== thisMachine()) return "unknown";
  if (!pidExists(of.pid)) return "dead";
  const started = startOf(of.pid);
  return started === "" || of.started === "" || started === of.started ? "alive" : "dead";
}

function pidExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // someone else's process
  }
}

function thisMachine(): string {
  const namespace = attempt(() => readlinkSync("/proc/self/ns/pid"));
  return namespace === "" ? hostname() : `${hostname()} ${namespace}`;
}

function startOf(pid: number): string {
  const boot = attempt(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  // "pid (command, which may hold spaces and parentheses) state ppid ...": field 22 is the start time.
  const tick = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  return tick === undefined ? "" : `${boot.slice(0, 8)}-${tick}`;
}

function attempt(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}
