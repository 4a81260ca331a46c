import type { Panel, PanelAxis, PanelTrace } from "./panel.js";
import { rounded } from "./plotly.js";

/** Points of one colour and form. */
export interface PointGroup {
  readonly name: string;
  readonly color: string;
  readonly symbol: "circle" | "x";
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/**
 * A panel of points, a trace per group; points with a number that is not finite are left out.
 * @returns undefined where there are no points
 */
export function scatter(groups: readonly PointGroup[], x: PanelAxis, y: PanelAxis): Panel | undefined {
  const traces = groups.flatMap(({ name, color, symbol, ...points }): PanelTrace[] => {
    const shown = points.x
      .map((value, i) => [value, points.y[i]] as const)
      .filter((point) => point.every(Number.isFinite));
    if (shown.length === 0) return [];
    return [
      {
        type: "scatter",
        mode: "markers",
        name,
        showlegend: false,
        x: shown.map(([value]) => rounded(value)),
        y: shown.map(([, value]) => rounded(value)),
        marker: { color, symbol, size: 6 },
      },
    ];
  });
  return traces.length === 0 ? undefined : { traces, x, y, grid: true };
}
