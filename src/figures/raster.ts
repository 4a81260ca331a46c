import { fontCovers, fontFamily } from "./fonts.js";

/** A picture inside an SVG (a heat map's cells), where it lies, and the window through which it is seen; CSS pixels. */
export interface Picture {
  readonly url: string;
  readonly box: Box;
  readonly window: Box | undefined;
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface Layer {
  readonly x: number;
  readonly y: number;
  readonly window: Box | undefined;
}

/**
 * Takes the pictures out of Plotly's SVG: the rasteriser (Skia) draws none, so they are painted first and the rest of
 * the SVG, which must have a transparent background, over them. Plotly places layers by `translate` alone.
 */
export function separatePictures(svg: string): { readonly pictures: Picture[]; readonly rest: string } {
  const windows = clipWindows(svg);
  const pictures: Picture[] = [];
  const layers: Layer[] = [{ x: 0, y: 0, window: undefined }];
  for (const [, closing, name, attributes, empty] of svg.matchAll(
    /<(\/?)([\w:]+)((?:[^>"]|"[^"]*")*?)(\/?)>/g,
  )) {
    if (closing) {
      layers.pop();
      continue;
    }
    const layer = inside(layers[layers.length - 1], attributes, windows);
    if (name === "image") pictures.push(picture(layer, attributes));
    if (!empty) layers.push(layer);
  }
  return { pictures, rest: svg.replace(/<image\b[^>]*>/g, "") };
}

/** Lines of width 0 are no lines; Skia would draw them as thin as it can. */
export function dropEmptyStrokes(svg: string): string {
  return svg.replace(/style="[^"]*stroke-width: ?0(px)?;[^"]*"/g, (style) =>
    style.replace(/stroke: [^;"]*;?/, "").replace(/stroke-width: ?0(px)?;/, "stroke: none;"),
  );
}

/**
 * Text as Skia reads it: one font family and no lists, no em or percent, and no substitute for a missing glyph, so text
 * beyond the shipped face goes to the system's sans-serif.
 */
export function simplifyText(svg: string): string {
  return svg.replaceAll("&quot;", "'").replace(/<text\b[^>]*>[^]*?<\/text>/g, (text) => {
    const family = fontCovers(plainText(text)) ? fontFamily : "sans-serif";
    const size = Number(/font-size: ?([\d.]+)px/.exec(text)?.[1] ?? 12);
    const pixels = (factor: number): string => (size * factor).toFixed(2);
    return (
      text
        .replace(/font-family: ?[^;"]*;/g, `font-family: ${family};`)
        .replace(/style="font-size:(\d+)%" dy="(-?[\d.]+)em"/g, (_match, percent: string, em: string) => {
          const part = Number(percent) / 100; // an em of the smaller text
          return `style="font-size: ${pixels(part)}px" dy="${pixels(part * Number(em))}"`;
        })
        // The lines of one text, each at its own height.
        .replace(/dy="(-?[\d.]+)em" (x="[^"]*") y="([^"]*)"/g, (_match, em: string, x: string, y: string) => {
          return `${x} y="${(Number(y) + size * Number(em)).toFixed(2)}"`;
        })
        // Back on the line; it needs a glyph there, or centred text ends up off it.
        .replace(/<tspan dy="(-?[\d.]+)em">\u200b<\/tspan>/g, (_match, em: string) => {
          return `<tspan style="font-size: 0.01px" dy="${pixels(Number(em))}">\u00a0</tspan>`;
        })
        .replaceAll("\u200b", "")
    );
  });
}

function inside(parent: Layer, attributes: string, windows: ReadonlyMap<string, Box>): Layer {
  const shift = /transform="translate\((-?[\d.e-]+)[ ,]+(-?[\d.e-]+)\)"/.exec(attributes);
  const x = parent.x + Number(shift?.[1] ?? 0);
  const y = parent.y + Number(shift?.[2] ?? 0);
  const clip = windows.get(/clip-path="url\((?:&quot;|')?#([\w-]+)/.exec(attributes)?.[1] ?? "");
  return { x, y, window: clip ? { ...clip, x: x + clip.x, y: y + clip.y } : parent.window };
}

function picture(layer: Layer, attributes: string): Picture {
  const number = (name: string): number =>
    Number(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? 0);
  const url = /href="([^"]*)"/.exec(attributes)?.[1] ?? "";
  const box = {
    x: layer.x + number("x"),
    y: layer.y + number("y"),
    width: number("width"),
    height: number("height"),
  };
  return { url, box, window: layer.window };
}

function clipWindows(svg: string): Map<string, Box> {
  const windows = new Map<string, Box>();
  for (const [, id, attributes] of svg.matchAll(/<clipPath [^>]*?id="([^"]+)"[^>]*><rect ([^>]*)\/>/g)) {
    const number = (name: string): number =>
      Number(new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? 0);
    windows.set(id, { x: number("x"), y: number("y"), width: number("width"), height: number("height") });
  }
  return windows;
}

function plainText(markup: string): string {
  return markup
    .replace(/<[^>]*>/g, "")
    .replace(/&#x?\w+;|&\w+;/g, "")
    .replaceAll("\u200b", "");
}
