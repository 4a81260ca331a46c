import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { f32, f64, foreignBytes, raw, writeForeign, type ForeignTensor } from "../store/foreign-file.js";
import { floats, tensor, torchFile } from "../store/torch-file.js";
import { spectral, type Ended } from "./spectral.js";

const root = mkdtempSync(join(tmpdir(), "spectral-spectra-"));
after(() => rmSync(root, { recursive: true, force: true }));

let files = 0;

/** Runs `spectral spectra` on a file of such tensors. */
function spectraOf(tensors: Readonly<Record<string, ForeignTensor>>, ...options: readonly string[]): Ended {
  const path = join(root, `${files++}.safetensors`);
  writeForeign(path, tensors);
  return spectral(["spectra", path, ...options]);
}

type Line = Readonly<Record<string, unknown>>;

function linesOf({ stdout }: Ended): Line[] {
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
}

const summaryOf = (ended: Ended): unknown => linesOf(ended).at(-1)?.summary;
const diagonal = (a: number, b: number): number[] => [a, 0, 0, b];
const near = (value: unknown, expected: number): void =>
  assert.ok(Math.abs(Number(value) / expected - 1) < 1e-6, `${String(value)}, expected ${expected}`);

test("float64 beyond float32's range, and float32 whose squares overflow or vanish", () => {
  const scales = { big: 1e60, small: 1e-60, largest: 4e307, subnormal: 2 ** -1070 };
  const tensors = Object.fromEntries(
    Object.entries(scales).map(([name, x]) => [name, f64([2, 2], diagonal(3 * x, x))]),
  );
  const ended = spectraOf(
    {
      ...tensors,
      f32: f32([2, 2], diagonal(3e38, 1e38)),
      tiny: f32([2, 2], diagonal(3 * 2 ** -149, 2 ** -149)),
      over: f64([2, 2], [1.5e308, 1.5e308, 1.5e308, 1.5e308]),
    },
    "--json",
  );
  assert.equal(ended.status, 0, ended.stderr);
  const [big, small, largest, subnormal, single, tiny, over] = linesOf(ended);
  const expected = { ...scales, f32: 1e38, tiny: 2 ** -149 };
  for (const line of [big, small, largest, subnormal, single, tiny]) {
    const x = expected[line.matrix as keyof typeof expected];
    near(line.largest, 3 * x);
    near(line.effectiveRank, Math.exp(-0.75 * Math.log(0.75) - 0.25 * Math.log(0.25)) / 2);
    near(line.stableRank, (1 + 1 / 9) / 2);
  }
  assert.equal(over.largest, "3.000000e+308"); // no float64 holds it
  assert.equal(over.effectiveRank, 0.5);
});

test("a stack is read matrix by matrix, a filter is flattened, and the output says so", () => {
  const tensors = {
    "mlp.experts.up": f32([3, 2, 2], [...diagonal(2, 1), ...diagonal(4, 1), ...diagonal(8, 1)]),
    "conv.weight": raw("F8_E4M3", [4, 2, 3, 3], 72),
    mask: raw("BF16", [1, 1, 4, 4], 32),
  };
  const [a, b, c, filters, mask] = linesOf(spectraOf(tensors, "--json"));
  assert.deepEqual(
    [a, b, c].map(({ matrix, place, largest, as }) => [matrix, place, largest, as]),
    [
      ["mlp.experts.up[0]", [0], 2, "stack"],
      ["mlp.experts.up[1]", [1], 4, "stack"],
      ["mlp.experts.up[2]", [2], 8, "stack"],
    ],
  );
  assert.deepEqual([filters.rows, filters.columns, filters.as], [4, 18, "filters"]);
  assert.deepEqual([mask.matrix, mask.rows, mask.columns], ["mask", 4, 4]);
  const { stdout } = spectraOf(tensors);
  assert.match(stdout, /mlp\.experts\.up\[2\] +2 x 2 .* one of a stack \[3, 2, 2\]/);
  assert.match(stdout, /conv\.weight +4 x 18 .* filters \[4, 2, 3, 3\], flattened/);
  assert.match(stdout, /3 tensors: 5 matrices shown/);
  assert.match(spectraOf(tensors, "--flatten").stdout, /mlp\.experts\.up +3 x 4/);
  assert.match(spectraOf(tensors, "--stack").stdout, /conv\.weight\[3\]\[1\] +3 x 3/);
  assert.equal(spectraOf(tensors, "--stack", "--flatten").status, 2);
});

test("integers, packed codes and types without a meaning are left out by name", () => {
  const tensors = {
    "q.qweight": raw("I32", [2, 4], 32),
    "q.qzeros": raw("I32", [1, 4], 16),
    "q.scales": f32([2, 2], diagonal(2, 1)),
    ids: raw("U64", [2, 2], 32),
    fp4: raw("F4", [2, 8], 8),
    scale: raw("F8_E8M0", [2, 2], 4),
    complex: raw("C64", [2, 2], 32),
    odd: raw("F3_XYZ", [7, 9], 5),
    norm: f32([3], [1, 2, 3]),
  };
  const ended = spectraOf(tensors, "--json");
  assert.equal(ended.status, 0, ended.stderr);
  const lines = linesOf(ended);
  assert.deepEqual(
    lines.flatMap(({ matrix }) => matrix ?? []),
    ["q.scales"],
  );
  const out = Object.fromEntries(
    lines.filter(({ leftOut }) => leftOut).map((line) => [line.tensor, line.leftOut]),
  );
  assert.deepEqual(Object.keys(out), ["q.qweight", "q.qzeros", "ids", "fp4", "scale", "complex", "odd"]);
  assert.match(String(out["q.qweight"]), /packed codes .* GPTQ or AWQ/);
  assert.match(String(out.odd), /not known/);
  assert.deepEqual(summaryOf(ended), {
    files: 1,
    tensors: 9,
    matrices: 1,
    failed: 0,
    vectors: 1,
    scalars: 0,
    leftOut: 7,
    faults: [],
  });
  const { stdout } = spectraOf(tensors);
  assert.match(stdout, /9 tensors: 1 matrix shown, 1 vector, 7 left out/);
  assert.match(stdout, /left out, I32, packed codes .*q\.qweight \[2, 4\], q\.qzeros \[1, 4\]/);
  const all = linesOf(spectraOf(tensors, "--integers", "--json")).flatMap(({ matrix }) => matrix ?? []);
  assert.deepEqual(all, ["q.qweight", "q.qzeros", "q.scales", "ids"]);
});

test("a file without matrices says so", () => {
  const ended = spectraOf({ norm: f32([3], [1, 2, 3]), s: f32([], [1]), e: f32([0, 4], []) });
  assert.equal(ended.status, 0);
  assert.match(ended.stdout, /^3 tensors: no matrix to decompose, 1 vector, 1 scalar, 1 left out\n/);
  assert.match(spectraOf({}).stdout, /^0 tensors: no matrix to decompose$/m);
  assert.deepEqual(summaryOf(spectraOf({}, "--json")), {
    files: 1,
    tensors: 0,
    matrices: 0,
    failed: 0,
    vectors: 0,
    scalars: 0,
    leftOut: 0,
    faults: [],
  });
});

test("a NaN or infinity marks its own matrix; the others are shown, and the exit status is 1", () => {
  const tensors = {
    a: f32([2, 2], diagonal(2, 1)),
    "b.nan": f32([2, 3], [1, 2, 3, 4, NaN, 6]),
    "c.experts": f64([2, 1, 2], [1, 2, -Infinity, 4]),
    d: f32([2, 2], diagonal(5, 1)),
  };
  const ended = spectraOf(tensors, "--json");
  assert.equal(ended.status, 1);
  const lines = linesOf(ended);
  assert.deepEqual(
    lines.slice(0, 5).map(({ matrix, largest, index, value }) => [matrix, largest, index, value]),
    [
      ["a", 2, undefined, undefined],
      ["b.nan", undefined, 4, "NaN"],
      ["c.experts[0]", lines[2].largest, undefined, undefined],
      ["c.experts[1]", undefined, 2, "-Infinity"],
      ["d", 5, undefined, undefined],
    ],
  );
  assert.match(
    ended.stderr,
    /2 matrices could not be decomposed: b\.nan: non-finite: NaN at row 1, column 1 \(index 4/,
  );
  const table = spectraOf(tensors);
  assert.match(table.stdout, /b\.nan +2 x 3 +non-finite: NaN at row 1, column 1/);
  assert.match(table.stdout, /^d +2 x 2 .* 5 /m);
  assert.equal(table.status, 1);
});

test("names that would move or colour a terminal are escaped", () => {
  const names = [
    "new\nline",
    "esc\u001b[31mred",
    "del\u007f",
    "c1\u009b31m",
    "turned\u202e",
    "__proto__",
    "",
  ];
  const tensors = Object.fromEntries(names.map((name) => [name, f32([1, 1], [1])]));
  Object.defineProperty(tensors, "__proto__", { value: f32([1, 1], [1]), enumerable: true });
  for (const options of [[], ["--json"]]) {
    const { stdout, status } = spectraOf(tensors, ...options);
    assert.equal(status, 0);
    assert.doesNotMatch(stdout.replaceAll("\n", ""), /\p{Cc}|\u202e/u);
  }
  const read = linesOf(spectraOf(tensors, "--json")).flatMap(({ matrix }) =>
    matrix === undefined ? [] : [matrix],
  );
  assert.deepEqual(read.sort(), [...names].sort());
});

test("a folder and an index stand for their shards; a missing one is named after the rest is shown", () => {
  const folder = join(root, "model");
  mkdirSync(folder);
  for (const i of [1, 2])
    writeForeign(join(folder, `m-0000${i}-of-00002.safetensors`), { [`w${i}`]: f32([1, 1], [i]) });
  assert.match(
    spectral(["spectra", folder]).stdout,
    /^w1 .*\nw2 .*\n\n2 tensors in 2 files: 2 matrices shown/m,
  );
  const index = join(folder, "m.safetensors.index.json");
  const map = { w1: "m-00001-of-00002.safetensors", w3: "gone.safetensors" };
  writeFileSync(index, JSON.stringify({ weight_map: map }));
  const ended = spectral(["spectra", index]);
  assert.match(ended.stdout, /^w1 /m);
  assert.match(ended.stderr, /its shard "gone\.safetensors" is missing/);
  assert.equal(ended.status, 1);
});

test("what is no safetensors file is named in words", () => {
  const cases: [Buffer, RegExp][] = [
    [Buffer.from("\n <!DOCTYPE html><html></html>"), /an HTML page: the download failed/],
    [Buffer.from("Entry not found"), /a server's refusal in words: the download failed/],
    [Buffer.from("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"), /Git LFS pointer/],
    [Buffer.from("PK\x03\x04" + "x".repeat(99)), /cannot be read as a zip archive: End of central directory/],
    [Buffer.from("\x1f\x8b" + "x".repeat(99), "latin1"), /a gzip archive .*unpack it/],
    [Buffer.from("\x93NUMPY" + "x".repeat(99), "latin1"), /a NumPy \.npy file/],
    [foreignBytes(`{"a":${"[".repeat(200_000)}${"]".repeat(200_000)}}`), /more than 8 levels of brackets/],
    [foreignBytes(' {"a":1}'), /found byte 32 \(a space\)/],
  ];
  for (const [bytes, message] of cases) {
    const path = join(root, "foreign.safetensors");
    writeFileSync(path, bytes);
    const { status, stderr } = spectral(["spectra", path]);
    assert.match(stderr, message);
    assert.equal(stderr.trim().split("\n").length, 1);
    assert.equal(status, 1);
  }
});

test("steps of a training: a row each, agreement with the last, equal weights, figures", () => {
  const folder = join(root, "steps");
  mkdirSync(folder);
  const at = (step: number, tensors: Readonly<Record<string, ForeignTensor>>): string => {
    const path = join(folder, `step${step}.safetensors`);
    writeForeign(path, tensors);
    return path;
  };
  const [start, end] = [diagonal(2, 1), [0, 3, 1, 0]];
  const paths = [
    at(100, { w: f32([2, 2], end), v: f32([2, 2], start), n: f32([3], [1, 2, 3]) }),
    at(0, { w: f32([2, 2], start), v: f32([2, 2], start), n: f32([3], [1, 2, 3]) }),
    at(20, { w: f32([2, 2], start), v: f32([2, 2], start), ids: raw("I64", [2, 2], 32) }),
  ];
  const output = join(root, "figures");
  const ended = spectral(["spectra", ...paths, "--over-steps", "--json", "--output", output]);
  assert.equal(ended.status, 0, ended.stderr);
  const rows = linesOf(ended).filter(({ matrix }) => matrix !== undefined);
  assert.deepEqual(
    rows.map(({ matrix, step, largest, equalTo }) => [matrix, step, largest, equalTo]),
    [
      ["w", 0, 2, undefined],
      ["w", 20, 2, 0],
      ["w", 100, 3, undefined],
      ["v", 0, 2, undefined],
      ["v", 20, 2, 0],
      ["v", 100, 2, 0],
    ],
  );
  assert.deepEqual(
    rows.map(({ agreement }) => Number(Number(agreement).toFixed(6))),
    [0, 0, 1, 1, 1, 1], // the first left vector is e1 in both, the first right one e1 and e2
  );
  assert.deepEqual(summaryOf(ended), {
    steps: 3,
    files: 3,
    tensors: 9,
    matrices: 6,
    failed: 0,
    vectors: 2,
    scalars: 0,
    leftOut: 1,
    faults: [],
    equal: ["steps 0 and 20: equal in all 2 matrices", "steps 0 and 100: equal in 1 of 2 matrices: v"],
  });
  for (const name of ["spectra-matrices", "spectra-singular-values"]) {
    assert.match(readFileSync(join(output, `${name}.svg`), "utf8"), /^<svg/);
    assert.ok(ended.stderr.includes(join(output, `${name}.png`)));
  }
  const csv = readFileSync(join(output, "spectra-matrices-agreement.csv"), "utf8");
  assert.match(csv, /^step,matrix,depth,score\n0,w,0,/);
  const table = spectral(["spectra", folder, "--over-steps"]).stdout;
  assert.match(table, /^w +2 x 2 +20 .* as at step 0$/m);
  assert.match(table, /^3 steps, 9 tensors in 3 files: 6 matrices shown, 2 vectors, 1 left out$/m);
  assert.match(table, /^steps 0 and 20: equal in all 2 matrices$/m);
  for (const wrong of [paths, [paths[0], "--output", output]])
    assert.equal(spectral(["spectra", ...wrong]).status, 2);
});

test("a PyTorch checkpoint is read like any other file, with alpha and the edge of noise", () => {
  const path = join(root, "x.pt");
  const eye = Array.from({ length: 36 }, (_, i) => (i % 7 === 0 ? 1 + i / 7 : 0)); // diagonal 1 to 6
  const model = { w: tensor({ key: "0", elements: 36, shape: [6, 6] }) };
  const optimizer = { m: tensor({ key: "0", elements: 36, shape: [6, 6] }) };
  writeFileSync(path, torchFile({ model, optimizer }, { storages: { "0": floats(...eye) } }));
  const [left, w] = linesOf(spectral(["spectra", path, "--json"]));
  assert.deepEqual([left.tensor, left.leftOut], ["optimizer.m", 'not of the model: beside its "model"']);
  near(w.largest, 6);
  near(w.mpVariance, 91 / 36); // of all six: the edge, 4 times that, is above 36 / 6
  near(w.mpEdge, (4 * 91) / 36);
  assert.equal(w.mpAbove, 0);
  assert.ok(Number(w.alpha) > 1 && Number(w.alphaTail) >= 2);
});
