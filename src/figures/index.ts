/** Figures as functions of tables: panels and the grid that places them. Plain Plotly JSON out, no tensors in. */
export { samplesFigure, type SamplingStage } from "./samples.js";
export { spectraFigure, type NamedSpectrum } from "./spectra.js";
export { checkpointFigures, spectraDrawn, stepAxis, type StepTables } from "./checkpoints.js";
export { drawGrid, type Grid } from "./grid.js";
export * from "./panels.js";
export { linearEpochs, type TimeAxis } from "./time.js";
export { palette, roles } from "./theme.js";
