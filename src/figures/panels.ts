/** The parts that figures share: axes and legends of one panel, curves, heat maps. */
export type { ColorKey, Panel, PanelAxis, Ticks } from "./panel.js";
export { lossCurves, meanCurves, ranksDrawn, singularValues, type Curve, type MeanCurve } from "./curves.js";
export { layerBars } from "./bars.js";
export {
  agreementHeatmap,
  diagonalHeatmap,
  imageGrid,
  matrixHeatmap,
  measureHeatmap,
  rankHeatmap,
  scaleTop,
  scoreHeatmap,
  shortName,
} from "./heatmaps.js";
