import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { executeNotebook } from "spectral-lab/kernel/execute";

const cells = [
  `import { show, progress, interruptSignal, frame, type Figure } from "spectral-lab/lab/index";
const figure: Figure = {
  description: "a line",
  data: [{ type: "scatter", x: [1, 2, 3], y: [1, 4, 9] }],
  layout: { width: 300, height: 200 },
};
await show(figure);`,
  `await show(figure);
await show(frame([{ name: "conv", rank: 0.5 }]));`,
  `const bar = progress({ title: "steps", total: 3 });
for (const step of [1, 2, 3]) bar.update({ step, metrics: { loss: 1 / step } });
bar.done();
await show(String(interruptSignal().aborted));`,
];

/** A notebook of the cells above, inside the project so that "spectral-lab" is found. */
function notebookFile(folder: string): string {
  const path = join(folder, "lab.ipynb");
  const code = (source: string, index: number): object => {
    return { cell_type: "code", id: `c${index}`, execution_count: null, metadata: {}, outputs: [], source };
  };
  const kernelspec = { display_name: "TypeScript (tslab)", language: "typescript", name: "tslab" };
  writeFileSync(
    path,
    JSON.stringify({ cells: cells.map(code), metadata: { kernelspec }, nbformat: 4, nbformat_minor: 5 }),
  );
  return path;
}

test("cells show figures, tables and progress through the real kernel, twice with equal figures", async () => {
  mkdirSync("build", { recursive: true });
  const folder = mkdtempSync(join("build", "lab-"));
  try {
    const path = notebookFile(folder);
    const runs = [
      await executeNotebook(path, { output: null }),
      await executeNotebook(path, { output: null }),
    ];
    const outputs = runs.map(({ notebook, failure }) => {
      assert.equal(failure, null);
      return notebook.cells.map((cell) => JSON.parse(JSON.stringify(cell)).outputs as Output[]);
    });
    const [first] = outputs;
    assert.deepEqual(first.map((cell) => cell.map((output) => Object.keys(output.data).join())), [
      ["text/html,text/plain", "text/html,image/png,text/plain"],
      ["text/html,image/png,text/plain", "text/html,text/plain"],
      ["text/html,text/plain", "text/markdown,text/plain"],
    ]); // prettier-ignore
    assert.deepEqual(
      outputs[1].slice(0, 2),
      first.slice(0, 2),
      "figures and tables are functions of their content",
    );
    assert.match(text(first[2][0].data["text/plain"]), /^✓ steps: 3 steps in .*, loss 0.333$/);
    assert.equal(text(first[2][1].data["text/plain"]), "false");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

interface Output {
  data: Record<string, string | string[]>;
}

const text = (value: string | string[]): string => (Array.isArray(value) ? value.join("") : value);
