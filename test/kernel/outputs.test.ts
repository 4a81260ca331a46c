import assert from "node:assert/strict";
import { test } from "node:test";
import { OutputCollector, overwrite } from "spectral-lab/kernel/outputs";
import { createHeader } from "spectral-lab/kernel/wire";

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
