import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "./paths.js";

/** Which state of this package computed something. */
export interface Code {
  /** "unknown" in records older than this field, of bundled programs. */
  readonly version: string;
  /** The git commit, where the package runs from a checkout. */
  readonly commit?: string;
  /** Whether the sources were those of the commit. */
  readonly clean?: boolean;
}

/** Paths whose content decides what is computed: a notebook that was run again makes no tree unclean. */
const SOURCES = ["src", "vendor", "package.json", "package-lock.json"];

let known: Code | undefined;

/**
 * The state of this package's code: what a bundled program was told when it was made (SPECTRAL_CODE, JSON), else the
 * version of package.json and, in a checkout, git's commit. Asked once per process.
 */
export function thisCode(): Code {
  return (known ??= bundledCode() ?? { version: packageVersion(), ...commitOf(projectRoot()) });
}

/** This package's version; "unknown" where its package.json is not at hand. */
export function packageVersion(): string {
  try {
    const text = readFileSync(join(projectRoot(), "package.json"), "utf8");
    return String((JSON.parse(text) as { version?: unknown }).version ?? "unknown");
  } catch {
    return "unknown";
  }
}

function bundledCode(): Code | undefined {
  const told = process.env.SPECTRAL_CODE; // replaced by its value in a bundle
  return told ? (JSON.parse(told) as Code) : undefined;
}

function commitOf(root: string): Pick<Code, "commit" | "clean"> {
  if (!existsSync(join(root, ".git"))) return {};
  const git = (...args: string[]): string =>
    execFileSync("git", ["-C", root, ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  try {
    return { commit: git("rev-parse", "HEAD"), clean: git("status", "--porcelain", "--", ...SOURCES) === "" };
  } catch {
    return {}; // no git on this machine
  }
}
