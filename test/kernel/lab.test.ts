import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { installAdvice, labEnvironment, planLab } from "spectral-lab/kernel/lab";

const folder = mkdtempSync(join(tmpdir(), "spectral-lab-path-"));
after(() => rmSync(folder, { recursive: true }));
const skip = process.platform === "win32" && "fake programs are shell scripts";

/** A machine whose PATH holds only these programs; a script's exit code is its answer. */
function machine(t: TestContext, programs: Record<string, string>, venv: Record<string, string> = {}) {
  const home = mkdtempSync(join(folder, "m-"));
  const write = (bin: string, scripts: Record<string, string>): void => {
    mkdirSync(bin, { recursive: true });
    for (const [name, script] of Object.entries(scripts)) {
      writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
      chmodSync(join(bin, name), 0o755);
    }
  };
  write(join(home, "bin"), programs);
  write(join(home, ".venv", "bin"), venv);
  t.diagnostic(home);
  return { platform: "linux" as const, env: { PATH: join(home, "bin") }, root: home };
}

const HAS_LAB = 'test "$1" = lab';
const NO_LAB = 'test "$1" != lab';
const MODULE_LAB = 'test "$1 $2" = "-m jupyterlab"';
const VENV_ONLY = 'test "$1" = "-c"';

test("jupyter lab on the PATH comes first", { skip }, (t) => {
  const plan = planLab(machine(t, { jupyter: HAS_LAB, python3: "exit 0" }));
  assert.deepEqual(plan, { prepare: [], open: ["jupyter", "lab"] });
});

test("a jupyter without lab is not one", { skip }, (t) => {
  const plan = planLab(machine(t, { jupyter: NO_LAB, python3: MODULE_LAB }));
  assert.deepEqual(plan, { prepare: [], open: ["python3", "-m", "jupyterlab"] });
});

test("the project's own .venv, once made, is used", { skip }, (t) => {
  const own = machine(t, { python3: VENV_ONLY }, { "jupyter-lab": "exit 0" });
  assert.deepEqual(planLab(own), { prepare: [], open: [join(own.root, ".venv/bin/jupyter-lab")] });
});

test("a .venv is made where Python can", { skip }, (t) => {
  const bare = machine(t, { python3: VENV_ONLY });
  const venv = join(bare.root, ".venv");
  assert.deepEqual(planLab(bare), {
    prepare: [
      ["python3", "-m", "venv", venv],
      [join(venv, "bin/python"), "-m", "pip", "install", "jupyterlab>=4,<5"],
    ],
    open: [join(venv, "bin/jupyter-lab")],
  });
});

test("a half-made .venv is made again", { skip }, (t) => {
  const plan = planLab(machine(t, { python3: VENV_ONLY }, { "jupyter-lab": "exit 1" }));
  assert.equal(plan.prepare.length, 2);
});

test("without Python, or with one that lacks venv, there is nothing to open", { skip }, (t) => {
  assert.deepEqual(planLab(machine(t, {})), { prepare: [] });
  assert.deepEqual(planLab(machine(t, { python3: "exit 1" })), { prepare: [] });
});

test("advice names the system's own way", () => {
  assert.match(installAdvice("linux"), /apt install python3-venv/);
  assert.match(installAdvice("darwin"), /brew install jupyterlab/);
  assert.match(installAdvice("win32"), /winget install/);
  assert.match(installAdvice("freebsd"), /npm run notebooks/);
});

test("Jupyter finds our kernel beside others; the PATH keeps its order", () => {
  const env = labEnvironment({ env: { PATH: "/usr/bin", JUPYTER_PATH: "/other" }, root: "/project" });
  assert.equal(env.JUPYTER_PATH, [join("/project", "jupyter"), "/other"].join(delimiter));
  assert.equal(env.PATH, ["/usr/bin", dirname(process.execPath)].join(delimiter));
});
