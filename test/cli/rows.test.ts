import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { rowsOf } from "spectral-lab/cli/rows";
import { modularAddition } from "spectral-lab/tasks/index";
import { storedNetwork } from "../analysis/stored-network.js";
import { temporaryFolder } from "../store/temporary-folder.js";

test("a folder that went away after the last write is an error, not a run without rows", async (t) => {
  const root = temporaryFolder(t);
  const { run } = await storedNetwork(join(root, "runs"), modularAddition, {
    modulus: 7,
    width: 8,
    hidden: 16,
  });
  assert.deepEqual(rowsOf(run), run.rows());
  renameSync(join(root, "runs"), join(root, "old"));
  const message = /runs\/modular-addition\/\w+ was moved away or deleted after the last of it was written$/;
  assert.throws(() => rowsOf(run), { name: "StoreError", message });
});
