import * as aq from "arquero";
import { randomStream } from "spectral-lab/core/random";
import type { MaskTables } from "spectral-lab/paper/figure10";

/** Tables as figure 10 is drawn from: two trunks, and under each of two masks one branch of each. */
export function ticketsExample(): MaskTables {
  const edits = ["magnitude:0.05", "random:0.05"];
  const names = ["layers.0.conv.weight", "layers.1.conv.weight", "layers.3.conv.weight", "fc.weight"];
  const [shown, size, moments] = [names[2], 6, 5];
  const random = randomStream(0, "tickets");
  const rows = { metrics: [], matrices: [], kept: [], agreement: [], scores: [] } as Record<
    keyof MaskTables,
    object[]
  >;
  const noisy = (value: number): number => Math.min(1, Math.max(0, value + random.normal(0, 0.02)));
  for (const seed of [0, 1]) {
    for (const edit of [null, ...edits]) {
      const good = edit === edits[1] ? 0.1 : 0.8;
      const facets = { edit, seed, order: edit === null ? null : 3 };
      for (let i = edit === null ? 0 : 2; i < moments; i++) {
        const at = { ...facets, step: 100 * i, epoch: i };
        const value = (edit === edits[1] ? 1.5 : 1) * 2.3 * Math.exp(-i) * (1 + random.normal(0, 0.05));
        rows.metrics.push({
          task: "vgg",
          setting: null,
          ...at,
          split: "train",
          variant: "full",
          metric: "loss",
          value,
        });
        if (edit === null) continue;
        names.forEach((matrix, depth) =>
          rows.scores.push({ ...at, matrix, depth, score: noisy(good - 0.1 * depth) }),
        );
        for (let rank = 1; rank <= size; rank++)
          rows.agreement.push({ ...at, matrix: shown, rank, value: noisy(good - rank / 20) });
      }
      if (edit === null) continue;
      names.forEach((matrix, depth) =>
        rows.kept.push({ edit, seed, matrix, depth, score: matrix === "fc.weight" ? 1 : noisy(good) }),
      );
      for (let row = 1; row <= size; row++) {
        for (let column = 1; column <= size; column++) {
          const value = row === column ? noisy(good) : noisy(0.05);
          rows.matrices.push({ edit, seed, matrix: shown, row, column, value });
        }
      }
    }
  }
  const { metrics, matrices, kept, agreement, scores } = rows;
  return {
    metrics: aq.from(metrics),
    matrices: aq.from(matrices),
    kept: aq.from(kept),
    agreement: aq.from(agreement),
    scores: aq.from(scores),
  };
}

/** Tables as figure 9 is drawn from: two tasks, two seeds, agreement that rises earlier in the first ranks. */
export function stabilityExample(): { agreement: ReturnType<typeof aq.from>; scores: ReturnType<typeof aq.from> } {
  const [agreement, scores]: object[][] = [[], []];
  const random = randomStream(0, "stability");
  for (const [task, layers] of [["vgg", 3], ["lstm", 9]] as const) {
    for (const seed of [0, 1]) {
      for (let i = 0; i < 5; i++) {
        const at = { task, setting: null, seed, step: 10 * i, epoch: i / 2 };
        for (let depth = 0; depth < layers; depth++) {
          const matrix = `layers.${depth}.weight`;
          const values = Array.from({ length: 8 }, (_, r) => Math.min(1, (i / 4) ** (1 + r / 3) + (i < 4 ? random.uniform(0, 0.03) : 0)));
          scores.push({ ...at, matrix, depth, score: values.reduce((sum, value) => sum + value, 0) / 8 });
          values.forEach((value, r) => agreement.push({ ...at, matrix, rank: r + 1, value }));
        }
      }
    }
  }
  return { agreement: aq.from(agreement), scores: aq.from(scores) };
} // prettier-ignore
