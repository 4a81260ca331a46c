import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** A new folder that goes when the test ends. */
export function temporaryFolder(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "spectral-data-"));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The numbers 0 .. count - 1. */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
