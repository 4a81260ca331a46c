import { DataError } from "../core/errors.js";
import { largest } from "../core/extent.js";
import { drawGrid } from "./grid.js";
import { type Figure, rounded, type Trace } from "./plotly.js";
import { palette } from "./theme.js";

/** The singular values of one matrix. */
export interface NamedSpectrum {
  readonly label: string;
  /** Falling. */
  readonly values: ArrayLike<number>;
}

/**
 * Spectra side by side: singular value against its index, a line per matrix, each divided by its largest value, so that
 * shapes can be compared.
 * @throws DataError if there are none, or more than 6 (the colours that can be told apart)
 */
export function spectraFigure(spectra: readonly NamedSpectrum[]): Figure {
  if (spectra.length === 0 || spectra.length > palette.length) {
    throw new DataError(`spectraFigure: expected 1 to ${palette.length} spectra, found ${spectra.length}`);
  }
  const traces = spectra.map(({ label, values }, i): Trace => {
    const relative = Array.from(values, (value) => rounded(values[0] > 0 ? value / values[0] : 0));
    return {
      type: "scatter",
      mode: "lines",
      name: label,
      x: relative.map((_, index) => index + 1),
      y: relative,
      line: { color: palette[i], width: 1.6 },
    };
  });
  const longest = largest(spectra.map(({ values }) => values.length));
  return drawGrid({
    description: `Singular values, relative to the largest: ${spectra.map(({ label }) => label).join(", ")}`,
    panels: [
      [
        {
          traces,
          x: { type: "linear", range: [1, Math.max(2, longest)] },
          y: { type: "linear", range: [0, 1.03], title: "singular value / largest" },
          grid: true,
        },
      ],
    ],
    keys: "columns",
    link: "columns",
    xTitle: "index, from the largest",
    width: 640,
    panelHeight: 260,
  });
}
