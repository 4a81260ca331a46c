import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Script } from "node:vm";
import type * as Library from "@napi-rs/canvas";
import type { Canvas } from "@napi-rs/canvas";
import { largest } from "../core/extent.js";
import { fontFamily, fontFile, fontWeights } from "./fonts.js";

type CanvasLibrary = typeof Library;
type Context = ReturnType<Canvas["getContext"]>;

/** The part of plotly.js that static export calls. */
export interface PlotlyPage {
  /** Draws and serialises a figure; the SVG text. */
  toImage(
    figure: unknown,
    options: { format: "svg"; width: number; height: number; imageDataOnly: true },
  ): Promise<string>;
  close(): void;
}

/** The canvas library with the figures' font registered. */
export async function canvasLibrary(): Promise<CanvasLibrary> {
  const library = await import("@napi-rs/canvas");
  if (!library.GlobalFonts.has(fontFamily)) {
    for (const weight of fontWeights) library.GlobalFonts.register(fontFile(weight), fontFamily);
  }
  return library;
}

/**
 * A fresh page (jsdom) with plotly.js in it, for one figure: nothing of an earlier figure can reach a later one.
 * jsdom draws and measures nothing, so canvases are those of @napi-rs/canvas, text boxes are measured with it, and the
 * page's Math.random is seeded: the same figure always becomes the same bytes.
 */
export async function openPage(): Promise<PlotlyPage> {
  const { JSDOM } = await import("jsdom");
  const canvas = await canvasLibrary();
  const dom = new JSDOM("<!doctype html><body></body>", {
    runScripts: "outside-only",
    pretendToBeVisual: true,
  });
  const page = dom.window as unknown as PageWindow;
  page.URL.createObjectURL = () => "";
  page.Math.random = seededRandom();
  drawWith(page, canvas);
  measureWith(page, canvas.createCanvas(8, 8).getContext("2d"));
  const file = createRequire(import.meta.url).resolve("plotly.js-cartesian-dist-min");
  new Script(readFileSync(file, "utf8"), { filename: file }).runInContext(dom.getInternalVMContext());
  return {
    toImage: (figure, options) => page.Plotly.toImage(figure, options),
    close: () => dom.window.close(),
  };
}

/** What is used of the page's globals (the DOM's own types stay out of a Node project). */
interface PageWindow {
  URL: { createObjectURL: () => string };
  Math: { random: () => number };
  HTMLCanvasElement: { prototype: { getContext: unknown; toDataURL: unknown } };
  Element: { prototype: { getBoundingClientRect: unknown } };
  SVGElement: { prototype: { getBBox: unknown; getTotalLength: unknown } };
  Plotly: Omit<PlotlyPage, "close">;
}

interface PageElement {
  readonly tagName: string;
  readonly textContent: string | null;
  readonly style?: { readonly fontSize?: string; readonly fontWeight?: string };
  readonly childNodes: Iterable<PageElement>;
  readonly nodeType: number;
  getAttribute(name: string): string | null;
  querySelector(selector: string): PageElement | null;
  querySelectorAll(selector: string): Iterable<PageElement>;
}

function seededRandom(): () => number {
  let state = 1;
  return () => (state = (state * 16807) % 2147483647) / 2147483647; // Park and Miller's minimal standard
}

function drawWith(page: PageWindow, canvas: CanvasLibrary): void {
  const drawn = new WeakMap<object, Canvas>();
  page.HTMLCanvasElement.prototype.getContext = function (
    this: { width: number; height: number },
    type: string,
  ) {
    if (type !== "2d") return null;
    let surface = drawn.get(this);
    if (!surface || surface.width !== this.width || surface.height !== this.height) {
      surface = canvas.createCanvas(this.width, this.height);
      drawn.set(this, surface);
    }
    return surface.getContext("2d");
  };
  page.HTMLCanvasElement.prototype.toDataURL = function (this: object) {
    return drawn.get(this)?.toDataURL("image/png");
  };
}

function measureWith(page: PageWindow, context: Context): void {
  const boxOf = function (this: PageElement) {
    const element = this.tagName === "text" ? this : this.querySelector?.("text");
    return element ? textBox(element, context) : boxAt(0, 0, 0, 0);
  };
  page.Element.prototype.getBoundingClientRect = boxOf;
  page.SVGElement.prototype.getBBox = boxOf;
  page.SVGElement.prototype.getTotalLength = () => 0;
}

const lineHeight = 1.3; // Plotly's own

/** Of the font size: how far the first line reaches above its baseline. */
const ascent = 0.98;

function boxAt(x: number, y: number, width: number, height: number): object {
  return { x, y, left: x, top: y, right: x + width, bottom: y + height, width, height };
}

/** The box of a text around its anchor point. */
function textBox(element: PageElement, context: Context): object {
  const size = parseFloat(element.style?.fontSize || element.getAttribute("font-size") || "12") || 12;
  const weight = element.style?.fontWeight || element.getAttribute("font-weight") || "400";
  const lines = [...element.querySelectorAll("tspan.line")];
  const widths = (lines.length > 0 ? lines : [element]).map((line) => lineWidth(line, size, weight, context));
  const width = largest([0, ...widths]);
  const anchor = element.getAttribute("text-anchor");
  const left = anchor === "middle" ? -width / 2 : anchor === "end" ? -width : 0;
  return boxAt(left, -ascent * size, width, lineHeight * size * widths.length);
}

const textNode = 3;

/** Width of a line; parts of it may be bold, or smaller (exponents are `<tspan style="font-size:70%">`). */
function lineWidth(element: PageElement, size: number, weight: string, context: Context): number {
  let width = 0;
  for (const child of element.childNodes) {
    if (child.nodeType === textNode) {
      context.font = `${weight} ${size}px "${fontFamily}", sans-serif`;
      width += context.measureText(child.textContent ?? "").width;
    } else {
      const own = child.style?.fontSize ?? "";
      const scaled = own.endsWith("%") ? (size * parseFloat(own)) / 100 : own ? parseFloat(own) : size;
      width += lineWidth(child, scaled, child.style?.fontWeight || weight, context);
    }
  }
  return width;
}
