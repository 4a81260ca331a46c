import assert from "node:assert/strict";
import { copyFile, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { executeNotebook, main } from "spectral-lab/kernel/execute";
import { joinText, readNotebook, type CellOutput, type Notebook } from "spectral-lab/kernel/notebook";
import { notebookProblems, schemaProblems } from "./nbformat.js";

const fixture = (name: string): string => `test/kernel/fixtures/${name}.ipynb`;
let output: string;
before(async () => {
  output = await mkdtemp(join(tmpdir(), "spectral-lab-test-"));
});
after(() => rm(output, { recursive: true }));

/** Runs a fixture and reads what was written. */
async function execute(name: string, options: Parameters<typeof executeNotebook>[1] = {}) {
  const lines: string[] = [];
  const { failure } = await executeNotebook(fixture(name), {
    output,
    log: (line) => lines.push(line),
    ...options,
  });
  const notebook = JSON.parse(await readFile(join(output, `${name}.ipynb`), "utf8")) as Notebook;
  assert.deepEqual(notebookProblems(notebook), []);
  assert.deepEqual(schemaProblems(notebook) ?? [], []);
  const cell = (id: string) => notebook.cells.find((one) => one.id === id)!;
  return { failure, lines, notebook, cell };
}
const printed = (outputs: CellOutput[] = []): string =>
  outputs.map((one) => (one.output_type === "stream" ? joinText(one.text) : "")).join("");

test("a notebook: imports of this package, await, results, displays, parameters, timings", async () => {
  const { failure, lines, notebook, cell } = await execute("basics", { env: { SPECTRAL_PROFILE: "quick" } });
  assert.equal(failure, null);
  assert.deepEqual(cell("subpath").outputs, [
    { output_type: "execute_result", execution_count: 2, data: { "text/plain": ["2"] }, metadata: {} },
  ]);
  assert.equal(printed(cell("await").outputs), "0\n1\n2\ndone\n");
  assert.deepEqual(cell("progress").outputs, [
    { output_type: "stream", name: "stdout", text: ["step 100\n"] },
  ]);
  assert.deepEqual(cell("display").outputs, [
    { output_type: "display_data", data: { "text/html": ["<b>100 %</b>"] }, metadata: {} },
  ]);
  assert.equal(cell("expected").outputs?.[0]?.output_type, "error");
  assert.equal(printed(cell("parameter").outputs), "quick\n");
  const counts = notebook.cells.map((one) => one.execution_count);
  assert.deepEqual(counts, [undefined, 1, 2, 3, 4, 5, 6, 7, 8, null]);
  const times = cell("await").metadata.execution as Record<string, string>;
  assert.ok(Date.parse(times["iopub.execute_input"]!) <= Date.parse(times["shell.execute_reply"]!));
  assert.equal(lines.length, 8);
  assert.match(lines[1]!, /cell 3\/10 ok +\d+\.\d\d s {2}const lines/);
});

test("bursts arrive whole", async () => {
  const { failure, cell } = await execute("burst");
  assert.equal(failure, null);
  const lines = printed(cell("lines").outputs).trimEnd().split("\n");
  assert.deepEqual(
    lines,
    Array.from({ length: 10_000 }, (_, i) => `line ${i}`),
  );
  const shown = cell("displays").outputs!.map(
    (one) => one.output_type === "display_data" && one.data["text/plain"],
  );
  assert.deepEqual(
    shown,
    Array.from({ length: 2_000 }, (_, i) => [String(i)]),
  );
});

test("an error has the cell's own lines, and ends the notebook", async () => {
  const { failure, cell } = await execute("error");
  assert.equal(failure?.cell, 1);
  assert.deepEqual(cell("call").outputs, [
    {
      output_type: "error",
      ename: "RangeError",
      evalue: "left is 3",
      traceback: ["RangeError: left is 3", "    at fail (cell[1].ts:6:9)", "    at cell[2].ts:4:1"],
    },
  ]);
  assert.deepEqual([cell("after").execution_count, cell("after").outputs], [null, []]);
});

test("cells are checked strictly", async () => {
  const { failure, cell } = await execute("type-error");
  assert.match(failure!.message, /^TypeScriptError: cell\[1\]\.ts:2:10 - 'text' is possibly 'undefined'/);
  const [error] = cell("strict").outputs!;
  assert.ok(error?.output_type === "error");
  assert.deepEqual(error.traceback.slice(1), ["      return text.length;", "             ^"]);
});

test("a rejection that nobody handles fails its cell", async () => {
  const { failure, cell } = await execute("unhandled");
  assert.deepEqual([failure?.cell, failure?.message], [0, "Error: nobody waits for this"]);
  assert.equal(printed(cell("reject").outputs), "before\n");
  assert.deepEqual(cell("after").outputs, []);
});

test("an error after the last cell has ended fails the notebook", async () => {
  const { failure, cell } = await execute("late");
  assert.match(failure!.message, /after the cell/);
  assert.equal(cell("last").outputs?.[0]?.output_type, "error");
});

test("the death of the kernel is a failure, and what ran is written", async () => {
  const { failure, cell } = await execute("death");
  assert.equal(failure?.cell, 1);
  assert.match(failure!.message, /kernel died \(exit code 3\)/);
  assert.equal(printed(cell("fine").outputs), "ran\n");
});

test("a cell over the timeout is interrupted and may save its work", async () => {
  const { failure, cell } = await execute("endless", { timeout: 10 }); // time to compile it
  assert.match(failure!.message, /timed out after 10 s/);
  assert.equal(printed(cell("loop").outputs), "checkpoint saved\n");
  assert.deepEqual(cell("loop").outputs?.at(-1), {
    output_type: "error",
    ename: "Interrupted",
    evalue: "the cell was interrupted",
    traceback: ["Interrupted: the cell was interrupted"],
  });
  assert.deepEqual(cell("after").outputs, []);
});

test("a stopped run is written", async () => {
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 4000);
  const { failure, cell } = await execute("endless", { signal: stop.signal });
  assert.match(failure!.message, /stopped by the user/);
  assert.notEqual(
    cell("loop").execution_count === null,
    printed(cell("loop").outputs) === "checkpoint saved\n",
  );
});

test("the command line runs all notebooks, in place or elsewhere, and says what failed", async () => {
  const here = await mkdtemp(join("test/kernel", "tmp-"));
  try {
    const paths = ["burst", "late"].map((name) => join(here, `${name}.ipynb`));
    for (const path of paths) await copyFile(fixture(path.replace(/.*[\\/]|\.ipynb/g, "")), path);
    const lines: string[] = [];
    assert.equal(await main([here, "missing.ipynb"], (line) => lines.push(line)), 1);
    const text = lines.join("\n");
    assert.match(text, /late\.ipynb\n.*cell 1\/1.*\n {2}FAILED in cell 1: Error: after the cell/);
    assert.match(text, /burst\.ipynb\n(.*\n){2} {2}ok \(/);
    assert.match(text, /missing\.ipynb\n {2}FAILED: missing\.ipynb: not a readable notebook/);
    assert.equal((await readNotebook(paths[0]!)).cells[0]!.execution_count, 1);
    assert.deepEqual((await readdir(here)).sort(), ["burst.ipynb", "late.ipynb"]); // nothing left beside them
  } finally {
    await rm(here, { recursive: true });
  }
});

test("bad command lines", async () => {
  assert.equal(await main([], () => {}), 2);
  assert.equal(await main(["--timeout", "soon", "a.ipynb"], () => {}), 2);
});
