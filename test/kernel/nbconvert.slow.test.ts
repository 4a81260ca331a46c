import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { labEnvironment } from "spectral-lab/kernel/lab";
import { joinText, type Notebook } from "spectral-lab/kernel/notebook";
import { notebookProblems } from "./nbformat.js";

/** The same kernel through Jupyter's own executor (Debian: apt install jupyter-nbconvert). */
const env = labEnvironment({ env: { ...process.env, SPECTRAL_PROFILE: "quick" }, root: process.cwd() });
const found = spawnSync("jupyter", ["nbconvert", "--version"], { env }).status === 0;
const skip = !found && "no jupyter nbconvert on this machine (Debian: apt install jupyter-nbconvert)";
const output = mkdtempSync(join(tmpdir(), "spectral-lab-nbconvert-"));
after(() => rmSync(output, { recursive: true }));

function nbconvert(name: string, ...options: string[]) {
  const args = ["nbconvert", "--to", "notebook", "--execute", `--output-dir=${output}`, ...options];
  const { status, stderr } = spawnSync("jupyter", [...args, `test/kernel/fixtures/${name}.ipynb`], {
    env,
    encoding: "utf8",
  });
  const read = (): Notebook => JSON.parse(readFileSync(join(output, `${name}.ipynb`), "utf8")) as Notebook;
  return { status, stderr, read };
}

test("nbconvert executes a notebook", { skip }, () => {
  const { status, stderr, read } = nbconvert("basics");
  assert.equal(status, 0, stderr);
  const notebook = read();
  assert.deepEqual(notebookProblems(notebook), []);
  const counts = notebook.cells.map((cell) => cell.execution_count);
  assert.deepEqual(counts, [undefined, 1, 2, 3, 4, 5, 6, 7, 8, null]);
  const updated = notebook.cells.find((cell) => cell.id === "display")!.outputs![0]!;
  assert.deepEqual("data" in updated && updated.data["text/html"], ["<b>100 %</b>"]);
});

test("nbconvert gets every line of a burst", { skip }, () => {
  // nbconvert stops listening 4 s after a cell's reply, however much is still to come; this machine may be busy.
  const { status, stderr, read } = nbconvert("burst", "--ExecutePreprocessor.iopub_timeout=60");
  assert.equal(status, 0, stderr);
  const [lines, displays] = read().cells.map((cell) => cell.outputs!);
  const text = lines!.map((one) => ("text" in one ? joinText(one.text) : "")).join("");
  assert.deepEqual(
    text.trimEnd().split("\n"),
    Array.from({ length: 10_000 }, (_, i) => `line ${i}`),
  );
  assert.equal(displays!.length, 2_000);
});

for (const [name, message] of [
  ["error", /RangeError: left is 3\n\s+at fail \(cell\[1\]\.ts:6:9\)/],
  ["type-error", /TypeScriptError: cell\[1\]\.ts:2:10 - 'text' is possibly 'undefined'/],
  ["unhandled", /Error: nobody waits for this/],
  ["death", /DeadKernelError/],
] as const) {
  test(`nbconvert stops at a cell that fails: ${name}`, { skip }, () => {
    const { status, stderr } = nbconvert(name);
    assert.notEqual(status, 0);
    assert.match(stderr, message);
  });
}

test("nbconvert interrupts a cell over its timeout, which saves its work", { skip }, () => {
  const options = ["--ExecutePreprocessor.timeout=2", "--ExecutePreprocessor.interrupt_on_timeout=True"];
  const { status, read } = nbconvert("endless", ...options, "--allow-errors");
  assert.equal(status, 0);
  const outputs = read().cells[0]!.outputs!;
  assert.deepEqual(outputs[0], { output_type: "stream", name: "stdout", text: ["checkpoint saved\n"] });
  assert.equal(outputs[1]?.output_type === "error" && outputs[1].ename, "Interrupted");
});
