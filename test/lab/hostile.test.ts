import assert from "node:assert/strict";
import { test } from "node:test";
import * as aq from "arquero";
import { JSDOM } from "jsdom";
import { packedJson } from "spectral-lab/figures/plotly";
import { spectraFigure } from "spectral-lab/figures/spectra";
import { toPng, toSvg } from "spectral-lab/figures/static";
import { banner, exercise, html, md, progress, show, showClaims, showTable } from "spectral-lab/lab/index";
import { reproduce } from "spectral-lab/lab/reproduce";
import type { Claim } from "spectral-lab/paper/claim";
import { dynamicsOf } from "spectral-lab/paper/dynamics";
import { faceted } from "spectral-lab/analysis/tables";
import { mlpLabels, vgg } from "spectral-lab/tasks/index";
import { storeExample } from "../paper/stored-example.js";
import { temporaryFolder } from "../store/temporary-folder.js";
import { inNotebook, printed, type Shown } from "./fake-notebook.js";
import { HOSTILE, UNSEEN } from "./hostile.js";

const names = [...HOSTILE.map((name) => [name, name] as const), ...UNSEEN];

/** Elements, each with its attributes' names, in order. */
function skeleton(document: Document): string[] {
  return [...document.querySelectorAll("body *:not(.mathjax_ignore)")].map(
    ({ tagName, attributes }) => `${tagName} ${[...attributes].map(({ name }) => name).join(" ")}`,
  );
}

const parsed = (source: string): Document => new JSDOM(source).window.document;
const last = (shown: readonly Shown[]): Record<string, string> => shown[shown.length - 1].data;

/** Outputs of HTML, each with a name in every place where a text goes. */
const outputs: Record<string, (name: string) => unknown> = {
  table: (name) =>
    showTable(
      [
        { [name]: name, number: 1 },
        { [name]: { inside: name }, number: NaN },
      ],
      { caption: name },
    ),
  "an arquero table": (name) => showTable(aq.table({ [`${name}`]: [name], facet: [name] })),
  claims: (name) => {
    const claim: Claim = {
      ...{ figure: 3, statement: name, null: name, effect: name, threshold: name },
      ...{ numbers: {}, verdict: "agrees" },
    };
    showClaims([claim]);
  },
  exercise: (name) => exercise(name, (answer) => `${String(answer)} is wrong`, [name]).check(name),
  progress: (name) => {
    const shown = progress({ title: name, total: 3 });
    shown.update({ step: 1, metrics: { [name]: 1 } });
    shown.update({ step: 2, metrics: { [name]: 2 } });
  },
  "a progress that stopped": (name) => progress({ title: name, total: 3 }).stopped(name),
};

for (const [kind, output] of Object.entries(outputs))
  test(`${kind}: a hostile name is shown letter by letter and adds no element or attribute`, async () => {
    const harmless = skeleton(parsed(last(await inNotebook(() => output("name")))["text/html"]));
    for (const [name, seen] of names) {
      const data = last(await inNotebook(() => output(name)));
      const document = parsed(data["text/html"]);
      assert.deepEqual(skeleton(document), harmless, name);
      assert.ok(document.body.textContent.includes(seen), name);
      assert.ok(data["text/plain"].includes(seen), name);
      for (const at of document.querySelectorAll("body *"))
        for (const node of at.childNodes)
          if (node.nodeType === 3 && /[$\\]/.test(node.textContent ?? ""))
            assert.ok(at.closest(".mathjax_ignore"), `an equation: ${node.textContent}`);
    }
  });

test("text that is put into HTML stays text, in attributes too; HTML put into it stays HTML", () => {
  const attribute = html`<p title="${'" onclick="x'}">${html`<b>${"<i>"}</b>`}</p>`.source;
  assert.equal(attribute, '<p title="&#34; onclick=&#34;x"><b>&#60;i&#62;</b></p>');
  assert.equal(html`<td>${3}</td>`.source, "<td>3</td>");
});

/** What CommonMark reads as letters only: letters, digits, spaces and entities, and what it takes literally inside a line. */
const LETTERS = /^(?:&#\d+;|<span class="mathjax_ignore tex2jax_ignore">|<\/span>|[^&<\\`*[\]{}#|~$@])*$/;

test("Markdown: hostile names have no character that Markdown or MathJax would read", async () => {
  for (const [name, seen] of names) {
    const { source, plain } = md`**${name}**`;
    assert.match(source.slice(2, -2), LETTERS, name);
    assert.doesNotMatch(source, /:\/\/|www\.|\n/);
    assert.equal(parsed(source).body.textContent, `**${seen}**`);
    assert.equal(plain, `**${seen}**`);
    assert.doesNotMatch(md`${name}`.source, /^(?:[-+=>#]|\d+[.)]|\s)/, "nothing begins a list or a title");
    const [shown] = await inNotebook(() =>
      banner({ task: name, profile: name, backend: name, data: name, steps: 3 }),
    );
    const text = shown.data["text/markdown"].replaceAll(/\*\*([^*]*)\*\*|^| · /g, "$1");
    assert.match(text, LETTERS, name);
  }
  assert.equal(
    md`* **${"modular-addition, p = 113 (30 %)"}** weight_ih_l3 -> ${"weight_hh_l3"}`.source,
    "* **modular-addition, p = 113 (30 %)** weight_ih_l3 -> weight_hh_l3",
  );
});

test("Markdown of somebody's own string: its HTML and its links that run something are text", async () => {
  const shown = async (text: string): Promise<string> =>
    (await inNotebook(() => show(text)))[0].data["text/markdown"];
  for (const name of HOSTILE) {
    const source = await shown(`a **bold** ${name}`);
    assert.equal(parsed(source).querySelectorAll("body *").length, 0, name);
    assert.doesNotMatch(source, /javascript\s*:/i);
  }
  for (const link of [
    "[x](java\tscript:a)",
    "[x](JAVASCRIPT&colon;a)",
    "[x](&#106;avascript:a)",
    "[x](data:text/html,a)",
  ])
    assert.notEqual(await shown(link), link);
  assert.equal(
    await shown("# A title, $x^2$ and [a link](https://example.org) & 1 < 2"),
    "# A title, $x^2$ and [a link](https://example.org) & 1 < 2",
  );
});

test("the page of a stored run shows its record's fields as they are written", async (t) => {
  for (const [name, seen] of [names[1], names[6], names[9], names[names.length - 1]]) {
    const runs = temporaryFolder(t);
    const data = { name, unit: name, note: name };
    storeExample(runs, { task: vgg }, { matrices: ["fc.weight"], contacts: [], data });
    const shown = await inNotebook(() => reproduce([vgg], { profile: "quick", runs }));
    for (const { data: bundle } of shown) {
      const document = parsed(bundle["text/markdown"]);
      assert.equal(document.querySelectorAll("body *:not(.mathjax_ignore)").length, 0, name);
      assert.ok(document.body.textContent.includes(seen), name);
    }
    assert.ok((await printed(() => reproduce([vgg], { profile: "quick", runs }))).join("\n").includes(seen));
  }
});

test("figures: names are letters in every label, legend, note, hover text and exported picture", async (t) => {
  const contacts = HOSTILE.slice(0, 8).map((name) => `${name} -> out`);
  const run = storeExample(temporaryFolder(t), { task: mlpLabels, setting: "true" }, {
    matrices: HOSTILE,
    contacts,
    data: { name: HOSTILE[1] },
  }); // prettier-ignore
  const runs = [faceted(run, { setting: HOSTILE[0] })];
  const { figure, name } = dynamicsOf(runs, {
    title: "../<b>T</b>",
    matrix: HOSTILE[1],
    contact: contacts[3],
  });
  assert.equal(name, "b-t-b-");
  const other = spectraFigure(HOSTILE.slice(0, 6).map((label) => ({ label, values: [2, 1] })));
  for (const drawn of [figure, other]) {
    const svg = await toSvg(drawn);
    const document = new JSDOM(svg, { contentType: "image/svg+xml" }).window.document;
    const tags = new Set([...document.querySelectorAll("*")].map(({ localName }) => localName));
    for (const tag of ["a", "script", "img", "foreignObject", "math"]) assert.ok(!tags.has(tag), tag);
    for (const element of document.querySelectorAll("*"))
      for (const attribute of element.attributes) assert.doesNotMatch(attribute.name, /^on/);
    assert.ok(document.documentElement.textContent.includes(drawn === figure ? HOSTILE[1] : HOSTILE[0]));
    assert.ok((await toPng(drawn, 1)).length > 1000);
    const json = packedJson(drawn);
    assert.ok(!json.includes("<") && !/[\u2028\u2029]/.test(json));
  }
  const [shown] = (await inNotebook(() => show(figure))).slice(-1);
  const page = parsed(shown.data["text/html"]);
  assert.equal(page.querySelectorAll("script").length, 1);
  assert.deepEqual([...page.querySelectorAll("img")].map((image) => image.getAttributeNames()), [["alt", "width", "style", "src"]]); // prettier-ignore
  for (const trace of figure.data as { hovertemplate?: string; y?: unknown[] }[]) {
    assert.doesNotMatch(trace.hovertemplate ?? "", /%\{(?![xyz][:}])/);
    for (const y of trace.y ?? []) if (typeof y === "string") assert.doesNotMatch(y, /<|\$|%\{/);
  }
});
