import { fontFaceCss } from "./fonts.js";
import { canvasLibrary, openPage } from "./page.js";
import type { Figure } from "./plotly.js";
import { dropEmptyStrokes, separatePictures, simplifyText } from "./raster.js";

/** jsdom has no positions by which Plotly could tell that a label lies beyond the picture; it must not hide any. */
const showAllTicks = { ticklabeloverflow: "allow" } as const;
const template = {
  layout: { xaxis: showAllTicks, yaxis: showAllTicks, coloraxis: { colorbar: showAllTicks } },
  data: { heatmap: [{ colorbar: showAllTicks }] },
};

/**
 * A figure as SVG, drawn by plotly.js in Node without a browser. Same figure, same bytes.
 * The font is inside, so the picture looks the same wherever a browser opens it.
 */
export async function toSvg(figure: Figure): Promise<string> {
  const svg = await drawn(figure, figure.layout);
  return svg.replace(/(<svg[^>]*>)/, `$1<style>${fontFaceCss()}</style>`);
}

/**
 * A figure as PNG, `scale` device pixels to a CSS pixel. Same figure, same bytes on one platform.
 * Pictures (heat maps) lie under everything else but the background.
 */
export async function toPng(figure: Figure, scale = 2): Promise<Buffer> {
  const { width, height, paper_bgcolor: background } = figure.layout;
  const clear = "rgba(0,0,0,0)";
  const svg = await drawn(figure, { ...figure.layout, paper_bgcolor: clear, plot_bgcolor: clear });
  const { pictures, rest } = separatePictures(svg);
  const { createCanvas, loadImage } = await canvasLibrary();
  const surface = createCanvas(width * scale, height * scale);
  const context = surface.getContext("2d");
  context.scale(scale, scale);
  context.fillStyle = typeof background === "string" ? background : "white";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingEnabled = false; // a heat map's cells have sharp edges
  for (const { url, box, window } of pictures) {
    const image = await loadImage(url);
    context.save();
    if (window) {
      context.beginPath();
      context.rect(window.x, window.y, window.width, window.height);
      context.clip();
    }
    context.drawImage(image, box.x, box.y, box.width, box.height);
    context.restore();
  }
  context.drawImage(await loadImage(Buffer.from(dropEmptyStrokes(simplifyText(rest)))), 0, 0, width, height);
  return surface.encode("png");
}

async function drawn(figure: Figure, layout: Figure["layout"]): Promise<string> {
  const page = await openPage();
  try {
    const { width, height } = layout;
    const copy: unknown = JSON.parse(JSON.stringify({ data: figure.data, layout: { template, ...layout } })); // Plotly writes into it
    return await page.toImage(copy, { format: "svg", width, height, imageDataOnly: true });
  } finally {
    page.close();
  }
}
