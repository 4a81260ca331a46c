/** The figures of the paper: each says which runs it needs, draws them, and checks what the paper says of it. */
import { unknownName } from "../core/config.js";
import type { Plan } from "../sweep/plan.js";
import { keepingForOthers } from "../sweep/shared-runs.js";
import type { ProfileName } from "../tasks/task.js";
import { connectivityPlan } from "./connectivity-plan.js";
import { decayArmsPlan } from "./decay-plan.js";
import type { PaperFigure } from "./figure.js";
import { figure1 } from "./figure1.js";
import { figure2 } from "./figure2.js";
import { figure3 } from "./figure3.js";
import { figure4 } from "./figure4.js";
import { figure5 } from "./figure5.js";
import { figure6 } from "./figure6.js";
import { figure7 } from "./figure7.js";
import { figure8 } from "./figure8.js";
import { figure9 } from "./figure9.js";
import { figure10 } from "./figure10.js";
import { figure11 } from "./figure11.js";
import { figure12 } from "./figure12.js";
import { figure13 } from "./figure13.js";
import { figure14 } from "./figure14.js";
import { universalityPlan } from "./universality.js";

export { drawFigure1 } from "./figure1.js";
export { drawFigure2 } from "./figure2.js";
export { drawFigure3 } from "./figure3.js";
export { drawFigure4 } from "./figure4.js";
export { drawFigure5 } from "./figure5.js";
export { drawFigure6, figure6 } from "./figure6.js";
export { drawFigure7, figure7 } from "./figure7.js";
export { drawFigure8 } from "./figure8.js";
export { drawFigure9, figure9 } from "./figure9.js";
export { drawFigure10, figure10 } from "./figure10.js";
export { drawFigure11, figure11 } from "./figure11.js";
export { drawFigure12, figure12 } from "./figure12.js";
export { drawFigure13, figure13 } from "./figure13.js";
export { drawFigure14, figure14 } from "./figure14.js";
export { alignedTable, dataPartsTable, drawComponents } from "./beyond-connectivity.js";
export { connectivityPlan } from "./connectivity-plan.js";
export { drawPrediction } from "./prediction.js";
export { drawNoise } from "./noise.js";
export { drawUniversality, universalityPlan } from "./universality.js";
export { drawDecayArms } from "./decay-arms.js";
export { decayArmsPlan, decayPlan } from "./decay-plan.js";

/** The figures, in the order of the paper. */
export const PAPER_FIGURES: readonly PaperFigure[] = [
  figure1,
  figure2,
  figure3,
  figure4,
  figure5,
  figure6,
  figure7,
  figure8,
  figure9,
  figure10,
  figure11,
  figure12,
  figure13,
  figure14,
];

/** The plans by name: of figures, and of what goes beyond them. */
export const PLANS: Readonly<Record<string, (profile: ProfileName) => Plan>> = {
  ...Object.fromEntries(
    PAPER_FIGURES.flatMap(({ number, plan }) => (plan ? [[`figure${number}`, plan] as const] : [])),
  ),
  connectivity: (profile) => connectivityPlan("connectivity", profile),
  "decay-arms": decayArmsPlan,
  universality: universalityPlan,
};

/** A plan whose trunks keep what every plan of its profile reads of them (`PLANS`), so that one trains for all. */
export function amongPlans(plan: Plan): Plan {
  const { profile = "quick" } = plan;
  return keepingForOthers(
    plan,
    Object.values(PLANS).map((planOf) => planOf(profile)),
  );
}

/** A plan whose runs are transient in the paper profile: all weights that are read there would take hundreds of gigabytes. */
export function frugal(plan: Plan): Plan {
  if (plan.profile !== "paper") return plan;
  return { ...plan, runs: plan.runs.map((group) => ({ ...group, transient: true })) };
}

/** Every plan of a profile: those that may have runs of another one (`Others`). */
export function allPlans(profile: ProfileName): readonly Plan[] {
  return Object.values(PLANS).map((planOf) => frugal(planOf(profile)));
}

/** The figure of a number. @throws ConfigError if there is none */
export function paperFigure(number: number): PaperFigure {
  const figure = PAPER_FIGURES.find((candidate) => candidate.number === number);
  if (figure) return figure;
  const known = PAPER_FIGURES.map((one) => String(one.number));
  throw unknownName("figure", String(number), known);
}
