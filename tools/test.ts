/**
 * Runs the test suite: `npm test`, or `npm test -- fast`, `npm test -- linalg store`. Fast tests first, in parallel; then
 * the slow ones (`*.slow.test.ts`: notebooks through the kernel, training runs, kills), one after the other, because
 * they measure time or use all processors. Words select the files whose path contains one of them; `fast` leaves the
 * slow ones out.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

const words = process.argv.slice(2).filter((word) => word !== "fast");
const onlyFast = process.argv.includes("fast");

const all = readdirSync("build/test", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".test.js"))
  .filter((name) => words.length === 0 || words.some((word) => name.includes(word)))
  .map((name) => join("build", "test", name))
  .sort();
const isSlow = (name: string): boolean => name.endsWith(".slow.test.js");

function run(files: readonly string[], concurrency: number): boolean {
  if (files.length === 0) return true;
  const args = ["--test", `--test-concurrency=${concurrency}`, "--test-reporter=spec", ...files];
  return spawnSync(process.execPath, args, { stdio: "inherit" }).status === 0;
}

if (all.length === 0) {
  console.error(
    `no tests ${words.length > 0 ? `with ${words.join(" or ")} in their path` : "in build/test"}`,
  );
  process.exit(1);
}
const fast = run(
  all.filter((name) => !isSlow(name)),
  2,
);
const slow = onlyFast || run(all.filter(isSlow), 1);
process.exit(fast && slow ? 0 : 1);
