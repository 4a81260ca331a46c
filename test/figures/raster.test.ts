import assert from "node:assert/strict";
import { test } from "node:test";
import { fontCovers } from "spectral-lab/figures/fonts";
import { dropEmptyStrokes, separatePictures, simplifyText } from "spectral-lab/figures/raster";

test("pictures are taken out with their place on the page and the window they are seen through", () => {
  const svg =
    `<svg><defs><clipPath class="plotclip" id="clip1"><rect width="50" height="40"/></clipPath></defs>` +
    `<g transform="translate(5,6)"><g class="hm" transform="translate(10.5,20)" clip-path="url(#clip1)">` +
    `<image preserveAspectRatio="none" height="40" width="60" x="-2" y="1" xlink:href="data:image/png;base64,AA=="/>` +
    `</g><path d="M0,0"/></g><image x="1" y="2" width="3" height="4" xlink:href="b"/></svg>`;
  const { pictures, rest } = separatePictures(svg);
  assert.deepEqual(pictures, [
    {
      url: "data:image/png;base64,AA==",
      box: { x: 13.5, y: 27, width: 60, height: 40 },
      window: { x: 15.5, y: 26, width: 50, height: 40 },
    },
    { url: "b", box: { x: 1, y: 2, width: 3, height: 4 }, window: undefined },
  ]);
  assert.ok(!rest.includes("<image") && rest.includes('<path d="M0,0"/>'));
});

test("each line of a text has a height of its own", () => {
  const lines = `<text style="font-size: 10px"><tspan class="line" dy="0em" x="3" y="20">1</tspan><tspan class="line" dy="1.3em" x="3" y="20">71</tspan></text>`;
  const expected = `<tspan class="line" x="3" y="20.00">1</tspan><tspan class="line" x="3" y="33.00">71</tspan></text>`;
  assert.ok(simplifyText(lines).endsWith(expected), simplifyText(lines));
});

test("text becomes one family and pixels; exponents come back to the line", () => {
  const style = `font-family: &quot;Source Sans 3&quot;, Arial, sans-serif; font-size: 10px;`;
  const power = `<text style="${style}">10\u200b<tspan style="font-size:70%" dy="-0.6em">2</tspan><tspan dy="0.42em">\u200b</tspan></text>`;
  assert.equal(
    simplifyText(power),
    `<text style="font-family: Source Sans 3; font-size: 10px;">10<tspan style="font-size: 7.00px" dy="-4.20">2</tspan>` +
      `<tspan style="font-size: 0.01px" dy="4.20">\u00a0</tspan></text>`,
  );
  assert.match(simplifyText(`<text style="${style}">\u03b1</text>`), /font-family: sans-serif;/);
});

test("lines of no width are not drawn; others stay", () => {
  assert.equal(
    dropEmptyStrokes('<rect style="stroke: rgb(1, 2, 3); stroke-width: 0px; fill: red;"/>'),
    '<rect style=" stroke: none; fill: red;"/>',
  );
  const thin = '<path style="stroke: red; stroke-width: 0.5px;"/>';
  assert.equal(dropEmptyStrokes(thin), thin);
});

test("the shipped face covers what figures write, and nothing beyond", () => {
  assert.ok(fontCovers("Effective rank \u2212 1.5 \u00d7 10\u2026 \u203a (a)\n"));
  assert.ok(!fontCovers("\u03c3") && !fontCovers("a \u2192 b"));
});
