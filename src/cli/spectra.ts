import { DataError, SpectrumError } from "../core/errors.js";
import { largest } from "../core/extent.js";
import { printable } from "../core/printable.js";
import type { Choice } from "../analysis/readings.js";
import {
  countOf,
  hasMatrices,
  plansOf,
  spectraOf,
  type MatrixPlan,
  type MatrixResult,
  type Plan,
} from "../analysis/weight-spectra.js";
import { openWeights, type Weights } from "../store/weights.js";
import { UsageError, type Given } from "./command.js";
import type { spectra } from "./declarations.js";

/**
 * Spectra of every matrix in a file of weights, ours or anybody's, each printed as soon as it is there; then what the file
 * holds besides. @throws DataError, SpectrumError at the end, for what could not be read or decomposed
 */
export async function run({ values, positionals }: Given<typeof spectra>): Promise<number> {
  if (values.stack && values.flatten) throw new UsageError("--stack and --flatten exclude each other");
  const choice: Choice = values.stack ? "stack" : values.flatten ? "flatten" : "auto";
  const weights = await openWeights(positionals[0]);
  const plans = plansOf(weights, { choice, integers: values.integers });
  const report: Report = values.json ? jsonReport(weights) : tableReport(weights, plans);
  const failures: string[] = [];
  try {
    for (const plan of plans) if (!hasMatrices(plan)) report.leftOut?.(plan);
    for await (const result of spectraOf(weights, plans.filter(hasMatrices))) {
      report.matrix(result);
      if ("failed" in result.outcome) failures.push(`${named(result.matrix)}: ${result.outcome.failed}`);
    }
  } finally {
    weights.close();
  }
  report.end(countsOf(plans, weights, failures.length), plans);
  failWith(failures, weights.faults);
  return 0;
}

/** Where results go. */
interface Report {
  matrix(result: MatrixResult): void;
  leftOut?(plan: Plan): void;
  end(counts: Counts, plans: readonly Plan[]): void;
}

interface Counts {
  readonly files: number;
  readonly tensors: number;
  /** Matrices that were decomposed, and that could not be. */
  readonly matrices: number;
  readonly failed: number;
  readonly vectors: number;
  readonly scalars: number;
  readonly leftOut: number;
}

function countsOf(plans: readonly Plan[], { files }: Weights, failed: number): Counts {
  const kinds = { vector: 0, scalar: 0, "left out": 0 };
  let matrices = 0;
  for (const plan of plans) {
    if (hasMatrices(plan)) matrices += countOf(plan);
    else kinds[plan.reading.as as keyof typeof kinds]++;
  }
  const { vector: vectors, scalar: scalars, "left out": leftOut } = kinds;
  const tensors = plans.length;
  return { files: files.length, tensors, matrices: matrices - failed, failed, vectors, scalars, leftOut };
}

function failWith(failures: readonly string[], faults: readonly string[]): void {
  const first = failures.slice(0, 3).join("; ");
  const more = failures.length > 3 ? `; and ${failures.length - 3} more` : "";
  const undone =
    failures.length === 0 ? [] : [`${matrices(failures.length)} could not be decomposed: ${first}${more}`];
  if (faults.length > 0) throw new DataError(printable([...faults, ...undone].join("; ")));
  if (undone.length > 0) throw new SpectrumError(undone[0]);
}

/** A line of JSON for each matrix and each tensor that is left out, and one for all of it at the end. */
function jsonReport({ files, faults }: Weights): Report {
  const fileOf = (file: string): object => (files.length > 1 ? { file } : {});
  return {
    matrix({ matrix, plan: { tensor, reading, unscaled }, place, outcome }) {
      line({
        matrix,
        rows: reading.rows,
        columns: reading.columns,
        tensor: tensor.name,
        ...(place.length > 0 && { place }),
        dtype: tensor.dtype,
        shape: tensor.shape,
        as: reading.as,
        ...fileOf(tensor.file),
        ...(unscaled !== undefined && { unscaled }),
        ...("failed" in outcome ? outcome : outcome.measures),
      });
    },
    leftOut({ tensor: { name, dtype, shape, file }, reading }) {
      if (reading.as !== "left out") return;
      line({ tensor: name, dtype, shape, ...fileOf(file), leftOut: reading.why });
    },
    end: (counts) => line({ summary: { ...counts, faults } }),
  };
}

/** JSON has no NaN and no infinities: their names stand for them. Characters that a terminal obeys are escaped. */
function line(value: object): void {
  const text = JSON.stringify(value, (_, x: unknown) =>
    typeof x === "number" && !Number.isFinite(x) ? String(x) : x,
  );
  console.log(printable(text));
}

const HEADER = ["effective rank", "entropy rank", "90 % count", "stable rank", "largest", "median"];
const SHOWN = ["effectiveRank", "entropyRank", "count90", "stableRank", "largest", "median"] as const;

/** One long name shall not widen the table for all. */
const MOST_PADDED = 80;

/** A table whose widths are known before its first number is: a large model takes hours, and its rows come one by one. */
function tableReport({ faults }: Weights, plans: readonly Plan[]): Report {
  const shown = plans.filter(hasMatrices);
  const several = shown.some(({ tensor }) => tensor.shape.length > 2);
  const names = Math.min(MOST_PADDED, Math.max("matrix".length, largest(shown.map(nameWidth))));
  const shapes = Math.max("shape".length, largest(shown.map(({ reading }) => shapeOf(reading).length)));
  const row = (name: string, shape: string, numbers: readonly string[], reading: string): void => {
    const cells = numbers.map((cell, i) => cell.padStart(Math.max(HEADER[i].length, i < 4 ? 0 : 9)));
    const line = [name.padEnd(names), shape.padEnd(shapes), ...cells, ...(several ? [reading] : [])];
    console.log(line.join("  ").trimEnd());
  };
  if (shown.length > 0) row("matrix", "shape", HEADER, "read as");
  return {
    matrix({ matrix, plan, outcome }) {
      const words = readingWords(plan);
      if ("failed" in outcome) {
        console.log(
          `${named(matrix).padEnd(names)}  ${shapeOf(plan.reading).padEnd(shapes)}  ${outcome.failed}`,
        );
      } else {
        const numbers = SHOWN.map((measure) => short(outcome.measures[measure]));
        row(named(matrix), shapeOf(plan.reading), numbers, words);
      }
    },
    end(counts) {
      console.log(`${shown.length > 0 ? "\n" : ""}${summaryOf(counts)}`);
      for (const text of [...notesOf(plans), ...faults]) console.log(printable(text));
    },
  };
}

function short(x: number | string): string {
  return typeof x === "string" ? x : String(Number(x.toPrecision(4)));
}

/** A tensor's name on one line; the whole of a very long one is in --json. */
function named(name: string): string {
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

const matrices = (n: number): string => count(n, "matrix", "matrices");

function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

function summaryOf({ files, tensors, matrices: shown, failed, vectors, scalars, leftOut }: Counts): string {
  const parts = [
    shown + failed === 0 ? "no matrix to decompose" : `${matrices(shown)} shown`,
    ...(failed > 0 ? [`${failed} could not be decomposed`] : []),
    ...(vectors > 0 ? [count(vectors, "vector")] : []),
    ...(scalars > 0 ? [count(scalars, "scalar")] : []),
    ...(leftOut > 0 ? [`${leftOut} left out`] : []),
  ];
  const where = files > 1 ? ` in ${files} files` : "";
  return `${count(tensors, "tensor")}${where}: ${parts.join(", ")}`;
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
