import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** A new folder that is removed when the test ends. */
export function temporaryFolder(t: TestContext): string {
  const folder = fs.mkdtempSync(join(tmpdir(), "spectral-store-"));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A disk of 64 KiB; undefined (and the test marked as skipped) where mounting is not permitted. */
export function tinyDisk(t: TestContext): { folder: string; makeReadOnly(): void } | undefined {
  const folder = fs.mkdtempSync(join(tmpdir(), "spectral-disk-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]).status === 0;
  t.after(() => {
    if (mounted) spawnSync("umount", [folder]);
    fs.rmdirSync(folder);
  });
  if (!mounted) t.skip("mounting a small disk is not permitted here");
  const makeReadOnly = (): void => void spawnSync("mount", ["-o", "remount,ro", folder]);
  return mounted ? { folder, makeReadOnly } : undefined;
}
