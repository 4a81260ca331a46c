import type { Annotation, Shape } from "plotly.js";
import type { Markup } from "./markup.js";
import type { Trace } from "./plotly.js";

/** One axis of a panel. */
export interface PanelAxis {
  readonly title?: string;
  readonly type: "linear" | "log" | "category";
  /** In Plotly's terms: exponents where the type is "log"; [high, low] runs downwards. */
  readonly range?: [number, number];
  /** Ticks at chosen places: values, or positions from 0 where the type is "category". */
  readonly ticks?: Ticks;
}

export interface Ticks {
  readonly at: readonly number[];
  readonly text: readonly (string | Markup)[];
}

/** What a panel's colours mean: the colour bar of its row or column. */
export interface ColorKey {
  readonly title: string;
  readonly scale: readonly (readonly [number, string])[];
  readonly range: readonly [number, number];
  readonly ticks?: Ticks;
}

/**
 * A trace before it is placed. Its name and its categories are plain text; `hover` is what is said of a point, where
 * Plotly's places (`%{y}`) are markup.
 */
export type PanelTrace = Trace & { readonly hover?: Markup };

/** A panel before it is placed: traces without axes. A heat map's colours are those of `key`; lines are named for a legend. */
export interface Panel {
  readonly traces: readonly PanelTrace[];
  readonly x: PanelAxis;
  readonly y: PanelAxis;
  readonly title?: string;
  readonly key?: ColorKey;
  /** Heat maps hide the grid. */
  readonly grid: boolean;
  /** A drawing in the panel's coordinates, whose axes are then hidden. */
  readonly drawing?: {
    readonly shapes: readonly Partial<Shape>[];
    readonly texts: readonly (Omit<Partial<Annotation>, "text"> & { readonly text: string | Markup })[];
  };
}
