import { largest } from "../core/extent.js";
import { type Markup, markup } from "./markup.js";
import type { Panel } from "./panel.js";
import { Parts } from "./parts.js";
import type { Figure } from "./plotly.js";
import { ink, textSize } from "./theme.js";

/**
 * Panels in rows and columns, as papers arrange them: column titles on top, row titles at the left, panels lettered
 * (a), (b), ... where there are several, one key (colour bar or legend) for each column below it, or for each row at its right.
 */
export interface Grid {
  /** What the figure shows: the alternative text. */
  readonly description: string;
  /** panels[row][column]; undefined leaves the place empty. */
  readonly panels: readonly (readonly (Panel | undefined)[])[];
  readonly columnTitles?: readonly string[];
  readonly rowTitles?: readonly string[];
  /** Where panels share a key. */
  readonly keys: "columns" | "rows";
  /** Panels whose horizontal axes zoom together; "none": each has one of its own. */
  readonly link: "columns" | "rows" | "none";
  /** Title of the horizontal axes, under the last row; a panel's own takes its place. */
  readonly xTitle: string;
  /** Lines of the labels at the ticks of the horizontal axes; default 1. */
  readonly tickLines?: number;
  /** Lines under the figure: what is left out and why. */
  readonly notes?: readonly string[];
  /** CSS pixels. Default 960 and 150. */
  readonly width?: number;
  readonly panelHeight?: number;
  /** Relative widths of the columns; equal by default. */
  readonly columnWidths?: readonly number[];
}

/** Where things are, CSS pixels from the top left. */
interface Places {
  readonly width: number;
  readonly height: number;
  readonly panelHeight: number;
  panelWidth(column: number): number;
  left(column: number): number;
  top(row: number): number;
  /** Bottom of the last row. */
  readonly bottom: number;
}

const gap = { column: 58, row: 48, keyBelow: 62, keyRight: 86, noteLine: 15, tickLine: 13 } as const;

/** Draws a grid of panels. */
export function drawGrid(grid: Grid): Figure {
  const places = placesOf(grid);
  const { width, height } = places;
  const parts = new Parts(width, height);
  let letter = 0;
  grid.panels.forEach((row, r) =>
    row.forEach((panel, c) => {
      if (panel) placePanel(parts, grid, places, panel, r, c, letter++);
    }),
  );
  grid.columnTitles?.forEach((title, c) => {
    parts.text(bold(title), places.left(c) + places.panelWidth(c) / 2, places.top(0) - 22, {
      xanchor: "center",
      yanchor: "bottom",
      font: { size: textSize.titles },
    });
  });
  grid.rowTitles?.forEach((title, r) => {
    parts.text(bold(title), 4, places.top(r) + places.panelHeight / 2, {
      textangle: -90,
      xanchor: "left",
      yanchor: "middle",
      font: { size: textSize.titles },
    });
  });
  grid.notes?.forEach((note, i) => {
    const style = { size: textSize.notes, color: ink.muted };
    const y = height - 4 - gap.noteLine * ((grid.notes?.length ?? 0) - 1 - i);
    parts.text(note, 6, y, { xanchor: "left", yanchor: "bottom", font: style });
  });
  return parts.figure(grid.description);
}

function placesOf(grid: Grid): Places {
  const { width = 960, panelHeight = 150, notes = [], tickLines = 1 } = grid;
  const rows = grid.panels.length;
  const columns = largest([1, ...grid.panels.map((row) => row.length)]);
  const start = { x: (grid.rowTitles ? 24 : 4) + 50, y: grid.columnTitles ? 46 : 26 };
  const end = grid.keys === "rows" ? gap.keyRight : 14;
  const weights = grid.columnWidths ?? Array.from({ length: columns }, () => 1);
  const unit =
    (width - start.x - end - gap.column * (columns - 1)) / weights.reduce((sum, weight) => sum + weight, 0);
  const before = (column: number): number =>
    weights.slice(0, column).reduce((sum, weight) => sum + weight, 0) * unit;
  const extra = gap.tickLine * (tickLines - 1);
  const bottom = start.y + rows * panelHeight + (rows - 1) * (gap.row + extra);
  const below = (grid.keys === "columns" ? 40 + gap.keyBelow : 44) + extra;
  const height = Math.round(bottom + below + gap.noteLine * notes.length + (notes.length > 0 ? 4 : 0));
  return {
    width,
    height,
    panelHeight,
    panelWidth: (column) => weights[column] * unit,
    left: (column) => start.x + before(column) + column * gap.column,
    top: (row) => start.y + row * (panelHeight + gap.row + extra),
    bottom,
  };
}

function placePanel(
  parts: Parts,
  grid: Grid,
  places: Places,
  panel: Panel,
  r: number,
  c: number,
  letter: number,
): void {
  const [left, top, width] = [places.left(c), places.top(r), places.panelWidth(c)];
  const last = !panel.drawing && grid.panels.slice(r + 1).every((row) => !row[c] || row[c].drawing);
  const group = { rows: r, columns: c, none: letter }[grid.link];
  const suffix = parts.axes(panel, { left, top, width, height: places.panelHeight }, group);
  const label = { font: { size: textSize.labels } };
  const extra = gap.tickLine * ((grid.tickLines ?? 1) - 1);
  if (last)
    parts.text(panel.x.title ?? grid.xTitle, left + width / 2, top + places.panelHeight + 18 + extra, {
      ...label,
      xanchor: "center",
      yanchor: "top",
    });
  if (panel.y.title) {
    const side = { ...label, textangle: -90, xanchor: "right", yanchor: "middle" } as const;
    parts.text(panel.y.title, left - 26, top + places.panelHeight / 2, side);
  }
  const key = grid.keys === "columns" ? c : r;
  if (panel.key) {
    const middle = left + width / 2;
    const y = grid.keys === "columns" ? places.bottom + 46 + extra : top + places.panelHeight / 2;
    if (grid.keys === "columns") parts.barBelow(key, panel.key, middle, y, Math.min(150, width * 0.86));
    else parts.barRight(key, panel.key, places.width - gap.keyRight + 14, y, places.panelHeight);
  } else if (panel.drawing) {
    // explains itself
  } else if (grid.keys === "columns") {
    parts.legend(key, { x: left + width / 2, y: places.bottom + 46 + extra, anchor: "center" });
  } else {
    parts.legend(key, { x: places.width - gap.keyRight + 4, y: top, anchor: "left" });
  }
  if (panel.drawing) parts.drawing(panel.drawing, suffix);
  for (const trace of panel.traces) parts.trace(trace, suffix, key);
  const alone = grid.panels.flat().filter(Boolean).length === 1;
  const title = panel.title ?? "";
  const space = title ? " " : "";
  const lettered = alone ? title : markup`<b>(${letterOf(letter)})</b>${space}${title}`;
  const style = { size: textSize.labels, color: ink.muted };
  parts.text(lettered, left, top - 4, {
    xanchor: "left",
    yanchor: "bottom",
    font: style,
  });
}

const bold = (text: string): Markup => markup`<b>${text}</b>`;

/** "a" to "z", then "aa", "ab", ... */
function letterOf(index: number): string {
  const last = String.fromCharCode(97 + (index % 26));
  return index < 26 ? last : letterOf(Math.floor(index / 26) - 1) + last;
}
