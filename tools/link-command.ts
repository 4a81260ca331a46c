/**
 * Puts the command line where npx looks for it: node_modules/.bin/spectral of the package in the working folder. npm links
 * the commands of dependencies, not a package's own; and where package.json names one under "bin", npx installs the
 * package into its cache at the first call, which builds all of it again. So package.json names none, and `npm run build`
 * ends with this.
 */
import {
  chmodSync,
  mkdirSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, relative } from "node:path";

const program = realpathSync(join("dist", "cli", "main.js"));
mkdirSync(join("node_modules", ".bin"), { recursive: true });
const folder = realpathSync(join("node_modules", ".bin")); // node_modules may itself be a link
const command = join(folder, "spectral");
const target = relative(folder, program);

if (process.platform === "win32") {
  // What npm writes for a dependency: for cmd and PowerShell, and for shells like Git's (npx looks for this one).
  writeFileSync(`${command}.cmd`, `@node "%~dp0\\${target}" %*\r\n`);
  writeFileSync(command, `#!/bin/sh\nexec node "$(dirname "$0")/${target.replaceAll("\\", "/")}" "$@"\n`);
} else {
  chmodSync(program, 0o755);
  if (linked(command) !== target) {
    rmSync(command, { force: true });
    symlinkSync(target, command);
  }
}

/** What a link points to; undefined where there is none. */
function linked(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
