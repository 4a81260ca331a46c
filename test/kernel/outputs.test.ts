import assert from "node:assert/strict";
import { test } from "node:test";
import { Allowance } from "spectral-lab/kernel/allowance";
import { joinText } from "spectral-lab/kernel/notebook";
import { OutputCollector, overwrite } from "spectral-lab/kernel/outputs";
import { createHeader } from "spectral-lab/kernel/wire";
import { notebookProblems, schemaProblems } from "./nbformat.js";

/** What a cell's notebook outputs are after these messages. */
function collect(...messages: [type: string, content: Record<string, unknown>][]) {
  const collector = new OutputCollector(new Map());
  for (const [type, content] of messages) collector.add({ header: createHeader(type, "s"), content });
  return collector.outputs;
}
const stdout = (text: string): [string, Record<string, unknown>] => ["stream", { name: "stdout", text }];
const display = (text: string, id?: string): [string, Record<string, unknown>] => [
  "display_data",
  { data: { "text/plain": text }, metadata: {}, transient: id ? { display_id: id } : {} },
];

test("a carriage return writes over the line", () => {
  assert.equal(overwrite("step 1\rstep 2\rstep 3\n"), "step 3\n");
  assert.equal(overwrite("longer\rab"), "abnger");
  assert.equal(overwrite("windows\r\nlines\r\n"), "windows\nlines\n");
  assert.equal(overwrite("kept until more comes\r"), "kept until more comes\r");
  assert.equal(overwrite("no return"), "no return");
});

test("text of one stream is one output, however it was cut", () => {
  assert.deepEqual(collect(stdout("a"), stdout("b\nc"), stdout("\r"), stdout("d\n")), [
    { output_type: "stream", name: "stdout", text: ["ab\n", "d\n"] },
  ]);
});

test("streams and displays keep their order", () => {
  const outputs = collect(stdout("a"), ["stream", { name: "stderr", text: "b" }], display("c"), stdout("d"));
  assert.deepEqual(
    outputs.map((output) => output.output_type),
    ["stream", "stream", "display_data", "stream"],
  );
});

test("an update replaces every output with its id, and ids are not stored", () => {
  const update: [string, Record<string, unknown>] = ["update_display_data", display("new", "x")[1]];
  const data = { "text/plain": ["new"] };
  assert.deepEqual(collect(display("old", "x"), display("other", "y"), display("old", "x"), update), [
    { output_type: "display_data", data, metadata: {} },
    { output_type: "display_data", data: { "text/plain": ["other"] }, metadata: {} },
    { output_type: "display_data", data, metadata: {} },
  ]);
});

test("clearing empties at once, or with the next output", () => {
  assert.deepEqual(collect(stdout("a"), ["clear_output", { wait: false }]), []);
  assert.equal(collect(stdout("a"), ["clear_output", { wait: true }]).length, 1);
  assert.deepEqual(collect(stdout("a"), ["clear_output", { wait: true }], stdout("b")), [
    { output_type: "stream", name: "stdout", text: ["b"] },
  ]);
});

test("text is stored in lines, binary data and JSON as they are", () => {
  const data = {
    "text/html": "<p>\n</p>",
    "image/svg+xml": "<svg>\n</svg>",
    "image/png": "aGk=",
    "application/json": { a: 1 },
  };
  const [output] = collect(["display_data", { data, metadata: {} }]);
  assert.deepEqual(output, {
    output_type: "display_data",
    data: { ...data, "text/html": ["<p>\n", "</p>"], "image/svg+xml": ["<svg>\n", "</svg>"] },
    metadata: {},
  });
});

test("a display that is updated often costs no more than its last state", () => {
  const collector = new OutputCollector(new Map());
  const add = (type: string, content: Record<string, unknown>): void =>
    collector.add({ header: createHeader(type, "s"), content });
  add(...display("0", "bar"));
  for (let i = 1; i <= 20_000; i++) {
    add("update_display_data", display(`${i} ${"x".repeat(10_000)}`, "bar")[1]);
    add(...stdout(`\rstep ${i}`));
  }
  const [bar, text] = collector.outputs;
  assert.ok(bar?.output_type === "display_data" && String(bar.data["text/plain"]).startsWith("20000 x"));
  assert.deepEqual(text, { output_type: "stream", name: "stdout", text: ["step 20000"] });
  assert.equal(collector.outputs.length, 2); // 200 million characters went by, and nothing was left out
});

const LIMITED = { cellText: 10, cellDisplays: 30, notebook: 50, cellOutputs: 4, error: 20 };

/** A notebook's cells under small limits, each with its messages. */
function collectLimited(...cells: [type: string, content: Record<string, unknown>][][]) {
  const displays = new Map();
  const room = new Allowance(LIMITED.notebook);
  return cells.map((messages) => {
    const collector = new OutputCollector(displays, room, LIMITED);
    for (const [type, content] of messages) collector.add({ header: createHeader(type, "s"), content });
    return collector.outputs.map((output) =>
      output.output_type === "stream"
        ? joinText(output.text)
        : output.output_type === "error"
          ? output.evalue
          : String(output.data["text/plain"]),
    );
  });
}

test("text over the limit is left out, and a note says how much", () => {
  const [first, second] = collectLimited(
    [stdout("12345"), display("shown"), stdout("6789012"), stdout("more"), display("last")],
    [stdout("next")],
  );
  assert.deepEqual(first!.slice(0, 3), ["12345", "shown", "67890"]);
  assert.match(first![3]!, /^\[left out here: 6 characters of text, 1 output/); // the note is the fourth output
  assert.deepEqual(second, ["next"]);
});

test("text that is written over takes no room", () => {
  assert.deepEqual(collectLimited([stdout("step 1\rstep 2"), stdout("\rstep 3\rend\n")]), [
    ["end" + "p 3\n"],
  ]);
});

test("displays, outputs and the whole notebook have limits too; clearing gives room back", () => {
  const large = display("x".repeat(40));
  const [tooLarge] = collectLimited([large]);
  assert.match(tooLarge![0]!, /^\[left out here: 1 output/);
  const many = Array.from({ length: 9 }, (_, i) => stdout(`${i}`)).flatMap((one, i) => [
    one,
    ["stream", { name: "stderr", text: `e${i}` }] as [string, Record<string, unknown>],
  ]);
  const [outputs] = collectLimited(many);
  assert.equal(outputs!.length, 5);
  assert.match(outputs!.at(-1)!, /left out/);
  const ten = [stdout("0123456789")];
  const [, , , , fifth, sixth] = collectLimited(ten, ten, ten, ten, ten, ten);
  assert.deepEqual(fifth, ["0123456789"]);
  assert.match(sixth!.at(-1)!, /left out here: 10 characters/);
  const [cleared] = collectLimited([...ten, stdout("gone"), ["clear_output", { wait: true }], ...ten]);
  assert.deepEqual(cleared, ["0123456789"]);
});

test("an update that finds no room leaves what was shown, and a note", () => {
  const [outputs] = collectLimited([
    display("small", "a"),
    ["update_display_data", display("x".repeat(40), "a")[1]],
  ]);
  assert.equal(outputs![0], "small");
  assert.match(outputs![1]!, /left out/);
});

test("errors are kept, cut to a length, when nothing else is", () => {
  const error: [string, Record<string, unknown>] = [
    "error",
    { ename: "Error", evalue: "e".repeat(50), traceback: ["t".repeat(30), "u"] },
  ];
  const [outputs] = collectLimited([
    stdout("a"),
    display("b"),
    stdout("c"),
    display("d"),
    stdout("e"),
    error,
  ]);
  assert.match(outputs!.at(-1)!, /^e{20}… \(30 more characters\)$/);
});

test("a long text is stored as one, not as a list of a million lines", () => {
  const [output] = collect(stdout("x\n".repeat(200_000)));
  assert.deepEqual(output, { output_type: "stream", name: "stdout", text: "x\n".repeat(200_000) });
});

test("messages of any shape make valid outputs or none", () => {
  let deep: unknown = 1;
  for (let i = 0; i < 5000; i++) deep = [deep];
  const values = [
    undefined,
    null,
    5,
    "text",
    true,
    [],
    ["a"],
    [null],
    {},
    { "text/plain": 5 },
    { a: { b: 1 } },
    deep,
  ];
  const types = [
    "stream",
    "display_data",
    "execute_result",
    "update_display_data",
    "error",
    "clear_output",
    "x",
  ];
  const fields = [
    "name",
    "text",
    "data",
    "metadata",
    "transient",
    "execution_count",
    "ename",
    "evalue",
    "traceback",
  ];
  for (const type of types) {
    for (const value of values) {
      const whole = Object.fromEntries(fields.map((field) => [field, value]));
      const inside = {
        ...whole,
        transient: { display_id: value },
        data: { "text/plain": value, "a/b": value },
      };
      const outputs = [whole, inside, { wait: value }].flatMap((content) => collect([type, content]));
      const cell = { id: "a", cell_type: "code", metadata: {}, source: "", execution_count: 1, outputs };
      const notebook = { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [cell] };
      assert.deepEqual(notebookProblems(notebook), [], `${type} of ${typeof value}`);
      assert.deepEqual(schemaProblems(notebook) ?? [], []);
      JSON.stringify(notebook);
    }
  }
});
