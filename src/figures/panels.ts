/** The parts that figures share: axes and legends of one panel, curves, heat maps. */
export type { ColorKey, Panel, PanelAxis, Ticks } from "./panel.js";
export { lossCurves, ranksDrawn, singularValues, type Curve } from "./curves.js";
export { layerBars } from "./bars.js";
export {
  agreementHeatmap,
  diagonalHeatmap,
  imageGrid,
  matrixHeatmap,
  rankHeatmap,
  scaleTop,
  scoreHeatmap,
  shortName,
} from "./heatmaps.js";
