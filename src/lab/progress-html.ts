import { largest, smallest } from "../core/extent.js";
import { html, type Html } from "./html.js";

const size = { width: 220, height: 44 } as const;

/**
 * A run as HTML: its line of text, a bar, and the curve of its first metric (logarithmic where it is positive).
 * @param part how much of it is done, in [0, 1]
 */
export function liveHtml(text: string, part: number, curve: readonly number[]): Html {
  const done = html`<div style="width:${(100 * part).toFixed(1)}%;height:5px;background:#0072B2;border-radius:3px"></div>`;
  const bar = html`<div style="width:${size.width}px;height:5px;background:#eaeef2;border-radius:3px">${done}</div>`;
  const line = html`<div style="font-variant-numeric:tabular-nums">${text}</div>`;
  return html`<div>${line}${bar}${drawnLine(curve)}</div>`;
}

/** A curve as inline SVG; empty for fewer than two values. */
export function sparkline(values: readonly number[]): string {
  return drawnLine(values).source;
}

function drawnLine(values: readonly number[]): Html {
  if (values.length < 2) return html``;
  const scaled = values.every((value) => value > 0) ? values.map(Math.log10) : values;
  const [low, high] = [smallest(scaled), largest(scaled)];
  const span = high - low || 1;
  const points = scaled.map((value, i) => {
    const x = (i / (scaled.length - 1)) * size.width;
    const y = 2 + (1 - (value - low) / span) * (size.height - 4);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  const line = html`<polyline points="${points.join(" ")}" fill="none" stroke="#0072B2" stroke-width="1.2"/>`;
  return html`<svg width="${size.width}" height="${size.height}" viewBox="0 0 ${size.width} ${size.height}">${line}</svg>`;
}
