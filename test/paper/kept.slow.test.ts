import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startBackend } from "spectral-lab/backend/start";
import { allPlans, frugal, PAPER_FIGURES } from "spectral-lab/paper/index";
import { dryRun } from "spectral-lab/sweep/dry-run";
import { expand } from "spectral-lab/sweep/expand";
import { joined } from "spectral-lab/sweep/plan";
import { resolverOf } from "spectral-lab/sweep/resolve";
import { type DryRunSummary, dryRunSummary } from "spectral-lab/sweep/text";

const root = mkdtempSync(join(tmpdir(), "spectral-kept-"));
test.after(() => rmSync(root, { recursive: true, force: true }));

async function summaryOf(plans: Parameters<typeof joined>[0]): Promise<DryRunSummary> {
  await startBackend({ backend: "js" });
  const folders = { runs: join(root, "runs"), studies: join(root, "studies"), outline: true };
  const resolver = await resolverOf(expand(joined(plans)), { ...folders, others: allPlans("paper") });
  return dryRunSummary(await dryRun(resolver), "paper");
}

test("figures of the paper profile keep less than 50 GB, and what waits for other plans is said", async () => {
  const { bytes, peak, shared, members } = await summaryOf(
    PAPER_FIGURES.flatMap(({ plan }) => (plan ? frugal(plan("paper")) : [])),
  );
  assert.ok(bytes.total < 50e9 && bytes.total > 10e9, `${bytes.total} bytes`);
  assert.ok(peak > bytes.total && peak < 100e9, `${peak} bytes`);
  assert.deepEqual(shared.plans, ["decay-arms"]);
  assert.ok(members.missing > 4000);
});

test("so do all plans together, and then nothing waits", async () => {
  const { bytes, shared } = await summaryOf(allPlans("paper"));
  assert.ok(bytes.total < 50e9 && bytes.memory === 0, `${bytes.total} bytes`);
  assert.deepEqual(shared, { bytes: 0, plans: [] });
});
