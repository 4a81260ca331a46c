/** What a notebook cell calls: showing, progress, interrupts, exercises, saving. Outside a notebook the same calls print text. */
export { embedPlotly, figureId, show } from "./show.js";
export { showTable, tableHtml, tableText, type AnyTable, type TableOptions } from "./table.js";
export { frame } from "./frame.js";
export { html, Html } from "./html.js";
export { md, Markdown } from "./markdown-text.js";
export { banner, bannerText, duration, markdown, type Banner } from "./markdown.js";
export { progress, type Progress, type ProgressOptions, type ProgressReport } from "./progress.js";
export { interruptSignal } from "./interrupt.js";
export { answerHash, exercise, hashed, nearly, type Exercise, type Judge } from "./exercise.js";
export { checkpointFromEnvironment, showSpectra } from "./checkpoint.js";
export { claimsHtml, claimsText, showClaims } from "./claim.js";
export { save } from "./export.js";
export { present } from "./present.js";
export {
  type PlanParts,
  type PlanReproduction,
  reproduceFigure,
  reproducePlan,
  shownProfile,
} from "./reproduce-plan.js";
export { profileFromEnvironment, reproduce, type Reproduction, retrainAsked } from "./reproduce.js";
export { drawSamples, showSamples, type SamplesChoice } from "./samples.js";
export { currentNotebook, type Bundle, type NotebookOutput } from "./notebook.js";
export type { Figure } from "../figures/plotly.js";
