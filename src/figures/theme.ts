import type { Layout, LayoutAxis } from "plotly.js";
import { fontStack } from "./fonts.js";

/** A colour scale: [position in [0, 1], colour], from low to high. */
export type ColorScale = [number, string][];

/** Colours of text and lines on the light background. */
export const ink = {
  text: "#24292f",
  muted: "#57606a",
  axis: "#8c959f",
  grid: "#eaeef2",
  paper: "#ffffff",
} as const;

/** Categories, told apart with any colour vision (Okabe & Ito 2008), in the order of use. */
export const palette = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"] as const;

/** The one colour of each split and of each pruned model, in every figure. */
export const roles = {
  train: palette[0],
  validation: palette[1],
  full: ink.text,
  top: palette[2],
  bottom: palette[3],
} as const;

const evenly = (...colors: string[]): ColorScale =>
  colors.map((color, i) => [i / (colors.length - 1), color]);

/** Ranks of singular values: dark for the largest (rank 1), light for the smallest. Plasma without its yellow end. */
export const rankScale = evenly(
  "#0d0887",
  "#41049d",
  "#6a00a8",
  "#8f0da4",
  "#b12a90",
  "#cc4778",
  "#e16462",
  "#f2844b",
  "#fca636",
);

/** Effective rank, always on [0, 1]. Viridis. */
export const effectiveRankScale = evenly("#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725"); // prettier-ignore

/** Alignment and agreement, from 0: white is none. */
export const overlapScale = evenly("#ffffff", "#e3eef8", "#c3daee", "#94c4df", "#5fa6d1", "#3787c0", "#1b69af", "#084a91", "#08306b", "#041d42"); // prettier-ignore

/** Sizes of text, CSS pixels. */
export const textSize = { ticks: 10, labels: 11, titles: 12, notes: 10 } as const;

/** The colour of a scale at `position` in [0, 1], linear between its stops. */
export function colorAt(scale: ColorScale, position: number): string {
  const at = Math.min(1, Math.max(0, position)) * (scale.length - 1);
  const index = Math.min(scale.length - 2, Math.floor(at));
  const [low, high] = [channels(scale[index][1]), channels(scale[index + 1][1])];
  return `rgb(${low.map((value, i) => Math.round(value + (high[i] - value) * (at - index))).join(",")})`;
}

/** The same colour, translucent. @param color "#rrggbb" @param alpha in [0, 1] */
export function translucent(color: string, alpha: number): string {
  return `rgba(${channels(color).join(",")},${alpha})`;
}

function channels(color: string): number[] {
  return [1, 3, 5].map((start) => parseInt(color.slice(start, start + 2), 16));
}

/** What all figures share: font, light paper, no margins of Plotly's own (the grid places everything), hover on points. */
export function baseLayout(
  width: number,
  height: number,
): Partial<Layout> & { width: number; height: number } {
  return {
    width,
    height,
    margin: { l: 0, r: 0, t: 0, b: 0, pad: 0 },
    font: { family: fontStack, size: textSize.labels, color: ink.text },
    paper_bgcolor: ink.paper,
    plot_bgcolor: ink.paper,
    hovermode: "closest",
    hoverlabel: { font: { family: fontStack, size: textSize.labels } },
    showlegend: false,
    dragmode: "zoom",
  };
}

/** Thin axes on the left and below, muted grid. */
export function baseAxis(): Partial<LayoutAxis> {
  return {
    showline: true,
    linecolor: ink.axis,
    linewidth: 0.8,
    ticks: "outside",
    ticklen: 3,
    tickwidth: 0.8,
    tickcolor: ink.axis,
    tickfont: { size: textSize.ticks, color: ink.muted },
    gridcolor: ink.grid,
    gridwidth: 0.8,
    zeroline: false,
    nticks: 5,
    exponentformat: "SI",
    automargin: false,
  };
}
