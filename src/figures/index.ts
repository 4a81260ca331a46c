/** The figures of the paper as functions of tables: plain Plotly JSON out, no tensors in. */
export { drawDynamics, type DynamicsOptions, type DynamicsTables } from "./dynamics.js";
export { figure1 } from "./figure1.js";
export { figure2 } from "./figure2.js";
export { figure3 } from "./figure3.js";
export { figure4 } from "./figure4.js";
export { figure5 } from "./figure5.js";
export { figure8 } from "./figure8.js";
export { samplesFigure, type SamplingStage } from "./samples.js";
export { spectraFigure, type NamedSpectrum } from "./spectra.js";
