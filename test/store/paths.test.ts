import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join, resolve } from "node:path";
import { it } from "node:test";
import { build } from "esbuild";
import { projectRoot, resultsFolder, runsFolder, studiesFolder } from "spectral-lab/store/paths";
import { temporaryFolder } from "./temporary-folder.js";

it("the project is found from the package, and SPECTRAL_RUNS and SPECTRAL_STUDIES move what is made", () => {
  const root = projectRoot();
  assert.equal(
    (JSON.parse(fs.readFileSync(join(root, "package.json"), "utf8")) as { name: string }).name,
    "spectral-lab",
  );
  assert.equal(runsFolder({}), join(root, "data", "runs"));
  assert.equal(runsFolder({ SPECTRAL_RUNS: "elsewhere" }), resolve("elsewhere"));
  assert.equal(studiesFolder({}), join(root, "data", "studies"));
  assert.equal(studiesFolder({ SPECTRAL_STUDIES: "elsewhere" }), resolve("elsewhere"));
  assert.equal(resultsFolder(), join(root, "data", "results"));
});

it("bundled into one file, the project is found from the working folder, which also is the last resort", async (t) => {
  const folder = fs.realpathSync(temporaryFolder(t));
  for (const format of ["esm", "cjs"] as const) {
    const bundle = join(folder, format === "esm" ? "bundle.mjs" : "bundle.cjs");
    const stdin = {
      contents: 'import { projectRoot } from "spectral-lab/store/paths"; console.log(projectRoot());',
      resolveDir: projectRoot(),
    };
    await build({ stdin, bundle: true, platform: "node", format, outfile: bundle, logLevel: "silent" });
    const rootFrom = (cwd: string): string =>
      spawnSync(process.execPath, [bundle], { cwd, encoding: "utf8" }).stdout.trim();
    assert.equal(rootFrom(join(projectRoot(), "test")), projectRoot());
    assert.equal(rootFrom(folder), folder);
  }
});
