import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { gzipSync } from "node:zlib";
import { fontFaceCss } from "../figures/fonts.js";
import { packedJson, type Figure } from "../figures/plotly.js";
import { Html, html } from "./html.js";

/**
 * plotly.js (2-D charts) and the figures' font as one script element, 0.7 MB of gzip in base64: needs no network, and
 * works in JupyterLab and in exported HTML. `window.spectralPlotly` becomes a promise of the library.
 */
export function plotlyScript(): Html {
  const file = createRequire(import.meta.url).resolve("plotly.js-cartesian-dist-min");
  const packed = gzipSync(readFileSync(file), { level: 9 });
  packed[9] = 255; // the operating system's byte: same input, same output everywhere
  return Html.own(`<script>(() => {
  if (window.spectralPlotly) return;
  const style = document.createElement("style");
  style.textContent = ${JSON.stringify(fontFaceCss())};
  document.head.append(style);
  const bytes = Uint8Array.from(atob("${packed.toString("base64")}"), (c) => c.charCodeAt(0));
  const text = new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  const fonts = Promise.all([400, 600].map((weight) => document.fonts.load(weight + ' 12px "Source Sans 3"'))).catch(() => {});
  window.spectralPlotly = Promise.all([text, fonts]).then(([code]) => {
    new Function("module", "exports", "define", code)(); // hides the page's own module loaders
    return window.Plotly;
  });
})();</script>`);
}

/**
 * A figure as HTML: the image, which stays where scripts do not run (untrusted notebooks, static pages), and a script
 * that puts the interactive chart in its place once plotly.js is there. Where the page is narrower than the figure, its
 * panels become narrower with it, down to two thirds.
 * @param id derived from the figure's content; the same figure twice on a page is drawn twice
 */
export function figureHtml(figure: Figure, png: Buffer, id: string): Html {
  const { width, height } = figure.layout;
  const image = html`<img alt="${figure.description}" width="${width}" style="max-width:100%;height:auto" src="data:image/png;base64,${png.toString("base64")}">`;
  const widths = `min-width:${Math.round((2 * width) / 3)}px;max-width:${width}px`;
  const script = Html.own(`<script>(() => {
  const figure = ${packedJson(figure)};
  const config = { displaylogo: false, toImageButtonOptions: { format: "svg", filename: "${id}" } };
  const draw = (tries) => {
    if (!window.spectralPlotly) return void (tries > 0 && setTimeout(draw, 200, tries - 1));
    window.spectralPlotly.then((plotly) => {
      for (const place of document.querySelectorAll('[data-spectral-figure="${id}"]:not([data-drawn])')) {
        place.setAttribute("data-drawn", "");
        place.replaceChildren();
        const layout = { ...structuredClone(figure.layout), width: place.clientWidth || ${width} };
        plotly.newPlot(place, structuredClone(figure.data), layout, config);
        new ResizeObserver(() => {
          const width = place.clientWidth;
          if (width > 0 && width !== layout.width) plotly.relayout(place, { width: (layout.width = width) });
        }).observe(place);
      }
    });
  };
  draw(100);
})();</script>`);
  return html`<div style="overflow-x:auto"><div data-spectral-figure="${id}" style="${widths};min-height:${height}px">${image}</div></div>
${script}`;
}
