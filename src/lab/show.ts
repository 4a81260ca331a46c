import { hashOf, type Json } from "../core/hash.js";
import { printable } from "../core/printable.js";
import type { Figure } from "../figures/plotly.js";
import { markdown } from "./markdown.js";
import { currentNotebook } from "./notebook.js";
import { figureHtml, plotlyScript } from "./plotly-script.js";
import { isTable, showTable, type AnyTable, type TableOptions } from "./table.js";

/**
 * Shows a figure, a table or text as output of the running cell.
 *
 * A figure is one output in three forms: an interactive chart that is a static image until (or unless) its script runs,
 * a PNG, and its description. A table (rows, arquero, danfo) is a neat HTML table and plain text. A string is Markdown, in
 * which HTML is shown as it is written.
 * Outside a notebook the plain text is printed.
 *
 *     await show(drawFigure2(runs).figure);
 *     await show(table, { caption: "Effective rank at the end", rows: 20 });
 *
 * @throws TypeError if `value` is none of these
 */
export async function show(value: Figure | AnyTable | string, options: TableOptions = {}): Promise<void> {
  if (typeof value === "string") return markdown(value);
  if (isFigure(value)) return showFigure(value);
  if (isTable(value)) return showTable(value, options);
  throw new TypeError("show: expected a figure, a table (rows, arquero or danfo) or text, found neither");
}

/** The name of a figure in a page: a function of its content, so that a notebook run again is the same file. */
export function figureId(figure: Figure): string {
  return `figure-${hashOf(JSON.parse(JSON.stringify(figure)) as Json)}`;
}

async function showFigure(figure: Figure): Promise<void> {
  const description = printable(figure.description, 2000);
  const notebook = currentNotebook();
  if (!notebook) return console.log(`[figure] ${description}`);
  const { toPng } = await import("../figures/static.js");
  const png = await toPng(figure);
  const kernel = globalThis as { [embedded]?: boolean };
  if (!kernel[embedded]) embedPlotly();
  kernel[embedded] = true;
  const { width, height } = figure.layout;
  notebook.display(
    {
      "text/html": figureHtml({ ...figure, description }, png, figureId(figure)),
      "image/png": png.toString("base64"),
      "text/plain": description,
    },
    { metadata: { "image/png": { width, height } } },
  );
}

const embedded = Symbol.for("spectral-lab.plotly-embedded");

/**
 * Puts plotly.js into the notebook again. `show` does so with the first figure of a kernel's life; call this where that
 * cell was run a second time without a restart, or its output cleared, and the notebook is to be saved.
 */
export function embedPlotly(): void {
  currentNotebook()?.display({ "text/html": plotlyScript(), "text/plain": "" });
}

function isFigure(value: object): value is Figure {
  return "data" in value && Array.isArray(value.data) && "layout" in value;
}
