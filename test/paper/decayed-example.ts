import type { DecayedTask } from "spectral-lab/paper/decays";
import { synthetic, type Synthetic, together } from "./synthetic.js";

/** Invented runs of two tasks with several decays: more of it ends in lower rank; with the most the LSTM diverged. */
export function decayedExample(): { rows: Synthetic; tasks: DecayedTask[] } {
  const layers = (count: number): string[] => Array.from({ length: count }, (_, i) => `layers.${i}.weight`);
  const tasks = [
    { task: "vgg", title: "VGG", decays: [0, 0.01, 0.1], matrices: layers(3), diverged: [] },
    { task: "lstm", title: "LSTM", decays: [0, 1], matrices: layers(12), diverged: [10] },
  ];
  const seeds = [0, 1];
  const shape = { size: 6, epochs: 10, moments: 4, seeds, pruned: true };
  const all = tasks.flatMap(({ task, decays, matrices }) =>
    decays.map((weightDecay, i) =>
      withDecay(synthetic({ ...shape, task, matrices, collapse: 0.1 + 0.25 * i }), weightDecay),
    ),
  );
  return {
    rows: together(...all),
    tasks: tasks.map(({ task, title, decays, diverged }) => ({
      task,
      title,
      shown: { matrix: "layers.1.weight", contact: "layers.0.weight -> layers.1.weight", notes: {} },
      decays: [
        ...decays.map((decay) => ({ where: { task, weightDecay: decay }, decay, seeds, diverged: [] })),
        ...diverged.map((decay) => ({
          where: { task, weightDecay: decay },
          decay,
          seeds: [],
          diverged: seeds.map((seed) => ({ seed, step: 40 - seed })),
        })),
      ],
    })),
  };
}

/** The same rows with the facet weightDecay. */
export function withDecay(rows: Synthetic, weightDecay: number): Synthetic {
  const faceted = <Row extends object>(own: readonly Row[]): Row[] =>
    own.map((row) => ({ weightDecay, ...row }));
  const { metrics, spectra, ranks, alignment, scores } = rows;
  return {
    metrics: faceted(metrics),
    spectra: faceted(spectra),
    ranks: faceted(ranks).map((row) => ({ ...row, frobenius: 1 / (1 + weightDecay) })),
    alignment: faceted(alignment),
    scores: faceted(scores),
  };
}
