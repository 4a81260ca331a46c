import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import { figureId, show, type Figure } from "spectral-lab/lab/index";
import { inNotebook, printed } from "./fake-notebook.js";

const figure: Figure = {
  description: 'loss of "a" & <b>',
  data: [{ type: "scatter", x: [1, 2], y: [3, 4], name: "</script><b>" }],
  layout: { width: 300, height: 150 },
};

test("a figure is one output with HTML, PNG and text; plotly.js comes before the first one only", async () => {
  const shown = await inNotebook(async () => {
    await show(figure);
    await show(figure);
  });
  assert.equal(shown.length, 3);
  const [library, first, second] = shown;
  assert.deepEqual(Object.keys(library.data), ["text/html", "text/plain"]);
  assert.match(library.data["text/html"], /^<script>.*DecompressionStream/s);
  assert.deepEqual(Object.keys(first.data), ["text/html", "image/png", "text/plain"]);
  assert.deepEqual(first.data, second.data, "the same figure is the same output");
  assert.deepEqual(first.metadata, { "image/png": { width: 300, height: 150 } });
  const png = Buffer.from(first.data["image/png"], "base64");
  assert.deepEqual([...png.subarray(1, 4)], [...Buffer.from("PNG")]);
  assert.deepEqual(
    [png.readUInt32BE(16), png.readUInt32BE(20)],
    [600, 300],
    "two device pixels to a CSS pixel",
  );
});

test("the HTML holds the image first and escapes what a figure says", async () => {
  const [{ data }] = (await inNotebook(() => show(figure))).slice(-1);
  const html = data["text/html"];
  assert.ok(html.includes(`src="data:image/png;base64,${data["image/png"]}"`));
  assert.ok(html.indexOf("<img") < html.indexOf("<script>"));
  assert.ok(html.includes('alt="loss of &#34;a&#34; &#38; &#60;b&#62;"'));
  assert.equal(html.split("</script>").length, 2, "only the script's own end");
  assert.ok(html.includes(`data-spectral-figure="${figureId(figure)}"`));
});

test("the id of a figure is a function of its content", () => {
  assert.equal(figureId(figure), figureId(structuredClone(figure)));
  assert.notEqual(figureId(figure), figureId({ ...figure, description: "other" }));
  assert.match(figureId(figure), /^figure-[0-9a-f]{12}$/);
});

test("text is Markdown; a table is HTML and text; anything else is an error", async () => {
  const shown = await inNotebook(async () => {
    await show("# Title");
    await show(aq.table({ name: ["<a>"], value: [0.5] }), { caption: "values" });
  });
  assert.deepEqual(shown[0].data, { "text/markdown": "# Title", "text/plain": "# Title" });
  assert.match(shown[1].data["text/html"], /&#60;a&#62;/);
  assert.match(shown[1].data["text/plain"], /^values\nname +value\n<a> +0.5000$/);
  await assert.rejects(show(new Map() as never), TypeError);
});

test("outside a notebook everything is printed and nothing is drawn", async () => {
  const lines = await printed(async () => {
    await show(figure);
    await show("text");
    await show([{ a: 1 }]);
  });
  assert.deepEqual(lines, ['[figure] loss of "a" & <b>', "text", "a\n1"]);
});
