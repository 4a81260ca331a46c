import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { test, type TestContext } from "node:test";
import { executeNotebook, main } from "spectral-lab/kernel/execute";
import { joinText, type Cell, type CellOutput, type Notebook } from "spectral-lab/kernel/notebook";
import { temporaryFolder } from "../store/temporary-folder.js";
import { notebookProblems } from "./nbformat.js";

/** A cell as it was executed once, long ago. */
const cell = (source: string, ...tags: string[]): Cell => ({
  id: `c${++cells}`,
  cell_type: "code",
  metadata: tags.length > 0 ? { tags } : {},
  source,
  outputs: [{ output_type: "stream", name: "stdout", text: ["old\n"] }],
  execution_count: 77,
});
let cells = 0;

/** A notebook in a folder of its own. */
function write(folder: string, name: string, ...content: Cell[]): string {
  const path = join(folder, `${name}.ipynb`);
  const metadata = {
    kernelspec: { name: "tslab", display_name: "TypeScript (tslab)", language: "typescript" },
  };
  fs.writeFileSync(path, JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata, cells: content }));
  return path;
}

function read(path: string): Notebook {
  const notebook = JSON.parse(fs.readFileSync(path, "utf8")) as Notebook;
  assert.deepEqual(notebookProblems(notebook), []);
  return notebook;
}

const printed = ({ outputs = [] }: Cell): string =>
  outputs.map((one) => (one.output_type === "stream" ? joinText(one.text) : "")).join("");
/** Count and text of every cell. */
const state = (notebook: Notebook): unknown[] =>
  notebook.cells.map((one) => [one.execution_count, printed(one)]);
const lastError = ({ outputs = [] }: Cell): CellOutput & { output_type: "error" } => {
  const last = outputs.at(-1);
  assert.equal(last?.output_type, "error");
  return last as CellOutput & { output_type: "error" };
};
const kernelFolders = (folder: string): string[] =>
  fs.readdirSync(folder).filter((name) => name.startsWith("spectral-lab-kernel-"));

test("in place: cells that do not run keep their outputs, and a count says which ran", async (t) => {
  const path = write(
    temporaryFolder(t),
    "n",
    cell("console.log(1)"),
    cell('throw new Error("skipped")', "skip-execution"),
    cell('throw new Error("here")'),
    cell("console.log(4)"),
  );
  fs.chmodSync(path, 0o604);
  const { failure } = await executeNotebook(path);
  assert.deepEqual([failure?.cell, failure?.message], [2, "Error: here"]);
  const kept = read(path);
  assert.deepEqual(state(kept), [
    [1, "1\n"],
    [null, "old\n"],
    [2, ""],
    [null, "old\n"],
  ]);
  assert.equal(fs.statSync(path).mode & 0o7777, 0o604);
});

test("a notebook of another kernel stays, byte for byte, and the others run", async (t) => {
  const folder = temporaryFolder(t);
  const path = write(folder, "a", cell("print(1)"));
  const python = fs.readFileSync(path, "utf8").replaceAll("tslab", "python3");
  fs.writeFileSync(path, python);
  write(folder, "b", cell("console.log(2)"));
  const lines: string[] = [];
  assert.equal(await main([folder], (line) => lines.push(line)), 1);
  assert.match(
    lines.join("\n"),
    /a\.ipynb\n {2}FAILED: .*a\.ipynb: kernelspec python3: not a notebook of this kernel/,
  );
  assert.equal(fs.readFileSync(path, "utf8"), python);
  assert.deepEqual(state(read(join(folder, "b.ipynb"))), [[1, "2\n"]]);
});

test("two notebooks of one name: nothing runs", async (t) => {
  const folder = temporaryFolder(t);
  const paths = ["a", "b"].map((name) => {
    fs.mkdirSync(join(folder, name));
    return write(join(folder, name), "same", cell(`console.log("${name}")`));
  });
  const lines: string[] = [];
  assert.equal(await main(["--output", join(folder, "out"), ...paths], (line) => lines.push(line)), 2);
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /both would be written to .*same\.ipynb/);
  assert.equal(fs.existsSync(join(folder, "out")), false);
});

test("a notebook that is edited meanwhile keeps the edit", async (t) => {
  const folder = temporaryFolder(t);
  const path = write(
    folder,
    "n",
    cell('import * as fs from "node:fs"; fs.writeFileSync("n.ipynb", "edited");'),
  );
  await assert.rejects(executeNotebook(path), /n\.ipynb: somebody changed it while it was executed/);
  assert.equal(fs.readFileSync(path, "utf8"), "edited");
  assert.deepEqual(state(read(join(folder, "n.executed.ipynb"))), [[1, ""]]);
});

test("much output is cut with a note, and the next notebook runs", async (t) => {
  const folder = temporaryFolder(t);
  const loop = 'const s = "x".repeat(99); (() => { for (let i = 0; i < 1e6; i++) console.log(s); })();';
  write(folder, "a", cell(loop), cell('console.log("alive")'));
  write(folder, "b", cell('console.log("next")'));
  const start = performance.now();
  assert.equal(await main([folder], () => {}), 0);
  assert.ok(performance.now() - start < 40_000, "100 MB of lines, at a cost that is linear");
  const [first, second] = read(join(folder, "a.ipynb")).cells as [Cell, Cell];
  const text = printed(first);
  assert.match(
    text,
    /\[left out here: [\d,]+ characters of text\. Kept are at most 16 Mi characters of text/,
  );
  assert.ok(text.startsWith(`${"x".repeat(99)}\n`) && text.length > 2 ** 24 && text.length < 2 ** 24 + 300);
  assert.equal(printed(second), "alive\n");
  assert.deepEqual(state(read(join(folder, "b.ipynb"))), [[1, "next\n"]]);
});

test("a timeout longer than Node's timers is long", async (t) => {
  const path = write(
    temporaryFolder(t),
    "n",
    cell("await new Promise((done) => setTimeout(done, 300)); console.log(1)"),
  );
  const { failure } = await executeNotebook(path, { timeout: 2 ** 31 });
  assert.equal(failure, null);
  assert.deepEqual(state(read(path)), [[1, "1\n"]]);
});

for (const [name, source, how] of [
  ["ends itself", "process.exit(3)", /kernel died \(exit code 3\)/],
  [
    "is killed",
    'process.kill(process.pid, "SIGKILL"); await new Promise(() => {})',
    /kernel died \(signal SIGKILL, as a system short/,
  ],
] as const) {
  test(`a kernel that ${name} is one failure, which its cell says too`, async (t) => {
    const path = write(temporaryFolder(t), "n", cell("console.log(1)"), cell(source), cell("console.log(3)"));
    const { failure } = await executeNotebook(path);
    assert.equal(failure?.cell, 1);
    assert.match(failure.message, how);
    const notebook = read(path);
    assert.deepEqual(state(notebook), [
      [1, "1\n"],
      [2, ""],
      [null, "old\n"],
    ]);
    assert.match(lastError(notebook.cells[1]!).evalue, how);
  });
}

test("a cell that uses all memory is one failure, in one line", async (t) => {
  const fill =
    "const all: number[][] = []; for (;;) all.push(Array.from({ length: 1e5 }, (_, i) => i + 0.5));";
  const path = write(temporaryFolder(t), "n", cell("console.log(1)"), cell(fill));
  const { failure } = await executeNotebook(path, { env: { NODE_OPTIONS: "--max-old-space-size=400" } });
  assert.match(
    failure!.message,
    /^kernel died \(signal SIG\w+\): a cell used more memory than Node may take[^\n]*$/,
  );
  assert.deepEqual(state(read(path)), [
    [1, "1\n"],
    [2, ""],
  ]);
});

/** Loaded into the kernel: beside each message it publishes others of every kind, with the right and a wrong key. */
const FORGE = `
  import { readFileSync } from "node:fs";
  import { Publisher } from "zeromq";
  import { createHeader, encode } from "spectral-lab/kernel/wire";
  const { send } = Publisher.prototype;
  const contents = [null, 5, "text", [], { text: 5, data: null, execution_count: "x", transient: 5 }];
  let forging = false;
  const forged = function (frames) {
    const sent = send.call(this, frames);
    if (forging) return sent;
    forging = true;
    const { key } = JSON.parse(readFileSync(process.argv[2], "utf8"));
    const publish = (message, key) => void send.call(this, encode({ identities: [Buffer.from("x")], ...message }, key));
    const parent = JSON.parse(frames.at(-3).toString());
    for (const msg_type of ["stream", "status", "execute_input", "display_data", "update_display_data", 5, null]) {
      for (const content of contents) {
        const header = { ...createHeader("x", "s"), msg_type, date: content };
        publish({ header, parent, metadata: null, content }, key);
        publish({ header, parent, metadata: {}, content }, "another key");
      }
    }
    publish({ header: null, parent: 5, metadata: [], content: null }, key);
    void send.call(this, [Buffer.from("no message")]);
    forging = false;
    return sent;
  };
  Object.defineProperty(Publisher.prototype, "send", { value: forged });
`;

test("messages of any shape do not end the executor", async (t) => {
  const folder = fs.mkdtempSync(join("test/kernel", "tmp-")); // in the project, where the packages are found
  t.after(() => fs.rmSync(folder, { recursive: true }));
  fs.writeFileSync(join(folder, "forge.mjs"), FORGE);
  const path = write(folder, "n", cell('console.log("first")'), cell('console.log("second")'));
  const NODE_OPTIONS = `--import ${pathToFileURL(join(folder, "forge.mjs")).href}`;
  const { failure } = await executeNotebook(path, { env: { NODE_OPTIONS }, timeout: 30 });
  assert.equal(failure, null);
  const [first, second] = read(path).cells;
  assert.match(printed(first!), /first\n/);
  assert.match(printed(second!), /second\n/);
  assert.match(printed(first!), /left out here: .*[\d,]+ messages that could not be read/);
});

test("a cell that hears nothing ends near its timeout, and the next notebook has a kernel", async (t) => {
  const folder = temporaryFolder(t);
  const blocked =
    'import { execSync } from "node:child_process"; console.log("on");\nexecSync("sleep 300; true");';
  write(folder, "a", cell("console.log(1)"), cell("for (;;) await null;"), cell("console.log(3)"));
  write(folder, "b", cell(blocked), cell("console.log(2)"));
  write(folder, "c", cell("console.log(1)"));
  const start = performance.now();
  const lines: string[] = [];
  assert.equal(await main(["--timeout", "4", folder], (line) => lines.push(line)), 1);
  assert.ok(performance.now() - start < 70_000);
  assert.match(lines.join("\n"), /a\.ipynb[^]*FAILED in cell 2: timed out after 4 s/);
  const [a, b, c] = ["a", "b", "c"].map((name) => read(join(folder, `${name}.ipynb`))) as [
    Notebook,
    Notebook,
    Notebook,
  ];
  assert.deepEqual(state(a).toSpliced(1, 1), [
    [1, "1\n"],
    [null, "old\n"],
  ]);
  assert.equal(a.cells[1]!.execution_count, 2);
  assert.match(lastError(a.cells[1]!).evalue, /interrupted|killed/);
  assert.match(lastError(b.cells[0]!).evalue, /interrupted|killed/);
  assert.deepEqual(state(b)[1], [null, "old\n"]);
  assert.deepEqual(state(c), [[1, "1\n"]]);
});

/** The command in a process of its own, with a folder of its own for temporary files. */
function command(t: TestContext, ...args: string[]) {
  const temporary = fs.mkdtempSync(join(tmpdir(), "spectral-lab-test-"));
  t.after(() => fs.rmSync(temporary, { recursive: true, force: true }));
  const child = spawn(process.execPath, ["dist/kernel/execute.js", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, TMPDIR: temporary },
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (data: Buffer) => (text += data.toString()));
  const ended = new Promise<number | NodeJS.Signals | null>((done) =>
    child.once("exit", (code, signal) => done(signal ?? code)),
  );
  return { child, ended, temporary, text: () => text };
}

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (!holds()) {
    assert.ok(performance.now() < end, "in a minute");
    await sleep(50);
  }
}

for (const [signal, status] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  test(`${signal}: what ran is written, nothing is left, status ${status}`, async (t) => {
    const folder = temporaryFolder(t);
    const wait =
      'import * as fs from "node:fs"; fs.writeFileSync("begun", ""); await new Promise(() => setInterval(() => {}, 1000));';
    const path = write(folder, "n", cell("console.log(1)"), cell(wait), cell("console.log(3)"));
    write(folder, "o", cell("console.log(1)"));
    const { child, ended, temporary, text } = command(t, folder);
    await until(() => fs.existsSync(join(folder, "begun")));
    assert.equal(kernelFolders(temporary).length, 1);
    child.kill(signal);
    assert.equal(await ended, status, text());
    assert.deepEqual(state(read(path)), [
      [1, "1\n"],
      [2, ""],
      [null, "old\n"],
    ]);
    assert.match(text(), /FAILED in cell 2: stopped by the user/);
    assert.doesNotMatch(text(), /o\.ipynb/);
    assert.deepEqual(kernelFolders(temporary), []);
  });
}

test("a second signal does not wait for a cell that does not end", async (t) => {
  const folder = temporaryFolder(t);
  const hang = 'import * as fs from "node:fs"; fs.writeFileSync("begun", "");\nfor (;;) await null;';
  const path = write(folder, "n", cell("console.log(1)"), cell(hang));
  const { child, ended, temporary, text } = command(t, path);
  await until(() => fs.existsSync(join(folder, "begun")));
  child.kill("SIGTERM");
  await until(() => read(path).cells[0]!.execution_count === 1); // written before the cell has ended
  await sleep(1500);
  const start = performance.now();
  child.kill("SIGTERM");
  assert.equal(await ended, 143, text());
  assert.ok(performance.now() - start < 5000);
  assert.deepEqual(state(read(path))[0], [1, "1\n"]);
  assert.deepEqual(kernelFolders(temporary), []);
});

test("stopped before any cell ran, a notebook stays as it was", async (t) => {
  const path = write(temporaryFolder(t), "n", cell("console.log(1)"));
  const before = fs.readFileSync(path, "utf8");
  const { child, ended, temporary, text } = command(t, path);
  await until(() => kernelFolders(temporary).length === 1);
  child.kill("SIGTERM");
  assert.equal(await ended, 143, text());
  assert.equal(fs.readFileSync(path, "utf8"), before);
  assert.deepEqual(kernelFolders(temporary), []);
});

test("what a cell leaves running does not hold the executor", async (t) => {
  const child =
    'import { spawn } from "node:child_process";\nspawn("sleep", ["61"], { stdio: "inherit", detached: true }).unref();';
  const path = write(temporaryFolder(t), "n", cell(child));
  const start = performance.now();
  const { ended, text } = command(t, path);
  assert.equal(await ended, 0, text());
  assert.ok(performance.now() - start < 40_000);
});

test("a reader who leaves does not end the executor", async (t) => {
  const path = write(temporaryFolder(t), "n", cell("console.log(1)"), cell("console.log(2)"));
  const { child, ended } = command(t, path);
  child.stdout.destroy();
  assert.equal(await ended, 0);
  assert.deepEqual(state(read(path)), [
    [1, "1\n"],
    [2, "2\n"],
  ]);
});

test("the command line: help, and one line for what it cannot do", async () => {
  const said = async (...args: string[]): Promise<[number, string[]]> => {
    const lines: string[] = [];
    return [await main(args, (line) => lines.push(line)), lines];
  };
  for (const help of ["--help", "-h"]) {
    const [status, lines] = await said(help);
    assert.equal(status, 0);
    assert.match(lines.join("\n"), /^usage: node dist\/kernel\/execute\.js .*--timeout SECONDS/);
  }
  for (const [args, says] of [
    [[], /expected notebooks or folders/],
    [["--nonsense", "a.ipynb"], /there is no option --nonsense/],
    [["-x", "a.ipynb"], /there is no option -x/],
    [["--output"], /--output: its value is missing/],
    [["--output", "--timeout", "3", "a.ipynb"], /--output: its value is missing/],
    [["--output=", "a.ipynb"], /--output: expected a folder/],
    [["--timeout"], /--timeout: its value is missing/],
    [["--timeout", "", "a.ipynb"], /--timeout: expected seconds/],
    [["--timeout", "soon", "a.ipynb"], /--timeout: expected seconds, .*found "soon"/],
    [["--timeout=-3", "a.ipynb"], /--timeout: expected seconds/],
    [["--help=yes"], /--help/],
  ] as const) {
    const [status, lines] = await said(...args);
    assert.equal(status, 2);
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, says);
    assert.doesNotMatch(lines[0]!, /\n/);
  }
});
