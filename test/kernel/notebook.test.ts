import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { readNotebook, writeNotebook, type Notebook } from "spectral-lab/kernel/notebook";
import { checkKernel } from "spectral-lab/kernel/own-notebook";
import { temporaryFolder, tinyDisk } from "../store/temporary-folder.js";
import { notebookProblems } from "./nbformat.js";

const code = (fields: object = {}) => ({
  id: "a",
  cell_type: "code",
  metadata: {},
  source: "1",
  outputs: [],
  execution_count: null,
  ...fields,
});
const notebook = (fields: object = {}) => ({
  nbformat: 4,
  nbformat_minor: 5,
  metadata: {},
  cells: [code()],
  ...fields,
});

async function read(t: TestContext, content: string | Buffer): Promise<Notebook> {
  const path = join(temporaryFolder(t), "some.ipynb");
  fs.writeFileSync(path, content);
  return readNotebook(path);
}

/** Each is no notebook that can be read; the message says what was found. */
const NOT_READABLE: Record<string, [content: unknown, says: RegExp]> = {
  "an empty file": ["", /not a readable notebook: the file is empty/],
  "white space": ["\n \n", /the file is empty/],
  "a page of HTML": ["\n<!DOCTYPE html><html>", /a page of HTML/],
  "a Git LFS pointer": [
    "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    /Git LFS pointer/,
  ],
  "a merge conflict": ['{\n"cells": [\n<<<<<<< HEAD\n', /merge conflict that is not resolved, at line 3/],
  "a file that was cut": ['{"cells": [', /not a readable notebook: no JSON/],
  "UTF-16": [Buffer.from("\ufeff{}", "utf16le"), /UTF-16/],
  "bytes that are no text": [Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), /not text in UTF-8/],
  "a list": [[], /expected an object, found a list of 0/],
  null: ["null", /expected an object, found null/],
  "format 3": [{ nbformat: 3, worksheets: [] }, /format 4, found nbformat 3; jupyter nbconvert/],
  "format as text": [notebook({ nbformat: "4" }), /found nbformat the text "4"/],
  "no format": [{ cells: [] }, /found nbformat nothing/],
  "a minor version that is none": [notebook({ nbformat_minor: "x" }), /nbformat_minor: .*the text "x"/],
  "no cells": [notebook({ cells: undefined }), /cells: expected a list, found nothing/],
  "metadata that are none": [notebook({ metadata: [] }), /metadata: expected an object, found a list of 0/],
  "a cell that is null": [notebook({ cells: [code(), null] }), /cell 2: expected an object, found null/],
  "a cell without type": [
    notebook({ cells: [code({ cell_type: undefined })] }),
    /cell 1: cell_type: expected .*found nothing/,
  ],
  "a cell of format 3": [
    notebook({ cells: [code({ cell_type: "heading" })] }),
    /cell 1: cell_type: .*"heading"/,
  ],
  "a type that every object has": [
    notebook({ cells: [code({ cell_type: "constructor" })] }),
    /cell 1: cell_type: .*"constructor"/,
  ],
  "a cell's metadata": [notebook({ cells: [code({ metadata: "m" })] }), /cell 1: metadata: .*the text "m"/],
  "tags as text": [
    notebook({ cells: [code({ metadata: { tags: "raises-exception" } })] }),
    /cell 1: metadata\.tags: expected a list of texts, found the text "raises-exception"/,
  ],
  "a tag that is none": [
    notebook({ cells: [code({ metadata: { tags: ["a", 5] } })] }),
    /cell 1: metadata\.tags\[1\]: expected a text, found 5/,
  ],
  "a source that is none": [notebook({ cells: [code({ source: 5 })] }), /cell 1: source: .*found 5/],
  "a line that is none": [notebook({ cells: [code({ source: ["a", null] })] }), /source\[1\]: .*found null/],
  "outputs that are none": [notebook({ cells: [code({ outputs: "z" })] }), /cell 1: outputs: .*the text "z"/],
  "an output that is none": [notebook({ cells: [code({ outputs: [null] })] }), /outputs\[0\]: .*found null/],
  "endless nesting": [
    `{"nbformat": 4, "metadata": {"deep": ${"[".repeat(200_000)}${"]".repeat(200_000)}}, "cells": []}`,
    /more than 500 deep/,
  ],
};

for (const [name, [content, says]] of Object.entries(NOT_READABLE)) {
  test(`refused, with the file, the place and what was found: ${name}`, async (t) => {
    const raw = typeof content === "string" || Buffer.isBuffer(content) ? content : JSON.stringify(content);
    await assert.rejects(read(t, raw), (error: Error) => {
      assert.equal(error.name, "DataError");
      assert.match(error.message, /some\.ipynb: /);
      assert.match(error.message, says);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
  });
}

test("a missing file and a folder", async (t) => {
  const folder = temporaryFolder(t);
  await assert.rejects(
    readNotebook(join(folder, "no.ipynb")),
    /no\.ipynb: not a readable notebook: it does not/,
  );
  await assert.rejects(readNotebook(folder), /not a readable notebook: it is a folder/);
});

test("what is missing gets the format's default, and what is written is valid", async (t) => {
  const path = join(temporaryFolder(t), "n.ipynb");
  const cells = [
    { cell_type: "code" },
    { cell_type: "code", metadata: null, source: null, outputs: null },
    { cell_type: "markdown", id: "a b" },
    { cell_type: "raw", id: 5, metadata: {}, source: ["x\n", "y"] },
    code({ id: "same" }),
    code({ id: "same", execution_count: "7" }),
    code({ id: "cell-0" }),
  ];
  fs.writeFileSync(path, `\ufeff${JSON.stringify({ nbformat: 4, cells })}`);
  const found = await readNotebook(path);
  assert.deepEqual(notebookProblems(found), []);
  assert.deepEqual(
    found.cells.map((cell) => [cell.id, cell.source]),
    [
      ["cell-0-2", ""],
      ["cell-1", ""],
      ["cell-2", ""],
      ["cell-3", ["x\n", "y"]],
      ["same", "1"],
      ["cell-5", "1"],
      ["cell-0", "1"],
    ],
  );
});

test("keys named __proto__ are keys, and are kept", async (t) => {
  const path = join(temporaryFolder(t), "n.ipynb");
  const text = JSON.stringify(
    notebook({ metadata: { PROTO: { x: 1 } }, cells: [code({ metadata: { PROTO: null } })] }),
  );
  fs.writeFileSync(path, text.replaceAll("PROTO", "__proto__"));
  const found = await readNotebook(path);
  assert.deepEqual([found.metadata.x, found.cells[0]!.metadata.tags], [undefined, undefined]);
  await writeNotebook(path, found);
  assert.deepEqual(
    JSON.parse(fs.readFileSync(path, "utf8")),
    JSON.parse(text.replaceAll("PROTO", "__proto__")),
  );
});

test("a notebook is laid out as Jupyter does", async (t) => {
  const path = join(temporaryFolder(t), "n.ipynb");
  for (const content of [
    notebook(),
    notebook({ cells: [] }),
    notebook({ cells: [code(), code({ id: "b" })] }),
  ]) {
    await writeNotebook(path, content as unknown as Notebook);
    assert.equal(fs.readFileSync(path, "utf8"), `${JSON.stringify(content, null, 1)}\n`);
  }
});

test("on a full disk the old notebook stays, and the error names it", async (t) => {
  const disk = tinyDisk(t);
  if (disk === undefined) return;
  const path = join(disk.folder, "n.ipynb");
  const old = notebook() as unknown as Notebook;
  await writeNotebook(path, old);
  const large = notebook({ cells: [code({ source: "x".repeat(100_000) })] }) as unknown as Notebook;
  await assert.rejects(writeNotebook(path, large), /cannot write .*n\.ipynb: the disk is full \(ENOSPC\)/);
  assert.deepEqual(await readNotebook(path), old);
  assert.deepEqual(fs.readdirSync(disk.folder), ["n.ipynb"]);
});

const foreign: [metadata: object, says: RegExp][] = [
  [
    { kernelspec: { name: "python3", language: "python" } },
    /kernelspec python3: not a notebook of this kernel/,
  ],
  [{ kernelspec: { name: "python3" }, language_info: { name: "typescript" } }, /kernelspec python3: not/],
  [{ kernelspec: { name: "deno", language: "typescript" } }, /kernelspec deno: not/],
  [{ kernelspec: { name: "jslab", language: "javascript" } }, /kernelspec jslab: not/],
  [{ kernelspec: { display_name: "R", language: "R" } }, /kernelspec language R: not/],
  [{ kernelspec: { name: "tslab", language: "python" } }, /kernelspec language python: not/],
  [{ language_info: { name: "python" } }, /language_info python: not/],
  [
    { kernelspec: { display_name: "Python 3" }, language_info: { name: "python" } },
    /language_info python: not/,
  ],
  [{ kernelspec: "python3" }, /kernelspec python3: not/],
  [{ kernelspec: ["tslab"] }, /kernelspec \["tslab"\]: not/],
  [{ kernelspec: { name: 5 } }, /kernelspec 5: not/],
];
for (const [metadata, says] of foreign) {
  test(`for another kernel: ${JSON.stringify(metadata)}`, () => {
    assert.throws(() => checkKernel(notebook({ metadata }) as unknown as Notebook, "n.ipynb"), says);
  });
}

test("for this kernel", () => {
  const own = [
    {},
    { kernelspec: null, language_info: null },
    { kernelspec: { name: "tslab" } },
    { kernelspec: { name: "tslab", display_name: "mine", language: "typescript" } },
    { language_info: { name: "typescript" } },
    { kernelspec: {}, language_info: {} },
  ];
  for (const metadata of own) checkKernel(notebook({ metadata }) as unknown as Notebook, "n.ipynb");
});
