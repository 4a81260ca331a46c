import type { NamedArrays } from "spectral-lab/core/array";
import { agreementDiagonal, agreementScore, resolvedPairs } from "spectral-lab/linalg/agreement";
import type { Model } from "spectral-lab/nn/model";
import { disposeParameters, toArrays, toTensors } from "spectral-lab/nn/parameters";
import { hiddenMatrices, matrixOf } from "spectral-lab/nn/views";
import { masked } from "spectral-lab/optim/masked";
import { sgd } from "spectral-lab/optim/sgd";
import { magnitudeMasks, maskArrays } from "spectral-lab/train/edits/masks";
import { valueOf } from "spectral-lab/train/evaluate";
import { stateOf } from "spectral-lab/train/start";
import { disposeState, gradientsOf, trainStep } from "spectral-lab/train/step";
import { read } from "spectral-lab/backend/read";
import { decomposer } from "../check.js";
import { Comparison } from "../compare.js";
import { normOf } from "../train.js";
import type { Diagonal } from "../file.js";
import type { AnalysedModel } from "./file.js";
import type { AnalysisInputs } from "./inputs.js";
import { metricsOf } from "./networks.js";
import { compareDiagonal, compareErrors, TOLERANCE } from "./tolerances.js";

type ByMatrix<T> = Readonly<Record<string, T>>;

/** A diagonal without the pairs that a masked matrix of low rank does not have; no score if it has fewer than ten. */
type MaskedDiagonal = Pick<Diagonal, "diag"> & { readonly score: number | null };

/** What is kept of one share, and what three steps of training make of it. */
interface Masks {
  readonly kept: ByMatrix<number>;
  /** Of the kept flat indices within a matrix. */
  readonly indexSum: ByMatrix<number>;
  /** How many the authors' rule keeps. */
  readonly strictlyAbove: ByMatrix<number>;
  /** `ranked` and the same weights masked. */
  readonly maskOnly: ByMatrix<MaskedDiagonal>;
  readonly training?: {
    readonly firstExample: number;
    /** What a start that is moved by 2e-6 changes at most. */
    readonly steadiness: number;
    readonly loss: readonly number[];
    readonly finalNorm: ByMatrix<number>;
    readonly evaluation: { readonly loss: number; readonly error?: number };
    readonly unmaskedLoss: readonly number[];
    readonly unmaskedFinalNorm: ByMatrix<number>;
    /** Of the two end states. */
    readonly agreement: ByMatrix<MaskedDiagonal>;
  };
}

/** Section d: magnitude masks, and training under them. */
export async function checkMasks({ masks }: AnalysedModel, inputs: AnalysisInputs): Promise<Comparison> {
  const compare = new Comparison();
  const { model, ranked } = inputs;
  for (const [share, expected] of Object.entries(masks as ByMatrix<Masks>)) {
    const found = magnitudeMasks(model, ranked, Number(share));
    for (const { name, parameter } of hiddenMatrices(model)) {
      const kept = keptOf(found.get(parameter)!.data as Float32Array);
      const sum = kept.reduce((total, index) => total + index, 0);
      const count = (quantity: string, value: number, of: number): void =>
        compare.value(quantity, `${share} ${name}`, value, of, 1, TOLERANCE.exact);
      count("kept", kept.length, expected.kept[name]);
      count("index sum", sum, expected.indexSum[name]);
      count("strictly above", strictlyAbove(kept, name, { model, ranked, masks: found }), expected.strictlyAbove[name]); // prettier-ignore
    }
    compareAgreements(compare, `mask only ${share}`, model, ranked, maskArrays(ranked, found), expected.maskOnly); // prettier-ignore
    if (expected.training) await checkTraining(compare, share, inputs, found, expected.training);
  }
  return compare;
}

const keptOf = (mask: Float32Array): number[] => Array.from(mask.keys()).filter((i) => mask[i] === 1);

/** How many of a matrix' kept weights are larger than the least of all that are kept: what the authors' rule keeps. */
function strictlyAbove(
  kept: readonly number[],
  name: string,
  of: { readonly model: Model<unknown>; readonly ranked: NamedArrays; readonly masks: NamedArrays },
): number {
  let least = Infinity;
  for (const view of hiddenMatrices(of.model)) {
    const { data } = matrixOf(view, of.ranked);
    for (const i of keptOf(of.masks.get(view.parameter)!.data as Float32Array)) least = Math.min(least, Math.abs(data[i])); // prettier-ignore
  }
  const { data } = of.ranked.get(name)!;
  return kept.filter((i) => Math.abs(Number(data[i])) > least).length;
}

/** Agreement of every matrix that is listed; of a masked one only as far as it has singular vectors at all. */
function compareAgreements(
  compare: Comparison,
  quantity: string,
  model: Model<unknown>,
  whole: NamedArrays,
  thinned: NamedArrays,
  expected: ByMatrix<MaskedDiagonal>,
): void {
  const [before, after] = [whole, thinned].map((weights) => decomposer(model, weights));
  for (const [matrix, { diag, score }] of Object.entries(expected)) {
    const [a, b] = [before({ matrix }), after({ matrix })];
    const rank = resolvedPairs(b.s);
    const diagonal = agreementDiagonal(a, b, Math.min(20, rank));
    compare.value(`${quantity.split(" ")[0]} rank`, `${quantity} ${matrix}`, diagonal.length, diag.length, 0, TOLERANCE.exact); // prettier-ignore
    const scored = rank >= Math.min(10, b.s.length);
    compare.value(`${quantity.split(" ")[0]} rank`, `${quantity} ${matrix}, scored`, Number(scored), Number(score !== null), 1, TOLERANCE.exact); // prettier-ignore
    const found = { diagonal, score: scored ? agreementScore(diagonal) : 0 };
    if (diag.length > 0) compareDiagonal(compare, quantity, matrix, found, { diag, score: score ?? found.score }); // prettier-ignore
  }
}

async function checkTraining(
  compare: Comparison,
  share: string,
  inputs: AnalysisInputs,
  masks: NamedArrays,
  expected: NonNullable<Masks["training"]>,
): Promise<void> {
  const ticket = await threeSteps(inputs, expected.firstExample, masks);
  const free = await threeSteps(inputs, expected.firstExample);
  const norms = (weights: NamedArrays, of: ByMatrix<number>, what: string): void => {
    for (const [name, norm] of Object.entries(of)) {
      const found = normOf((weights.get(name)?.data ?? []) as Float32Array);
      compare.value("final norm", `${share} ${what} ${name}`, found, norm, 0, TOLERANCE.norm);
    }
  };
  compare.values("loss", ticket.losses, expected.loss, 0, `${share} masked`, TOLERANCE.loss);
  compare.values("loss", free.losses, expected.unmaskedLoss, 0, `${share} unmasked`, TOLERANCE.loss);
  norms(ticket.weights, expected.finalNorm, "masked");
  norms(free.weights, expected.unmaskedFinalNorm, "unmasked");
  for (const [name, mask] of masks) {
    const { data } = ticket.weights.get(name)!;
    const moved = (mask.data as Float32Array).findIndex((kept, i) => kept === 0 && data[i] !== 0);
    compare.value("masked weights", `${share} ${name}`, moved, -1, 1, TOLERANCE.exact);
  }
  const { loss, error } = await metricsOf(inputs, ticket.weights);
  compare.value("evaluation loss", share, valueOf(loss), expected.evaluation.loss, 0, TOLERANCE.loss);
  if (expected.evaluation.error !== undefined) {
    const { count } = inputs.evaluation();
    compareErrors(compare, "evaluation error", [valueOf(error)], [expected.evaluation.error], { count, at: share }); // prettier-ignore
  }
  compareAgreements(compare, `trained ${share}`, inputs.model, free.weights, ticket.weights, expected.agreement); // prettier-ignore
}

/** Trains `rewound` on four examples: the losses before each of three steps and after the last, and the weights then. */
async function threeSteps(
  { name, model, rewound, training }: AnalysisInputs,
  firstExample: number,
  masks?: NamedArrays,
): Promise<{ losses: number[]; weights: NamedArrays }> {
  const plain = sgd({ learningRate: name === "vgg" ? 0.001 : 0.01, momentum: 0.9, weightDecay: 1e-4 });
  const held = masks && toTensors(masks);
  const optimiser = held ? masked(held, plain) : plain;
  const indices = Int32Array.from({ length: 4 }, (_, i) => firstExample + i);
  const batch = training.batch(indices, undefined as never) as Record<string, { dispose(): void }>;
  let state = stateOf("masks", { parameters: rewound, buffers: model.initBuffers(0) }, optimiser, { masks });
  const losses: number[] = [];
  for (let step = 0; step < 3; step++) {
    const next = trainStep(model, optimiser, state, [batch], step);
    losses.push((await read(next.loss))[0]);
    next.loss.dispose();
    disposeState(state, next.state);
    state = next.state;
  }
  const last = gradientsOf(model, state.parameters, state.buffers, batch);
  losses.push((await read(last.loss))[0]);
  const weights = await toArrays(state.parameters);
  last.loss.dispose();
  disposeParameters(last.gradients);
  disposeState({ ...state, buffers: last.buffers }, state);
  disposeState(state);
  if (held) disposeParameters(held);
  Object.values(batch).forEach((tensor) => tensor.dispose());
  return { losses, weights };
}
