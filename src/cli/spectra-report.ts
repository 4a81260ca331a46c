import type { OpenCheckpoints } from "../analysis/checkpoint-spectra.js";
import type { StepResult } from "../analysis/step-spectra.js";
import { countOf, hasMatrices, type MatrixPlan, type Plan } from "../analysis/weight-spectra.js";
import { largest } from "../core/extent.js";
import { printable } from "../core/printable.js";

/** Where results go. */
export interface Report {
  matrix(result: StepResult): void;
  leftOut?(plan: Plan, step: number | null): void;
  /** @param equal what had the same numbers at two steps, a sentence each */
  end(counts: Counts, equal: readonly string[]): void;
}

/** Of all checkpoints together. */
export interface Counts {
  /** Where there is a series of them. */
  readonly steps?: number;
  readonly files: number;
  readonly tensors: number;
  /** Matrices that were decomposed, and that could not be. */
  readonly matrices: number;
  readonly failed: number;
  readonly vectors: number;
  readonly scalars: number;
  readonly leftOut: number;
}

export function countsOf({ checkpoints }: OpenCheckpoints, failed: number): Counts {
  const kinds = { vector: 0, scalar: 0, "left out": 0 };
  let matrices = 0;
  const plans = checkpoints.flatMap((checkpoint) => checkpoint.plans);
  for (const plan of plans) {
    if (hasMatrices(plan)) matrices += countOf(plan);
    else kinds[plan.reading.as as keyof typeof kinds]++;
  }
  return {
    ...(isSeries(checkpoints) && { steps: checkpoints.length }),
    files: checkpoints.reduce((sum, { weights }) => sum + weights.files.length, 0),
    tensors: plans.length,
    matrices: matrices - failed,
    failed,
    vectors: kinds.vector,
    scalars: kinds.scalar,
    leftOut: kinds["left out"],
  };
}

function isSeries(checkpoints: OpenCheckpoints["checkpoints"]): boolean {
  return checkpoints.some(({ step }) => step !== null);
}

/** A line of JSON for each matrix and each tensor that is left out, and one for all of it at the end. */
export function jsonReport({ checkpoints, faults }: OpenCheckpoints): Report {
  const series = isSeries(checkpoints);
  const several = checkpoints.some(({ weights }) => weights.files.length > 1);
  const origin = (file: string, step: number | null): object => ({
    ...((several || series) && { file }),
    ...(series && { step }),
  });
  return {
    matrix({ matrix, plan: { tensor, reading, unscaled }, place, step, outcome }) {
      const found =
        "failed" in outcome
          ? outcome
          : {
              ...outcome.measures,
              ...(outcome.agreement !== undefined && { agreement: outcome.agreement }),
              ...(outcome.equalTo !== undefined && { equalTo: outcome.equalTo }),
            };
      line({
        matrix,
        rows: reading.rows,
        columns: reading.columns,
        tensor: tensor.name,
        ...(place.length > 0 && { place }),
        dtype: tensor.dtype,
        shape: tensor.shape,
        as: reading.as,
        ...origin(tensor.file, step),
        ...(unscaled !== undefined && { unscaled }),
        ...found,
      });
    },
    leftOut({ tensor: { name, dtype, shape, file }, reading }, step) {
      if (reading.as !== "left out") return;
      line({ tensor: name, dtype, shape, ...origin(file, step), leftOut: reading.why });
    },
    end: (counts, equal) => line({ summary: { ...counts, faults, ...(series && { equal }) } }),
  };
}

/** JSON has no NaN and no infinities: their names stand for them. Characters that a terminal obeys are escaped. */
function line(value: object): void {
  const text = JSON.stringify(value, (_, x: unknown) =>
    typeof x === "number" && !Number.isFinite(x) ? String(x) : x,
  );
  console.log(printable(text));
}

const HEADER = [
  "effective rank",
  "entropy rank",
  "90 % count",
  "stable rank",
  "largest",
  "median",
  "alpha",
  "MP edge",
  "above",
];
const SHOWN = [
  "effectiveRank",
  "entropyRank",
  "count90",
  "stableRank",
  "largest",
  "median",
  "alpha",
  "mpEdge",
  "mpAbove",
] as const;
const AGREEMENT = "agreement";

/** One long name shall not widen the table for all. */
const MOST_PADDED = 80;

/** A table whose widths are known before its first number is: a large model takes hours, and its rows come one by one. */
export function tableReport({ checkpoints, faults }: OpenCheckpoints): Report {
  const plans = uniquePlans(checkpoints.flatMap((checkpoint) => checkpoint.plans));
  const shown = plans.filter(hasMatrices);
  const series = isSeries(checkpoints);
  const several = shown.some(({ tensor }) => tensor.shape.length > 2);
  const names = Math.min(MOST_PADDED, Math.max("matrix".length, largest(shown.map(nameWidth))));
  const shapes = Math.max("shape".length, largest(shown.map(({ reading }) => shapeOf(reading).length)));
  const steps = Math.max("step".length, largest(checkpoints.map(({ step }) => String(step).length)));
  const header = series ? [...HEADER, AGREEMENT] : HEADER;
  const start = (name: string, shape: string, step: string): string =>
    [name.padEnd(names), shape.padEnd(shapes), ...(series ? [step.padStart(steps)] : [])].join("  ");
  const row = (beginning: string, numbers: readonly string[], end: readonly string[]): void => {
    const cells = numbers.map((cell, i) =>
      cell.padStart(Math.max(header[i].length, i === 4 || i === 5 || i === 7 ? 9 : 0)),
    );
    console.log([beginning, ...cells, ...end].join("  ").trimEnd());
  };
  if (shown.length > 0) row(start("matrix", "shape", "step"), header, several ? ["read as"] : []);
  return {
    matrix({ matrix, plan, step, outcome }) {
      const beginning = start(named(matrix), shapeOf(plan.reading), String(step));
      if ("failed" in outcome) {
        console.log(`${beginning}  ${outcome.failed}`);
        return;
      }
      const numbers = SHOWN.map((measure) => short(outcome.measures[measure]));
      const agreement = series ? [short(outcome.agreement ?? NaN)] : [];
      const words = several ? [readingWords(plan)] : [];
      const same = outcome.equalTo === undefined ? [] : [`as at step ${outcome.equalTo}`];
      row(beginning, [...numbers, ...agreement], [...words, ...same]);
    },
    end(counts, equal) {
      console.log(`${shown.length > 0 ? "\n" : ""}${summaryOf(counts)}`);
      for (const text of [...notesOf(plans), ...equal, ...faults]) console.log(printable(text));
    },
  };
}

/** Each tensor once, of all steps that read it in the same way. */
function uniquePlans(plans: readonly Plan[]): Plan[] {
  const known = new Map<string, Plan>();
  for (const plan of plans) {
    const { tensor, reading, unscaled } = plan;
    const key = JSON.stringify([tensor.name, tensor.dtype, tensor.shape, reading, unscaled]);
    if (!known.has(key)) known.set(key, plan);
  }
  return [...known.values()];
}

function short(x: number | string): string {
  return typeof x === "string" ? x : String(Number(x.toPrecision(4)));
}

/** A tensor's name on one line; the whole of a very long one is in --json. */
export function named(name: string): string {
  return name === "" ? '""' : printable(name, 200);
}

function nameWidth({ tensor, reading: { stack } }: MatrixPlan): number {
  return named(tensor.name + stack.map((size) => `[${size - 1}]`).join("")).length;
}

function shapeOf({ rows, columns }: MatrixPlan["reading"]): string {
  return `${rows} x ${columns}`;
}

function readingWords({ tensor: { shape }, reading }: MatrixPlan): string {
  if (shape.length === 2) return "";
  const sizes = `[${shape.join(", ")}]`;
  if (reading.as === "stack") return `one of a stack ${sizes}`;
  return reading.as === "filters" ? `filters ${sizes}, flattened` : `${sizes} without its sizes of 1`;
}

/** "1 matrix", "2 matrices" */
export const matrixCount = (n: number): string => count(n, "matrix", "matrices");

function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

function summaryOf({
  steps,
  files,
  tensors,
  matrices: shown,
  failed,
  vectors,
  scalars,
  leftOut,
}: Counts): string {
  const parts = [
    shown + failed === 0 ? "no matrix to decompose" : `${matrixCount(shown)} shown`,
    ...(failed > 0 ? [`${failed} could not be decomposed`] : []),
    ...(vectors > 0 ? [count(vectors, "vector")] : []),
    ...(scalars > 0 ? [count(scalars, "scalar")] : []),
    ...(leftOut > 0 ? [`${leftOut} left out`] : []),
  ];
  const where = files > 1 ? ` in ${files} files` : "";
  const series = steps === undefined ? "" : `${count(steps, "step")}, `;
  return `${series}${count(tensors, "tensor")}${where}: ${parts.join(", ")}`;
}

const MOST_NAMED = 5;

/** What was left out and why, a line for each reason; how tensors of three sizes or more were read; scales not applied. */
function notesOf(plans: readonly Plan[]): string[] {
  const groups = new Map<string, Plan[]>();
  const add = (why: string, plan: Plan): void => {
    const group = groups.get(why);
    if (group === undefined) groups.set(why, [plan]);
    else group.push(plan);
  };
  for (const plan of plans) {
    const { tensor, reading, unscaled } = plan;
    if (reading.as === "left out") add(`left out, ${tensor.dtype}, ${reading.why}`, plan);
    if (unscaled !== undefined && hasMatrices(plan))
      add(`shown as stored, without the scales that lie beside them (${tensor.dtype})`, plan);
    if (tensor.shape.length > 2 && reading.as === "stack")
      add("read as stacks of matrices (--flatten reads them as filters: first size x all others)", plan);
    if (reading.as === "filters")
      add(
        "read as filters of a convolution, outputs x all the rest (--stack reads each matrix of the last two sizes)",
        plan,
      );
  }
  const notes = [...groups].map(([why, group]) => {
    const list = group
      .slice(0, MOST_NAMED)
      .map(({ tensor: { name, shape } }) => `${named(name)} [${shape.join(", ")}]`);
    const more = group.length > MOST_NAMED ? ` and ${group.length - MOST_NAMED} more` : "";
    return `  ${why}: ${list.join(", ")}${more}`;
  });
  const integers = plans.some(
    ({ reading }) => reading.as === "left out" && /^(integers|packed codes)/.test(reading.why),
  );
  return integers ? [...notes, "  (--integers decomposes integers too)"] : notes;
}
