import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { paperFigure } from "spectral-lab/paper/index";
import { expand } from "spectral-lab/sweep/expand";
import { taskNamed } from "spectral-lab/tasks/index";
import { storeExample } from "../paper/stored-example.js";
import { spectral } from "./spectral.js";

const root = mkdtempSync(join(tmpdir(), "spectral-figures-cli-"));
after(() => rmSync(root, { recursive: true, force: true }));

test("a figure that lacks runs or studies says how to make them, and stops no other", () => {
  const [runs, studies, output] = ["runs", "studies", "drawn"].map((name) => join(root, name));
  const task = taskNamed("vgg");
  const example = { matrices: ["layers.0.conv.weight", "layers.3.conv.weight"], contacts: [] };
  const profile = "paper"; // of which no results are committed
  storeExample(runs, { task, profile }, example);
  const members = expand(paperFigure(14).plan!(profile));
  const { task: name, setting, set, seed } = members.find((member) => member.what === "run")!;
  storeExample(runs, { task: taskNamed(name), profile, setting, set, seed }, example);
  const folders = ["--runs", runs, "--studies", studies, "--output", output];
  const { status, stdout, stderr } = spectral([
    "figures",
    "9",
    "8",
    "4",
    "14",
    "--profile",
    profile,
    ...folders,
  ]);
  assert.equal(status, 0, stderr);
  assert.match(
    stdout,
    /^figure 9: not drawn from 1 runs and 0 studies of profile paper: .*make them with: spectral sweep figure9 --profile paper$/m,
  );
  assert.match(
    stdout,
    /^figure 8: no finished runs of profile paper; make them with: spectral train mlp-labels --profile paper/m,
  );
  assert.ok(existsSync(join(output, "figure4.svg")), stdout);
  assert.match(
    stdout,
    /^ {2}drawn without \d+ members of its plan that are not stored: spectral sweep figure14/m,
  );
});
