import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Backend } from "../backend/backend.js";
import { projectRoot } from "../store/paths.js";

/** Versions for a run's record: of this package, of Node, and what the backend names. */
export function versions(backend: Backend): Record<string, string> {
  return { "spectral-lab": packageVersion(), node: process.versions.node, ...backend.versions };
}

/** This package's version; "unknown" where its package.json is not at hand (one bundled file). */
export function packageVersion(): string {
  try {
    const text = readFileSync(join(projectRoot(), "package.json"), "utf8");
    return String((JSON.parse(text) as { version?: unknown }).version ?? "unknown");
  } catch {
    return "unknown";
  }
}
