import { sizeOf } from "../core/array.js";
import { SvdPool } from "../linalg/pool.js";
import { describeSpectrum } from "../probes/spectra.js";
import { openSafetensors } from "../store/safetensors.js";
import { columns, type Given } from "./command.js";
import type { spectra } from "./declarations.js";

interface MatrixSpectrum {
  readonly matrix: string;
  readonly rows: number;
  readonly columns: number;
  readonly measures: Readonly<Record<string, number>>;
}

/** Spectra of every matrix in a file of weights, ours or anybody's. */
export async function run({ values, positionals }: Given<typeof spectra>): Promise<number> {
  const found = await spectraOf(positionals[0]);
  if (values.json) {
    for (const { measures, ...matrix } of found) console.log(JSON.stringify({ ...matrix, ...measures }));
    return 0;
  }
  const header = [
    "matrix",
    "shape",
    "effective rank",
    "entropy rank",
    "90 % count",
    "stable rank",
    "largest",
    "median",
  ];
  const lines = found.map(({ matrix, rows, columns: width, measures: m }) => [
    matrix,
    `${rows} x ${width}`,
    ...[m.effectiveRank, m.entropyRank, m.count90, m.stableRank, m.largest, m.median].map((x) =>
      Number(x.toPrecision(4)),
    ),
  ]);
  console.log(columns(header, lines));
  return 0;
}

/**
 * Reads a file one tensor at a time and decomposes whatever has two dimensions or more, flattened to outputs x inputs.
 * @throws DataError for a damaged file; SpectrumError that names a tensor with NaN or infinity
 */
async function spectraOf(path: string): Promise<MatrixSpectrum[]> {
  const file = openSafetensors(path);
  const pool = new SvdPool();
  const found: MatrixSpectrum[] = [];
  try {
    for (const name of file.names) {
      const { shape } = file.info(name);
      if (shape.length < 2 || sizeOf(shape) === 0) continue;
      const { data } = file.read(name);
      if (data instanceof BigInt64Array) continue; // counters, not weights
      const [rows, width] = [shape[0], sizeOf(shape) / shape[0]];
      const matrix = { data: Float32Array.from(data), rows, columns: width };
      const { s } = await pool.svd(matrix, { name });
      found.push({ matrix: name, rows, columns: width, measures: describeSpectrum(s) });
    }
  } finally {
    file.close();
    await pool.close();
  }
  return found;
}
