import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../store/paths.js";
import type { Code } from "../store/study.js";
import { packageVersion } from "../tasks/versions.js";

/** The code that runs here: version, and in a git clone the commit and whether the work tree equals it. */
export function codeOf(): Code {
  const version = packageVersion();
  const cwd = projectRoot();
  const git = (...args: string[]): string | undefined => {
    const { status, stdout } = spawnSync("git", args, { cwd, encoding: "utf8" });
    return status === 0 ? stdout.trim() : undefined;
  };
  // Installed inside somebody else's clone, the commit would be theirs.
  const commit = existsSync(join(cwd, ".git")) ? git("rev-parse", "HEAD") : undefined;
  return commit === undefined ? { version } : { version, commit, clean: git("status", "--porcelain") === "" };
}
