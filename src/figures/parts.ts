import type { Annotation, Layout, LayoutAxis, Legend, Shape } from "plotly.js";
import { type Markup, plotlySource } from "./markup.js";
import type { ColorKey, Panel, PanelAxis, PanelTrace } from "./panel.js";
import type { Figure, Trace } from "./plotly.js";
import { baseAxis, baseLayout, ink, textSize } from "./theme.js";

/**
 * The pieces of a figure as they are put together: the one place where texts become Plotly's.  Positions in CSS pixels from
 * the top left.
 */
export class Parts {
  readonly #traces: Trace[] = [];
  readonly #annotations: Partial<Annotation>[] = [];
  readonly #shapes: Partial<Shape>[] = [];
  readonly #named: Record<string, unknown> = {};
  readonly #first = new Map<number, string>();
  readonly #legendNames = new Set<string>();
  #panels = 0;

  constructor(
    private readonly width: number,
    private readonly height: number,
  ) {}

  text(text: string | Markup, x: number, y: number, style: Partial<Annotation>): void {
    this.#annotations.push({
      text: plotlySource(text),
      x: x / this.width,
      y: 1 - y / this.height,
      xref: "paper",
      yref: "paper",
      showarrow: false,
      borderpad: 0,
      ...style,
    });
  }

  axes(
    panel: Panel,
    box: { left: number; top: number; width: number; height: number },
    group: number,
  ): string {
    const suffix = suffixOf(this.#panels++);
    const x: Partial<LayoutAxis> = {
      ...axis(panel.x, panel.grid),
      domain: [box.left / this.width, (box.left + box.width) / this.width],
      anchor: `y${suffix}` as LayoutAxis["anchor"],
    };
    const leader = this.#first.get(group);
    if (panel.drawing) x.visible = false;
    else if (leader === undefined) this.#first.set(group, `x${suffix}`);
    else x.matches = leader as LayoutAxis["matches"];
    this.#named[`xaxis${suffix}`] = x;
    this.#named[`yaxis${suffix}`] = {
      ...axis(panel.y, panel.grid),
      domain: [1 - (box.top + box.height) / this.height, 1 - box.top / this.height],
      anchor: `x${suffix}`,
      ...(panel.drawing ? { visible: false } : {}),
    };
    return suffix;
  }

  drawing({ shapes, texts }: NonNullable<Panel["drawing"]>, suffix: string): void {
    const place = { xref: `x${suffix}`, yref: `y${suffix}` };
    for (const shape of shapes) this.#shapes.push({ ...shape, ...place } as Partial<Shape>);
    for (const style of texts) {
      const text = plotlySource(style.text);
      this.#annotations.push({ showarrow: false, ...style, text, ...place } as Partial<Annotation>);
    }
  }

  trace({ hover, ...trace }: PanelTrace, suffix: string, key: number): void {
    const placed = { ...written(trace as Trace), xaxis: `x${suffix}`, yaxis: `y${suffix}` } as Record<
      string,
      unknown
    >;
    if (placed.coloraxis !== undefined) placed.coloraxis = `coloraxis${suffixOf(key)}`;
    if (placed.type === "scatter" && placed.showlegend !== false) {
      const name = `${key} ${String(trace.name)}`;
      placed.legend = `legend${suffixOf(key)}`;
      placed.legendgroup = name;
      placed.showlegend = !this.#legendNames.has(name);
      this.#legendNames.add(name);
    }
    if (hover) placed.hovertemplate = hover.source;
    this.#traces.push(placed as Trace);
  }

  barBelow(key: number, colors: ColorKey, x: number, y: number, length: number): void {
    const place = {
      orientation: "h",
      xanchor: "center",
      yanchor: "top",
      x: x / this.width,
      y: 1 - y / this.height,
    };
    if (!this.#colorAxis(key, colors, { ...place, len: length })) return;
    this.text(colors.title, x, y + 27, {
      xanchor: "center",
      yanchor: "top",
      font: { size: textSize.labels },
    });
  }

  barRight(key: number, colors: ColorKey, x: number, y: number, length: number): void {
    const place = {
      orientation: "v",
      xanchor: "left",
      yanchor: "middle",
      x: x / this.width,
      y: 1 - y / this.height,
    };
    if (!this.#colorAxis(key, colors, { ...place, len: length })) return;
    const style = {
      textangle: -90,
      xanchor: "left",
      yanchor: "middle",
      font: { size: textSize.labels },
    } as const;
    this.text(colors.title, x + 36, y, style);
  }

  /** The colours of a row or column, once; lines show their bar through a trace without points. */
  #colorAxis(key: number, { title, scale, range, ticks }: ColorKey, bar: object): boolean {
    const name = `coloraxis${suffixOf(key)}`;
    if (name in this.#named) return false;
    this.#named[name] = {
      colorscale: scale,
      cmin: range[0],
      cmax: range[1],
      showscale: title !== "",
      colorbar: {
        ...bar,
        lenmode: "pixels",
        thicknessmode: "pixels",
        thickness: 8,
        xpad: 0,
        ypad: 0,
        outlinewidth: 0.6,
        outlinecolor: ink.axis,
        ticks: "outside",
        ticklen: 3,
        tickwidth: 0.8,
        tickcolor: ink.axis,
        tickfont: { size: textSize.ticks, color: ink.muted },
        ...(ticks
          ? { tickmode: "array", tickvals: ticks.at, ticktext: ticks.text.map(plotlySource) }
          : { nticks: 5 }),
      },
    };
    const suffix = suffixOf(this.#panels - 1);
    const marker = { color: [range[0]], coloraxis: name };
    const carrier = {
      type: "scatter",
      mode: "markers",
      x: [null],
      y: [null],
      marker,
      showlegend: false,
      hoverinfo: "skip",
    };
    this.#traces.push({ ...carrier, xaxis: `x${suffix}`, yaxis: `y${suffix}` } as unknown as Trace);
    return true;
  }

  legend(key: number, place: { x: number; y: number; anchor: "center" | "left" }): void {
    const name = `legend${suffixOf(key)}`;
    if (name in this.#named) return;
    this.#named[name] = {
      x: place.x / this.width,
      y: 1 - place.y / this.height,
      xanchor: place.anchor,
      yanchor: "top",
      orientation: place.anchor === "center" ? "h" : "v",
      font: { size: textSize.labels },
      bgcolor: "rgba(0,0,0,0)",
      itemwidth: 30,
    } satisfies Partial<Legend>;
  }

  figure(description: string): Figure {
    const layout: Partial<Layout> = { ...this.#named, annotations: this.#annotations, shapes: this.#shapes };
    if (this.#legendNames.size > 0) layout.showlegend = true;
    return { description, data: this.#traces, layout: { ...baseLayout(this.width, this.height), ...layout } };
  }
}

function axis({ type, range, ticks }: PanelAxis, grid: boolean): Partial<LayoutAxis> {
  return {
    ...baseAxis(),
    type,
    showgrid: grid,
    ...(range ? { range: [...range] } : {}),
    ...(ticks
      ? { tickmode: "array" as const, tickvals: [...ticks.at], ticktext: ticks.text.map(plotlySource) }
      : {}),
  };
}

const TEXTS = ["name", "text", "hovertext", "hovertemplate", "texttemplate", "x", "y"];

/** A trace whose texts Plotly shows letter by letter. */
function written(trace: Trace): Record<string, unknown> {
  const source = (value: unknown): unknown => (typeof value === "string" ? plotlySource(value) : value);
  return Object.fromEntries(
    Object.entries(trace).map(([name, value]) => {
      if (!TEXTS.includes(name)) return [name, value as unknown];
      return [name, Array.isArray(value) ? value.map(source) : source(value)];
    }),
  );
}

/** Plotly's numbering: "", "2", "3", ... */
const suffixOf = (index: number): string => (index === 0 ? "" : String(index + 1));
