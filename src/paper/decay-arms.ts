import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import { faceted, type FacetedRun, metricsTable, ranksTable } from "../analysis/tables.js";
import { DataError } from "../core/errors.js";
import { where } from "../core/facets.js";
import { drawGrid } from "../figures/grid.js";
import { type Curve, lossCurves } from "../figures/panels.js";
import type { Figure } from "../figures/plotly.js";
import { palette } from "../figures/theme.js";
import type { RunReader } from "../store/stored-run.js";
import { claimsOfArms } from "./claims/decay-arms.js";
import { FOUR_TASKS, SHORT } from "./columns.js";
import { dataNotes } from "./experiments.js";
import type { Drawn } from "./figure.js";
import { mean } from "./statistics.js";

/** The four arms: decay or not, each at its own norms, or at the other's ("undone": decay; "only norms": no decay). */
export const ARMS = {
  free: "no decay",
  decay: "decay",
  undone: "undone",
  only: "only norms",
} as const;

export type Arm = keyof typeof ARMS;

/** The arms of one seed. */
type Four = Readonly<Record<Arm, RunReader>>;

/** One number of one arm. */
interface ArmRow {
  readonly task: string;
  readonly arm: Arm;
  readonly seed: number;
  readonly step: number;
  readonly epoch: number;
  /** "training loss", "effective rank" or "norm": means over matrices. */
  readonly metric: string;
  readonly value: number;
}

/**
 * The open question's arms: among some runs those of one seed without and with decay, and the branches of each that are held
 * at the other's norms (`norms:RUN`). What is not complete is left out.
 * @throws DataError if nothing is complete
 */
export function drawDecayArms(given: readonly FacetedRun[]): Drawn {
  const { fours, left } = foursOf(given.map(({ run }) => run));
  if (fours.length === 0) {
    const found = left.length > 0 ? left.join("; ") : `${given.length} runs, no branch at another's norms`;
    throw new DataError(
      `decay arms: expected runs without and with decay and the branches held at each other's norms, found ${found}; spectral sweep decay-arms makes them`,
    );
  }
  const measures = measuresTable(fours);
  const place = (task: string): number => FOUR_TASKS.findIndex(({ name }) => name === task);
  const tasks = [...new Set(fours.map(({ free }) => free.record.task))].sort((a, b) => place(a) - place(b));
  const runs = fours.flatMap((four) => Object.values(four).map((run) => faceted(run)));
  const about = tasks.map((task) => {
    const own = fours.filter(({ free }) => free.record.task === task);
    const [{ decay }] = own;
    return `${SHORT[task] ?? task}: decay ${String(decay.record.config.weightDecay)}, ${own.length} ${own.length > 1 ? "seeds" : "seed"}`;
  });
  const notes = [
    '"undone": decay, held at the norms of the run without; "only norms": no decay, held at the norms of the run with it.',
    "Rank and norm: means over matrices; norms relative to the initialisation. Bands: one standard deviation over seeds.",
    `${about.join("; ")}.`,
    ...dataNotes(runs),
    ...left.map((line) => `Left out: ${line}.`),
  ];
  return {
    name: "decay-arms",
    figure: plotArms(measures, tasks, notes),
    tables: { measures },
    claims: tasks.flatMap((task) => claimsOfArms(where(measures, { task }), task)),
  };
}

/** The complete fours among some runs, and what lacks of the others. */
function foursOf(runs: readonly RunReader[]): { fours: Four[]; left: string[] } {
  const finished = new Map(
    runs.filter(({ record }) => record.status === "finished").map((run) => [run.record.id, run]),
  );
  const held = [...finished.values()].flatMap((run) => {
    const { origin, norms } = run.record;
    return origin?.edit?.startsWith("norms:") && norms ? [{ run, trunk: origin.run, norms: norms.run }] : [];
  });
  const decayOf = (run: RunReader): number => Number(run.record.config.weightDecay);
  const fours: Four[] = [];
  const left: string[] = [];
  for (const { run: undone, trunk, norms } of held) {
    const [decay, free] = [finished.get(trunk), finished.get(norms)];
    if (!decay || !free) {
      left.push(`${undone.record.id} (without ${decay ? norms : trunk})`);
      continue;
    }
    if (!(decayOf(decay) > decayOf(free))) continue; // the other branch of the four
    const only = held.find((other) => other.trunk === norms && other.norms === trunk)?.run;
    if (only) fours.push({ free, decay, undone, only });
    else left.push(`${undone.record.id} (no branch of ${norms} at its trunk's norms)`);
  }
  return { fours, left };
}

/**
 * Columns: task; arm; seed; step; epoch; metric ("training loss", "effective rank", "norm"); value. Ranks are means over
 * matrices, norms geometric means over them, relative to the first moment.
 */
function measuresTable(fours: readonly Four[]): ColumnTable {
  const rows = fours.flatMap((four) =>
    (Object.keys(ARMS) as Arm[]).flatMap((arm) => [...measuresOf(four[arm], arm)]),
  );
  return aq.from(rows as unknown as object[]);
}

function* measuresOf(run: RunReader, arm: Arm): Generator<ArmRow> {
  const { task, seed } = run.record;
  const own = [faceted(run)];
  const losses = where(metricsTable(own), { split: "train", metric: "loss", variant: "full" });
  for (const row of losses.objects() as ArmRow[]) {
    yield { task, arm, seed, step: row.step, epoch: row.epoch, metric: "training loss", value: row.value };
  }
  type Measured = { step: number; epoch: number; matrix: string; effectiveRank: number; frobenius: number };
  const bySteps = new Map<number, Measured[]>();
  for (const row of ranksTable(own).objects() as Measured[]) {
    bySteps.set(row.step, [...(bySteps.get(row.step) ?? []), row]);
  }
  const first = new Map([...bySteps.values()][0]?.map(({ matrix, frobenius }) => [matrix, frobenius]));
  for (const [step, matrices] of bySteps) {
    const origin = { task, arm, seed, step, epoch: matrices[0].epoch };
    const logs = matrices.map(({ matrix, frobenius }) => Math.log(frobenius / first.get(matrix)!));
    yield { ...origin, metric: "effective rank", value: mean(matrices.map((row) => row.effectiveRank)) };
    yield { ...origin, metric: "norm", value: Math.exp(mean(logs)) };
  }
}

/** A row per task: training loss, mean effective rank and norm over time, a curve per arm. */
export function plotArms(measures: ColumnTable, tasks: readonly string[], notes: readonly string[]): Figure {
  const table = measures.derive({ split: () => "arms", variant: (row: { arm: string }) => row.arm });
  const curves = (metric: string): Curve[] =>
    (Object.keys(ARMS) as Arm[]).map((arm, i) => ({
      name: ARMS[arm],
      color: palette[i],
      split: "arms",
      metric,
      variant: arm,
    }));
  const columns = ["training loss", "effective rank", "norm"];
  return drawGrid({
    description: `Weight decay at equal norms, and equal norms without decay; ${tasks.join(", ")}`,
    panels: tasks.map((task) =>
      columns.map((metric) =>
        lossCurves(where(table, { task }), curves(metric), {
          type: metric === "effective rank" ? "linear" : "log",
        }),
      ),
    ),
    columnTitles: columns,
    rowTitles: tasks.map((task) => SHORT[task] ?? task),
    keys: "rows",
    link: "rows",
    xTitle: "epoch",
    notes,
  });
}
