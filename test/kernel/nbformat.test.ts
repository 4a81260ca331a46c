import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { notebookProblems, schemaProblems } from "./nbformat.js";

interface Draft {
  nbformat_minor: number;
  metadata?: unknown;
  cells: Record<string, unknown>[];
}

const valid = (): Draft =>
  ({
    nbformat: 4,
    nbformat_minor: 5,
    metadata: {},
    cells: [
      { id: "a", cell_type: "markdown", metadata: {}, source: "# Title" },
      {
        id: "b",
        cell_type: "code",
        metadata: {},
        source: ["1\n", "2"],
        execution_count: 1,
        outputs: [
          { output_type: "stream", name: "stdout", text: ["x\n"] },
          { output_type: "execute_result", execution_count: 1, data: { "text/plain": "2" }, metadata: {} },
          { output_type: "display_data", data: { "application/json": { a: 1 } }, metadata: {} },
          { output_type: "error", ename: "Error", evalue: "", traceback: [] },
        ],
      },
    ],
  }) as Draft;

const output = (draft: Draft, i: number): Record<string, unknown> =>
  (draft.cells[1]!.outputs as Record<string, unknown>[])[i]!;

/** One fault each. */
const FAULTS: Record<string, (draft: Draft) => unknown> = {
  "an older format": (draft) => (draft.nbformat_minor = 4),
  "no metadata": (draft) => delete draft.metadata,
  "a cell without id": (draft) => delete draft.cells[0]!.id,
  "an id with a space": (draft) => (draft.cells[0]!.id = "a b"),
  "an unknown cell type": (draft) => (draft.cells[0]!.cell_type = "html"),
  "outputs on markdown": (draft) => (draft.cells[0]!.outputs = []),
  "no outputs on code": (draft) => delete draft.cells[1]!.outputs,
  "no execution count": (draft) => delete draft.cells[1]!.execution_count,
  "source that is no text": (draft) => (draft.cells[1]!.source = 3),
  "a result without count": (draft) => delete output(draft, 1).execution_count,
  "transient in an output": (draft) => (output(draft, 2).transient = {}),
  "an error without traceback": (draft) => delete output(draft, 3).traceback,
  "an unknown output": (draft) => (output(draft, 3).output_type = "pyerr"),
};

test("a valid notebook has no problems, for us and for the format's schema", () => {
  assert.deepEqual(notebookProblems(valid()), []);
  assert.deepEqual(schemaProblems(valid()) ?? [], []);
});

test("two cells with one id", () => {
  const draft = valid();
  draft.cells[1]!.id = "a";
  assert.match(notebookProblems(draft).join(), /id "a" is taken/);
});

test("a stream of another name is found (the schema allows any)", () => {
  const draft = valid();
  output(draft, 0).name = "stdlog";
  assert.notDeepEqual(notebookProblems(draft), []);
});

for (const [name, inject] of Object.entries(FAULTS)) {
  test(`${name} is found, also by the format's schema where there is one`, () => {
    const draft = valid();
    inject(draft);
    assert.notDeepEqual(notebookProblems(draft), []);
    assert.notDeepEqual(schemaProblems(draft), []);
  });
}

test("the fixtures are valid notebooks", () => {
  for (const file of readdirSync("test/kernel/fixtures")) {
    assert.deepEqual(
      notebookProblems(JSON.parse(readFileSync(`test/kernel/fixtures/${file}`, "utf8"))),
      [],
      file,
    );
  }
});
