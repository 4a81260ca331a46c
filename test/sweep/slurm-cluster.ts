import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { setTimeout } from "node:timers/promises";

/** A SLURM of one node, on this machine and for this test alone. */
export interface Cluster {
  /** For SLURM's commands: SLURM_CONF. */
  readonly env: NodeJS.ProcessEnv;
  /** What one of SLURM's commands prints. @throws if it fails */
  slurm(command: string, ...args: string[]): string;
  /** Its jobs and the ends of its daemons' logs, for the message of a test that fails. */
  said(): string;
  stop(): Promise<void>;
}

/** How long the cluster may take to start, on a machine with much else to do. */
const START_SECONDS = 120;

/** How long SLURM waits before it begins a requeued job, in seconds: as long as a node may take to launch one. */
const REQUEUE_SECONDS = 15;

/** Why no SLURM can be started here; undefined if one can. */
export function noSlurm(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "SLURM's daemons need root on Linux";
  const missing = ["munged", "slurmctld", "slurmd", "sbatch"].filter(
    (name) => spawnSync("sh", ["-c", `PATH="$PATH:/usr/sbin" command -v ${name}`]).status !== 0,
  );
  return missing.length > 0
    ? `${missing.join(", ")} not installed: apt-get install slurmctld slurmd munge`
    : undefined;
}

/** Starts munged, slurmctld and slurmd with folders and ports of their own, on the loopback address. */
export async function startCluster(): Promise<Cluster> {
  const root = mkdtempSync(join(tmpdir(), "spectral-slurm-"));
  chmodSync(root, 0o755);
  for (const name of ["state", "spool", "munge"]) mkdirSync(join(root, name));
  const [uid, gid] = ["-u", "-g"].map((flag) =>
    Number(spawnSync("id", [flag, "munge"], { encoding: "utf8" }).stdout),
  );
  const key = join(root, "munge", "key");
  writeFileSync(key, randomBytes(1024), { mode: 0o400 });
  chownSync(key, uid, gid);
  chownSync(join(root, "munge"), uid, gid);
  const socket = join(root, "munge", "socket");
  const [control, node] = [await freePort(), await freePort()];
  const host = hostname();
  const conf = join(root, "slurm.conf");
  writeFileSync(
    conf,
    `ClusterName=spectral
SlurmctldHost=${host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=${socket},cred_expire=${REQUEUE_SECONDS}
MessageTimeout=60
SchedulerParameters=sched_interval=2
SlurmctldPort=${control}
SlurmdPort=${node}
StateSaveLocation=${join(root, "state")}
SlurmdSpoolDir=${join(root, "spool")}
SlurmctldPidFile=${join(root, "slurmctld.pid")}
SlurmdPidFile=${join(root, "slurmd.pid")}
SlurmctldLogFile=${join(root, "slurmctld.log")}
SlurmdLogFile=${join(root, "slurmd.log")}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
ReturnToService=2
KillWait=2
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
NodeName=${host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
`,
  );
  const env = { ...process.env, SLURM_CONF: conf, PATH: `${process.env.PATH}:/usr/sbin` };
  const daemons: ChildProcess[] = [];
  const daemon = (command: string, args: string[], user: { uid?: number; gid?: number } = {}): void => {
    daemons.push(spawn(command, args, { env, stdio: "ignore", ...user }));
  };
  const slurm = (command: string, ...args: string[]): string => {
    const { status, stdout, stderr } = spawnSync(command, args, { env, encoding: "utf8" });
    if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr}`);
    return stdout.trim();
  };
  const said = (): string => {
    const { stdout } = spawnSync("scontrol", ["show", "job"], { env, encoding: "utf8", timeout: 10_000 });
    const logs = ["slurmctld.log", "slurmd.log", join("munge", "log")]
      .map((name) => join(root, name))
      .filter((path) => existsSync(path))
      .map((path) => `${path}:\n${readFileSync(path, "utf8").slice(-4000)}`);
    return [stdout, ...logs].join("\n");
  };
  const stop = async (): Promise<void> => {
    spawnSync("scancel", ["--me"], { env, timeout: 10_000 }); // what a failed test has left running
    for (const child of daemons.reverse()) {
      if (child.exitCode !== null) continue;
      child.kill("SIGTERM");
      await Promise.race([new Promise((done) => child.once("exit", done)), setTimeout(10_000)]);
      child.kill("SIGKILL");
    }
    rmSync(root, { recursive: true, force: true });
  };
  try {
    const log = join(root, "munge", "log");
    const files = [`--key-file=${key}`, `--socket=${socket}`, `--log-file=${log}`];
    const own = [`--pid-file=${join(root, "munge", "pid")}`, `--seed-file=${join(root, "munge", "seed")}`];
    daemon("/usr/sbin/munged", ["--foreground", "--force", ...files, ...own], { uid, gid });
    const until = Date.now() + 1000 * START_SECONDS;
    while (!existsSync(socket) && Date.now() < until) await setTimeout(50); // the others give up without it
    daemon("/usr/sbin/slurmctld", ["-D"]);
    daemon("/usr/sbin/slurmd", ["-D"]);
    for (;;) {
      const { stdout } = spawnSync("sinfo", ["--noheader", "--format=%T"], { env, encoding: "utf8" });
      if (stdout.trim() === "idle") return { env, slurm, said, stop };
      if (Date.now() > until)
        throw new Error(`SLURM did not start: its node is "${stdout.trim()}"\n${said()}`);
      await setTimeout(200);
    }
  } catch (error) {
    await stop();
    throw error;
  }
}

function freePort(): Promise<number> {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => done(port));
    });
  });
}
