import { readFileSync, readlinkSync } from "node:fs";
import { hostname, networkInterfaces, uptime } from "node:os";
import { hashOf } from "../hash.js";
import { codeOf } from "./io-error.js";

/** A process, named so that it is never mistaken for another one that got the same number later. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Where `pid` means something: the host's name, and a hash that tells machines and containers of one name apart. */
  readonly machine: string;
  /** On Linux the boot and the clock tick at which the process started; "" elsewhere. */
  readonly started: string;
}

let self: ProcessIdentity | undefined;

/** This process. @throws the system's error if no file can be opened at all: it would then get a wrong name */
export function thisProcess(): ProcessIdentity {
  return (self ??= { pid: process.pid, machine: thisMachine(), started: startOf(process.pid) });
}

/**
 * Whether a process still runs; "unknown" when it belongs to another machine or container, or to another boot of what
 * seems to be this machine: machines that were set up as copies have one name.
 * @param of where it is known, an ISO 8601 time at which it ran tells another machine from an earlier boot of this one
 */
export function liveness(of: ProcessIdentity & { readonly since?: string }): "alive" | "dead" | "unknown" {
  if (of.machine !== thisMachine()) return "unknown";
  const boot = bootId().slice(0, BOOT_DIGITS);
  const otherBoot = boot !== "" && of.started !== "" && !of.started.startsWith(`${boot}-`);
  if (otherBoot) {
    const before = of.since === undefined || Date.parse(of.since) < bootTime() - CLOCKS_DIFFER;
    return before ? "dead" : "unknown";
  }
  if (!pidExists(of.pid)) return "dead";
  const started = startOf(of.pid);
  return started === "" || of.started === "" || started === of.started ? "alive" : "dead";
}

/** Digits of the boot's id in `started`. */
const BOOT_DIGITS = 8;

/** Milliseconds by which the clocks of two machines that share a folder may differ. */
const CLOCKS_DIFFER = 600_000;

/** When this machine started, in milliseconds since 1970. */
function bootTime(): number {
  return Date.now() - 1000 * uptime();
}

function pidExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // someone else's process
  }
}

let machine: string | undefined;

/**
 * Linux: the boot, the pid namespace and the machine's id. Elsewhere the network cards: the best that Node tells. Said
 * once per process, so that a process stays itself when a card is unplugged. Whoever takes one machine for two only
 * waits for a lease; whoever takes two for one would rob. SPECTRAL_TEST_MACHINE is for tests: another machine's name.
 */
function thisMachine(): string {
  return (machine ??= `${hostname()} ${hashOf(process.env.SPECTRAL_TEST_MACHINE ?? marks(), 16)}`);
}

function marks(): string[] {
  const boot = bootId();
  return boot === "" ? networkCards() : [boot, attempt(() => readlinkSync("/proc/self/ns/pid")), machineId()];
}

function startOf(pid: number): string {
  const stat = attempt(() => readFileSync(`/proc/${pid}/stat`, "utf8"));
  // "pid (command, which may hold spaces and parentheses) state ppid ...": field 22 is the start time.
  const tick = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  return tick === undefined ? "" : `${bootId().slice(0, BOOT_DIGITS)}-${tick}`;
}

function bootId(): string {
  return attempt(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim());
}

function machineId(): string {
  return attempt(() => readFileSync("/etc/machine-id", "utf8").trim());
}

function networkCards(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((card) => card ?? []);
  return [...new Set(addresses.filter(({ internal }) => !internal).map(({ mac }) => mac))].sort();
}

/** What a file of the system says; "" where there is none, as on other systems than Linux. */
function attempt(read: () => string): string {
  try {
    return read();
  } catch (error) {
    if (["EMFILE", "ENFILE", "ENOMEM"].includes(codeOf(error))) throw error; // says nothing about the system
    return "";
  }
}
