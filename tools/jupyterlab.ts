import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { planLab } from "spectral-lab/kernel/lab";

/**
 * What the check in a real JupyterLab needs: JupyterLab 4 and Chromium.
 *
 *     node build/tools/jupyterlab.js      prepares what is missing
 *
 * A JupyterLab of the machine is used where there is one. On Debian the one of a later release is unpacked into a
 * folder (74 MB to fetch, 370 MB unpacked, a minute): its own Python runs it through its own loader and libraries,
 * so that it needs neither root nor chroot, leaves the machine's packages alone, and starts kernels with the
 * machine's Node. Debian's jupyterlab also depends on what it was built from; that part is left out.
 */
const RELEASE = "trixie";

export interface Program {
  command: string[];
  env: NodeJS.ProcessEnv;
}

/** JupyterLab on this machine or as unpacked by this tool; undefined if there is none. */
export function findJupyterLab(): Program | undefined {
  const { prepare, open } = planLab({ platform: process.platform, env: process.env, root: process.cwd() });
  if (open && prepare.length === 0) return { command: open, env: {} };
  const root = join(folder(), "root");
  const usr = join(root, "usr");
  if (!existsSync(usr)) return undefined;
  const loader = [join(usr, "lib64"), join(usr, "lib")].flatMap((path) =>
    entries(path, /^ld-linux.*\.so/),
  )[0];
  const libraries = entries(join(usr, "lib"), /-linux-gnu/)[0];
  const python = entries(join(usr, "bin"), /^python3\.\d+$/)[0];
  if (!loader || !libraries || !python) return undefined;
  const command = [loader, "--library-path", libraries, python, "-m", "jupyterlab"];
  return { command, env: { PYTHONHOME: usr } };
}

/** Chromium or Chrome on this machine; undefined if there is none. */
export function findChromium(): string | undefined {
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  const folders = (process.env.PATH ?? "").split(":");
  const mac = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome";
  return [...folders.flatMap((path) => names.map((name) => join(path, name))), mac].find((path) =>
    existsSync(path),
  );
}

/** Where JupyterLab is unpacked: outside the repository, kept from run to run. */
function folder(): string {
  return resolve(process.env.SPECTRAL_JUPYTER_ROOT ?? "/var/tmp/spectral-lab-jupyter");
}

/** Fetches and unpacks JupyterLab with apt, in an apt state of its own. */
function unpackJupyterLab(): void {
  const apt = join(folder(), "apt");
  for (const path of ["state/lists/partial", "cache/archives/partial"])
    mkdirSync(join(apt, path), { recursive: true });
  writeFileSync(join(apt, "status"), ""); // as if nothing were installed: every library comes along
  writeFileSync(join(apt, "sources.list"), `deb ${debianMirror()} ${RELEASE} main\n`);
  const settings = {
    "Dir::Etc::sourcelist": join(apt, "sources.list"),
    "Dir::Etc::sourceparts": "-",
    "Dir::State": join(apt, "state"),
    "Dir::State::status": join(apt, "status"),
    "Dir::Cache": join(apt, "cache"),
    "APT::Install-Recommends": "false",
    "APT::Sandbox::User": "root",
    "Debug::NoLocking": "1",
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
  const archives = join(apt, "cache", "archives");
  const run = (program: string, args: string[]): string =>
    execFileSync(program, [...options, ...args], { cwd: archives, encoding: "utf8", maxBuffer: 2 ** 26 });

  run("apt-get", ["update"]);
  const description = run("apt-cache", ["show", "jupyterlab"]);
  const depends = /^Depends: (.*)$/m.exec(description)?.[1] ?? "";
  const python = new Set(
    depends.match(/python3-[a-z0-9-]+/g)?.filter((name) => name !== "python3-supported-min"),
  );
  run("apt-get", ["--yes", "--download-only", "install", ...python]);
  run("apt-get", ["download", "jupyterlab"]);

  const aside = join(folder(), "root.unpacking");
  rmSync(aside, { recursive: true, force: true });
  mkdirSync(aside, { recursive: true });
  for (const file of entries(archives, /\.deb$/)) {
    const archive = execFileSync("dpkg-deb", ["--fsys-tarfile", file], { maxBuffer: 2 ** 30 });
    execFileSync("tar", ["--extract", "--no-same-owner", "--directory", aside], { input: archive });
  }
  rmSync(join(folder(), "root"), { recursive: true, force: true });
  renameSync(aside, join(folder(), "root"));
  rmSync(apt, { recursive: true });
}

/** The archive that this machine's own packages come from. */
function debianMirror(): string {
  const format = ["indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"];
  const lines = execFileSync("apt-get", format, { encoding: "utf8" }).split("\n");
  const mirror = lines.map((line) => line.split(" ")[0]!).find((uri) => /\/debian\/?$/.test(uri));
  if (!mirror)
    throw new Error(`JupyterLab: expected a Debian archive among apt's sources, found:\n${lines.join("\n")}`);
  return mirror;
}

function entries(path: string, name: RegExp): string[] {
  if (!existsSync(path)) return [];
  const found = readdirSync(path).filter((entry) => name.test(entry));
  return found.sort().map((entry) => join(path, entry));
}

function main(): void {
  const apt = spawnSync("apt-get", ["--version"]).status === 0;
  if (!findJupyterLab() && apt) unpackJupyterLab();
  if (!findChromium() && apt && process.getuid?.() === 0) {
    execFileSync("apt-get", ["update"], { stdio: "ignore" });
    execFileSync("apt-get", ["install", "--yes", "--no-install-recommends", "chromium"], { stdio: "ignore" });
  }
  console.log(`JupyterLab: ${findJupyterLab()?.command.join(" ") ?? "none (npm run lab can install it)"}`);
  console.log(`Chromium:   ${findChromium() ?? "none (install Chromium or Chrome)"}`);
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) main();
