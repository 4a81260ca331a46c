import { DataError } from "../core/errors.js";
import { drawGrid } from "./grid.js";
import { imageGrid } from "./panels.js";
import type { Figure } from "./plotly.js";

/** Square grey images at one moment of sampling; equally many at every moment. */
export interface SamplingStage {
  /** Steps of noise still in them. */
  readonly step: number;
  /** 0 = black, 1 = white; row-major. */
  readonly images: readonly ArrayLike<number>[];
}

/**
 * Images appearing out of noise: a row per image, a column per moment, from noise to the finished image.
 * @throws DataError if there are no images
 */
export function samplesFigure(stages: readonly SamplingStage[]): Figure {
  const count = stages[0]?.images.length ?? 0;
  if (count === 0) throw new DataError("samplesFigure: expected at least one image, found none");
  const size = Math.sqrt(stages[0].images[0].length);
  const images = Array.from({ length: count }, (_, row) => stages.map((stage) => stage.images[row])).flat();
  const pitch = size + 1;
  const panel = imageGrid(
    images.map((image) => framed(image, size)),
    pitch,
    stages.length,
  );
  const ticks = {
    at: stages.map((_, column) => column * pitch + size / 2 - 0.5),
    text: stages.map(({ step }) => String(step)),
  };
  const width = 720;
  const inner = width - 54 - 86; // what drawGrid leaves to one panel without row titles
  return drawGrid({
    description: `${count} images by ancestral sampling, from noise to the finished image`,
    panels: [[panel && { ...panel, x: { ...panel.x, ticks } }]],
    keys: "rows",
    link: "rows",
    xTitle: "steps of noise left",
    width,
    panelHeight: Math.round((inner * count) / stages.length),
  });
}

/** An image with a gap at its right and below. */
function framed(image: ArrayLike<number>, size: number): number[] {
  const rows = Array.from({ length: size }, (_, y) => [
    ...Array.from(image).slice(y * size, (y + 1) * size),
    NaN,
  ]);
  return [...rows.flat(), ...new Array<number>(size + 1).fill(NaN)];
}
