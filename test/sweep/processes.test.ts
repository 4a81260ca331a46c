import assert from "node:assert/strict";
import { test } from "node:test";
import { projectRoot } from "spectral-lab/store/paths";
import { programFile } from "spectral-lab/sweep/processes";
import { temporaryFolder } from "../store/temporary-folder.js";

test("members run the project's command line; bundled into one file, the program that is running", (t) => {
  assert.equal(programFile(), `${projectRoot()}/dist/cli/main.js`);
  assert.equal(programFile(temporaryFolder(t)), process.argv[1]);
});
