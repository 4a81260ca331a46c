import assert from "node:assert/strict";
import { test } from "node:test";
import { packedJson, rounded, type Figure } from "spectral-lab/figures/plotly";
import { toPng, toSvg } from "spectral-lab/figures/static";

const figure: Figure = {
  description: "a line and a heat map",
  data: [
    { type: "scatter", x: [1, 10, 100], y: [1e-4, 1e-2, 1], name: "train" },
    { type: "heatmap", z: [[0, 1], [1, 0]], xaxis: "x2", yaxis: "y2", showscale: false,
      colorscale: [[0, "rgb(0,0,255)"], [1, "rgb(255,0,0)"]] }, // prettier-ignore
  ],
  layout: {
    width: 400,
    height: 200,
    margin: { l: 40, r: 0, t: 0, b: 40 },
    font: { family: '"Source Sans 3", sans-serif', size: 12 },
    showlegend: false,
    xaxis: { domain: [0, 0.4], type: "log" },
    yaxis: { type: "log", exponentformat: "power" },
    xaxis2: { domain: [0.5, 1], anchor: "y2", showgrid: false, zeroline: false },
    yaxis2: { anchor: "x2", showgrid: false, zeroline: false },
  },
};

test("SVG and PNG are functions of the figure: two drawings are equal byte for byte", async () => {
  const svg = await toSvg(figure);
  assert.equal(await toSvg(figure), svg);
  const png = await toPng(figure);
  assert.ok(png.equals(await toPng(figure)));
  assert.notEqual(await toSvg({ ...figure, data: figure.data.slice(0, 1) }), svg);
});

test("the SVG carries its font and its tick labels", async () => {
  const svg = await toSvg(figure);
  assert.match(svg, /^<svg[^>]* width="400" height="200"/);
  assert.match(svg, /@font-face\{font-family:"Source Sans 3"/);
  assert.match(svg, />10\u200b<tspan style="font-size:70%" dy="-0.6em">−4<\/tspan>/);
});

test("the PNG shows a heat map's cells where they belong", async () => {
  const { createCanvas, loadImage } = await import("@napi-rs/canvas");
  const image = await loadImage(await toPng(figure, 1));
  assert.deepEqual([image.width, image.height], [400, 200]);
  const context = createCanvas(400, 200).getContext("2d");
  context.drawImage(image, 0, 0);
  const at = (x: number, y: number): number[] => [...context.getImageData(x, y, 1, 1).data.slice(0, 3)];
  assert.deepEqual(at(265, 120), [0, 0, 255], "z[0][0], lower left");
  assert.deepEqual(at(355, 120), [255, 0, 0], "z[0][1], lower right");
  assert.deepEqual(at(265, 40), [255, 0, 0], "z[1][0], upper left");
  assert.deepEqual(at(205, 120), [255, 255, 255], "paper between the panels");
});

test("packed JSON holds float32 for long arrays and matrices, and no closing script tag", () => {
  const x = Array.from({ length: 40 }, (_, i) => (i === 3 ? null : i / 4));
  const z = Array.from({ length: 8 }, () => [1, 2, 3, 4, 5]);
  const text = packedJson({
    description: "",
    data: [
      { type: "scatter", x, name: "</script>" },
      { type: "heatmap", z },
    ],
    layout: { width: 1, height: 1 },
  });
  assert.ok(!text.includes("<"));
  const { data } = JSON.parse(text) as {
    data: { x: { dtype: string; bdata: string }; name: string; z: { shape: string; bdata: string } }[];
  };
  assert.equal(data[0].name, "</script>");
  const bytes = Buffer.from(data[0].x.bdata, "base64");
  assert.equal(bytes.length, 160);
  assert.equal(bytes.readFloatLE(4 * 39), 9.75);
  assert.ok(Number.isNaN(bytes.readFloatLE(12)), "a gap is NaN");
  assert.equal(data[1].z.shape, "8, 5");
  assert.equal(Buffer.from(data[1].z.bdata, "base64").readFloatLE(4 * 36), 2);
});

test("rounded keeps five significant digits and turns what is not finite into a gap", () => {
  assert.equal(rounded(0.123456789), 0.12346);
  assert.equal(rounded(-98765.4321), -98765);
  assert.equal(rounded(NaN), null);
});
