import * as aq from "arquero";
import type { ColumnTable } from "arquero";
import { type FacetedStudy, studyArrays, withFacets } from "../analysis/faceted-study.js";
import { studyTable } from "../analysis/study-table.js";
import { faceted, type FacetedRun, metricsTable } from "../analysis/tables.js";
import { DataError } from "../core/errors.js";
import { type Facets, where } from "../core/facets.js";
import { drawGrid } from "../figures/grid.js";
import {
  agreementHeatmap,
  diagonalHeatmap,
  layerBars,
  lossCurves,
  matrixHeatmap,
  type Panel,
  shortName,
} from "../figures/panels.js";
import type { Figure } from "../figures/plotly.js";
import { completeOnes, type FigureExperiment } from "../figures/selection.js";
import { palette, roles } from "../figures/theme.js";
import type { Plan } from "../sweep/plan.js";
import { vgg } from "../tasks/index.js";
import type { ProfileName } from "../tasks/task.js";
import type { Claim } from "./claim.js";
import { magnitudeKeepsMore, touchedBy } from "./claims/figure10.js";
import { dataNotes } from "./experiments.js";
import { apartFromDiverged } from "./diverged.js";
import { type Drawn, expectRuns, type PaperFigure } from "./figure.js";
import { PAPER_SEEDS } from "./stored.js";

export const figure10: PaperFigure = {
  number: 10,
  title: "Lottery tickets: what magnitude masks and random ones keep",
  tasks: [vgg],
  settings: [],
  plan: planFigure10,
  draw: drawFigure10,
};

/** The share of weights that masks keep. */
const SHARE = 0.05;
const MASKS = [`magnitude:${SHARE}`, `random:${SHARE}`] as const;

/** What differs between the profiles: data, where masked training begins, and the streams of order of its branches. */
const SIZES = {
  quick: { set: { trainingExamples: 800 }, seeds: [0], rewound: "2ep", orders: [3] },
  lab: { set: { trainingExamples: 9000 }, seeds: PAPER_SEEDS, rewound: "5ep", orders: [3, 4, 5] },
  paper: { set: {}, seeds: PAPER_SEEDS, rewound: "5ep", orders: [3, 4, 5] },
} as const;

/**
 * VGG trunks; branches of them from the end of epoch 5 with masks ranked by the trunk's last weights; agreement of the last weights
 * with themselves masked, and of trunk and branch along training.
 */
export function planFigure10(profile: ProfileName): Plan {
  const { set, seeds, rewound, orders } = SIZES[profile];
  const [trunk, ticket] = ["trunk", "ticket"];
  return {
    name: "figure10",
    title: figure10.title,
    profile,
    runs: [
      { name: trunk, task: vgg.name, set, seeds, vectors: 40 }, // as many as figure 9 compares
      { name: ticket, task: vgg.name, from: { group: trunk, at: [rewound] }, edits: MASKS, orders },
    ],
    studies: [
      ...MASKS.map((edit) => ({
        kind: "agreement",
        set: { full: true },
        inputs: [
          { group: trunk, at: "end" },
          { group: trunk, at: "end", edit },
        ],
        same: ["seed"],
      })),
      {
        kind: "trajectory",
        set: { pairs: 20 },
        inputs: [
          { group: trunk, at: "end" },
          { group: ticket, at: "end" },
        ],
        same: ["seed"],
      },
    ],
  };
}

/** What figure 10 is drawn from. In all of them `edit` is the mask's text form, and `seed` the trunk's. */
export interface MaskTables {
  /** As `metricsTable` has them; `edit` is null of trunks. */
  readonly metrics: ColumnTable;
  /** Agreement matrices S_jk of the final weights with themselves masked: matrix, row, column (ranks from 1), value. */
  readonly matrices: ColumnTable;
  /** Their scores: matrix, depth, score. */
  readonly kept: ColumnTable;
  /** Agreement of trunk and branch along training: order, step, epoch, matrix, rank, value. */
  readonly agreement: ColumnTable;
  /** Its scores: order, step, epoch, matrix, depth, score. */
  readonly scores: ColumnTable;
}

/**
 * Figure 10 from trunks, their masked branches, and studies of kinds `agreement` (of weights with themselves masked, `full`) and
 * `trajectory` (of trunk and branch). A row per mask. The claims compare magnitude masks with random ones, so they need both.
 * @throws DataError without runs or studies, or if no mask has data for all panels
 */
export function drawFigure10(runs: readonly FacetedRun[], studies: readonly FacetedStudy[]): Drawn {
  const { finished, notes } = apartFromDiverged(runs);
  expectRuns("Figure 10", finished);
  const tables = tablesOf(finished, studies);
  const edits = editsOf(tables.metrics);
  return {
    name: "figure10",
    figure: plotFigure10(tables, { notes: [...dataNotes(finished), ...notes] }),
    tables: { ...tables },
    claims: claimsOf(tables, edits),
  };
}

function tablesOf(runs: readonly FacetedRun[], studies: readonly FacetedStudy[]): MaskTables {
  const byId = new Map(runs.map(({ run }) => [run.record.id, run.record]));
  const maskOf = (id: string): string | null => byId.get(id)?.origin?.edit ?? null;
  const known = runs.map(({ run }) =>
    faceted(run, { edit: maskOf(run.record.id), order: run.record.order ?? null }),
  );
  const facetsOf = (
    { study: { record } }: FacetedStudy,
    edit: string | null,
    order: number | null,
  ): Facets => ({
    edit,
    seed: record.inputs[0].seed ?? null,
    order,
  });
  const masked: FacetedStudy[] = [];
  const along: FacetedStudy[] = [];
  for (const one of studies) {
    const { kind, inputs } = one.study.record;
    const edited = inputs.find(({ edit }) => edit !== undefined)?.edit;
    const branch = inputs.find(({ run }) => maskOf(run) !== null);
    if (kind === "agreement" && edited !== undefined)
      masked.push({ study: one.study, facets: facetsOf(one, edited, null) });
    if (kind === "trajectory" && branch) {
      const { order = null } = byId.get(branch.run)!;
      along.push({ study: one.study, facets: facetsOf(one, maskOf(branch.run), order) });
    }
  }
  if (masked.length === 0 || along.length === 0) {
    throw new DataError(
      `Figure 10: expected studies of kinds agreement (with an edit) and trajectory (of a branch), found ${masked.length} and ${along.length}`,
    );
  }
  const rowsOf = (own: readonly FacetedStudy[]): ColumnTable =>
    withFacets(studyTable(own.map(({ study }) => study)), own);
  const shown = maskedMatrix(rowsOf(masked));
  return {
    metrics: metricsTable(known),
    matrices: squares(studyArrays(masked, "agreement-matrix/", (name) => name === shown)),
    kept: rowsOf(masked),
    agreement: studyArrays(along, "agreement/", (name) => name === shown),
    scores: rowsOf(along),
  };
}

/**
 * The matrix whose agreement figure 10 shows: the paper's "conv 3", counted from 0 with the poolings; of a shorter network the one at
 * its relative depth.
 * @param scores a row for each matrix: matrix, depth
 */
export function maskedMatrix(scores: ColumnTable): string {
  const names = scores.orderby("depth").dedupe("matrix").array("matrix") as string[];
  const paper = "layers.3.conv.weight";
  return names.includes(paper) ? paper : (names[Math.round((names.length - 1) / 6)] ?? "");
}

/** Square matrices, of which a table has the entries row by row as `rank`, with their rows and columns. */
function squares(entries: ColumnTable): ColumnTable {
  const counted = entries
    .groupby("study")
    .derive({ count: aq.op.max("rank") })
    .ungroup();
  const row = (entry: Entry): number => Math.floor((entry.rank - 1) / Math.sqrt(entry.count)) + 1;
  const column = (entry: Entry): number => ((entry.rank - 1) % Math.sqrt(entry.count)) + 1;
  return counted.derive({ row: aq.escape(row), column: aq.escape(column) }).select(aq.not("rank", "count"));
}

interface Entry {
  readonly rank: number;
  readonly count: number;
}
/** The masks of the runs, magnitude masks first. */
function editsOf(metrics: ColumnTable): string[] {
  const edits = (metrics.dedupe("edit").array("edit") as (string | null)[]).filter((edit) => edit !== null);
  return edits.sort((a, b) => Number(!a.startsWith("magnitude")) - Number(!b.startsWith("magnitude")));
}

function claimsOf({ kept, scores }: MaskTables, edits: readonly string[]): Claim[] {
  return edits
    .filter((edit) => edit.startsWith("magnitude:"))
    .flatMap((magnitude) => {
      const random = edits.find((edit) => edit === magnitude.replace("magnitude", "random"));
      if (random === undefined) return [];
      const pair = { magnitude, random };
      return [
        magnitudeKeepsMore(kept, {
          ...pair,
          statement: `Magnitude masks keep the top singular vectors, random ones of equal sparsity do not (${magnitude})`,
          quantity: "agreement score of the final weights with themselves masked",
        }),
        magnitudeKeepsMore(lastMoments(scores), {
          ...pair,
          statement: `Networks trained under magnitude masks end with the unmasked network's top singular vectors, those under random ones do not (${magnitude})`,
          quantity: "agreement score of the masked with the unmasked network at the end",
          matrices: touchedBy(kept),
        }),
      ];
    });
}

/** The rows of each branch's last step. */
function lastMoments(scores: ColumnTable): ColumnTable {
  const dated = scores
    .groupby("edit", "seed", "order")
    .derive({ last: aq.op.max("step") })
    .ungroup();
  return dated.filter(aq.escape((row: { step: number; last: number }) => row.step === row.last)).reify();
}

const curves = [
  { name: "unmasked", color: roles.full, split: "unmasked", metric: "loss" },
  { name: "masked", color: palette[1], split: "masked", metric: "loss" },
] as const;

/**
 * Figure 10: a row per mask. From the left: training loss with and without it; agreement matrix of one matrix of the final
 * weights with itself masked; its score in every matrix; agreement of masked with unmasked training along time, the diagonal of
 * one matrix and the score of all.
 * @throws DataError if no mask has data for all panels
 */
export function plotFigure10(
  tables: MaskTables,
  {
    edits = editsOf(tables.metrics),
    notes = [],
  }: { readonly edits?: readonly string[]; readonly notes?: readonly string[] } = {},
): Figure {
  const rows = edits.map((edit): FigureExperiment => ({ where: { edit }, title: edit.replace(":", " ") }));
  const names = tables.agreement.dedupe("matrix").array("matrix") as string[];
  const shown = shortName(names[0] ?? "");
  const titled = (panel: Panel | undefined): Panel | undefined => panel && { ...panel, title: shown };
  const { complete, notes: leftOut } = completeOnes("Figure 10", rows, ({ where: facets }) => ({
    "training loss": lossPanel(tables.metrics, facets.edit as string),
    "agreement when masked": titled(matrixHeatmap(where(tables.matrices, facets), 1)),
    "score when masked": layerBars(where(tables.kept, facets), "score", palette[0], {
      type: "linear",
      range: [0, 1.02],
    }),
    "agreement along training": titled(
      diagonalHeatmap(where(tables.agreement, facets), 1, undefined, "agreement"),
    ),
    "score along training": agreementHeatmap(where(tables.scores, facets)),
  }));
  return drawGrid({
    description: `Figure 10: training loss under masks, and what they keep of the singular vectors of ${shown} and of all matrices; ${complete.map(({ title }) => title).join(", ")}`,
    panels: complete.map(({ panels }) => panels),
    rowTitles: complete.map(({ title }) => title),
    columnTitles: [
      "training loss",
      "final, when masked",
      "score when masked",
      "along training",
      "score along training",
    ],
    keys: "columns",
    link: "columns",
    xTitle: "epoch",
    width: 1180,
    notes: [countsNote(tables), ...notes, ...leftOut],
  });
}

/** Training loss of the trunks and of the branches with one mask. */
function lossPanel(metrics: ColumnTable, edit: string): Panel | undefined {
  const rows = where(metrics, { split: "train", metric: "loss", variant: "full" });
  const named = (of: string | null, split: string): ColumnTable =>
    where(rows, { edit: of }).derive({ split: aq.escape(() => split) });
  const branches = named(edit, "masked");
  if (branches.numRows() === 0) return undefined;
  return lossCurves(named(null, "unmasked").concat(branches), curves, { type: "log" });
}

function countsNote({ metrics }: MaskTables): string {
  const count = (table: ColumnTable): number => table.dedupe("seed", "order").numRows();
  const trunks = where(metrics, { edit: null });
  const branches = editsOf(metrics).map((edit) => `${edit}: ${count(where(metrics, { edit }))}`);
  const unmasked =
    count(trunks) === 1 ? "One unmasked network" : `Means of ${count(trunks)} unmasked networks`;
  return `${unmasked}; masked branches: ${branches.join(", ")}; bands and whiskers: one standard deviation.`;
}
