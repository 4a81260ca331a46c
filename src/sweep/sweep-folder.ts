import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigError, DataError, messageOf } from "../core/errors.js";
import { writeFileAtomic } from "../core/files/atomic.js";
import { storeError } from "../core/files/io-error.js";
import { isDeeper } from "../core/schema.js";
import { foldersIn, unlessDamaged } from "../store/find-runs.js";
import { warnOnce } from "../store/folder.js";
import { sweepsFolder } from "../store/paths.js";
import type { Member } from "./expand.js";
import { type Plan, readPlan } from "./plan.js";

// A sweep's folder holds its plan and what its members print. It has no state: runs and studies have their own.

const PLAN = "plan.json";

/** Where the plan and logs of a sweep lie: <root>/<name of the plan>. */
export function sweepFolder({ name }: Pick<Plan, "name">, root: string = sweepsFolder()): string {
  return join(root, name);
}

/** Where what a member prints goes: "0012-branch.log", by its place among the members. */
export function logPath(folder: string, members: readonly Member[], member: Member): string {
  const place = String(members.indexOf(member) + 1).padStart(4, "0");
  const group = String(member.what === "run" ? member.facets.group : member.kind);
  return join(folder, "logs", `${place}-${group}.log`);
}

/** Writes the plan that is carried out, for the reader. @throws StoreError */
export function writePlan(folder: string, plan: Plan): void {
  writeFileAtomic(join(folder, PLAN), `${JSON.stringify(plan, null, 2)}\n`);
}

/**
 * The plans of all sweeps that were begun, as they were last carried out: they may have runs of another one.
 * @param onLeftOut told of a plan that cannot be read. Default a process warning, once for each
 */
export function begunPlans(
  root: string = sweepsFolder(),
  onLeftOut: (message: string) => void = warnOnce,
): readonly Plan[] {
  const files = foldersIn(root, onLeftOut)
    .map((name) => join(root, name, PLAN))
    .filter(existsSync);
  return files.flatMap((path) => unlessDamaged(onLeftOut, () => loadPlan(path)) ?? []);
}

/**
 * Reads a plan's file.
 * @throws ConfigError as readPlan, or if there is no such file; DataError if it holds no JSON; StoreError if it cannot be read
 */
export function loadPlan(path: string): Plan {
  if (!existsSync(path)) throw new ConfigError(`${path}: expected a plan's file, found none`);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw storeError("read", path, error);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new DataError(`${path}: expected JSON: ${messageOf(error)}`);
  }
  if (isDeeper(value, 20)) throw new DataError(`${path}: expected a plan, found deeper nesting`);
  return readPlan(value, path);
}
