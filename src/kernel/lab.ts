import { spawn, spawnSync } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * `npm run lab`: opens JupyterLab on notebooks/ with the project's kernel registered. It uses the JupyterLab that is
 * there, else installs one with pip into .venv, else says what to install.
 */

/** What to do on this machine. */
export interface LabPlan {
  /** Commands that prepare JupyterLab; none where it is there. */
  prepare: string[][];
  /** The command that opens JupyterLab; undefined where this machine lacks what is needed. */
  open?: string[];
}

export interface LabMachine {
  platform: NodeJS.Platform;
  env: NodeJS.ProcessEnv;
  /** The project's folder. */
  root: string;
}

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Looks at the machine and decides; changes nothing. */
export function planLab(machine: LabMachine): LabPlan {
  const works = (command: string[]): boolean => succeeds(command, machine.env);
  const bin = machine.platform === "win32" ? "Scripts" : "bin";
  const ownLab = [join(machine.root, ".venv", bin, "jupyter-lab")];
  const ownPython = join(machine.root, ".venv", bin, "python");
  const pythons = machine.platform === "win32" ? [["py", "-3"], ["python"]] : [["python3"], ["python"]];

  const candidates = [
    ["jupyter", "lab"],
    ownLab,
    ...pythons.map((python) => [...python, "-m", "jupyterlab"]),
  ];
  const open = candidates.find((command) => works([...command, "--version"]));
  if (open) return { prepare: [], open };

  const python = pythons.find((command) => works([...command, "-c", "import venv, ensurepip"]));
  if (!python) return { prepare: [] };
  const venv = [...python, "-m", "venv", join(machine.root, ".venv")];
  return { prepare: [venv, [ownPython, "-m", "pip", "install", "jupyterlab>=4,<5"]], open: ownLab };
}

/** How a person gets JupyterLab where we cannot. */
export function installAdvice(platform: NodeJS.Platform): string {
  const ways: Partial<Record<NodeJS.Platform, string[]>> = {
    darwin: [
      "brew install jupyterlab",
      "or install Python 3.9 or newer from https://www.python.org/downloads/macos/",
    ],
    win32: ["winget install Python.Python.3.12", "and open a new terminal"],
  };
  const linux = [
    "Debian, Ubuntu:  sudo apt install python3-venv",
    "Fedora:          sudo dnf install python3-pip",
    "Arch:            sudo pacman -S jupyterlab",
  ];
  const lines = (ways[platform] ?? linux).map((line) => `    ${line}`);
  return [
    "npm run lab needs JupyterLab 4, or Python 3 (with venv and pip) to install it. Install:",
    ...lines,
    'and run "npm run lab" again. The notebooks also run without Jupyter: npm run notebooks',
  ].join("\n");
}

/** The environment in which Jupyter finds our kernel, and the kernel a Node: this one where PATH has none. */
export function labEnvironment({ env, root }: Pick<LabMachine, "env" | "root">): NodeJS.ProcessEnv {
  const list = (...parts: (string | undefined)[]): string => parts.filter(Boolean).join(delimiter);
  const PATH = list(env.PATH, dirname(process.execPath)); // last: Node's folder may hold another Jupyter
  return { ...env, PATH, JUPYTER_PATH: list(join(root, "jupyter"), env.JUPYTER_PATH) };
}

async function main(args: string[]): Promise<number> {
  const machine: LabMachine = { platform: process.platform, env: process.env, root: ROOT };
  const { prepare, open } = planLab(machine);
  if (!open) return say(installAdvice(machine.platform));
  for (const [program, ...rest] of prepare) {
    console.log(`> ${[program, ...rest].join(" ")}`);
    const { status } = spawnSync(program!, rest, { stdio: "inherit" });
    if (status !== 0) return say(`This command failed (see above).\n${installAdvice(machine.platform)}`);
  }
  const [program, ...rest] = open;
  const asRoot = process.getuid?.() === 0 ? ["--allow-root"] : []; // Jupyter refuses root, as in containers, otherwise
  const lab = spawn(program!, [...rest, join(ROOT, "notebooks"), ...asRoot, ...args], {
    stdio: "inherit",
    env: labEnvironment(machine),
  });
  process.on("SIGINT", () => {}); // Ctrl-C reaches Jupyter too, which asks before it ends
  return new Promise((done) => lab.on("exit", (code) => done(code ?? 1)));
}

function succeeds([program, ...args]: string[], env: NodeJS.ProcessEnv): boolean {
  return spawnSync(program!, args, { env, stdio: "ignore", timeout: 60_000 }).status === 0;
}

function say(text: string): number {
  console.error(text);
  return 1;
}

if (
  process.argv[1] &&
  existsSync(process.argv[1]) &&
  realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)
) {
  process.exitCode = await main(process.argv.slice(2));
}
