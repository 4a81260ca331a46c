import { block, type LstmPlan } from "./lstm-plan.js";
import { declareBindings, type Shader } from "./shader.js";

/**
 * Both passes of the LSTM's recurrence, each in one dispatch. A workgroup runs all frames of a few sequences of one
 * direction: their state lies in workgroup memory, and the recurrent weights, which no multiprocessor can hold, are read
 * at every frame. Workgroups are numbered (sequences, direction); the reverse direction reads time backwards.
 *
 * A frame is a product of the state with the weights and then the arithmetic of single units. In the product a thread has
 * one unit (or several in turn) and a slice of the sum; the slices are added in order. What limits it is how fast weights come
 * from the cache: hence as many threads as there can be, and the first block of each thread's weights in its registers.
 */

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const lines = (n: number, line: (i: number) => string): string => range(n).map(line).join("\n");

/**
 * W[d][row][column] of `LstmPlan.rows` x `columns`: the weights of the four gates that lead from one unit to another, padded
 * with zeros. Forward, rows are where the sum runs over the hidden state; backward, over the errors of the gates.
 */
export const packShader: Shader = {
  key: "lstm pack",
  outputs: 1,
  inputs: 2,
  code: () => `${declareBindings(["packed : vec4<f32>"], ["wf", "wr"], ["H", "rows", "columns", "backward"])}
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  let column = id.x;
  let row = id.y;
  if (column >= u.columns) { return; }
  let into = select(column, row, u.backward == 1u);
  let source = select(row, column, u.backward == 1u);
  var w = vec4<f32>(0.0);
  if (row < u.H && column < u.H) {
    for (var q = 0u; q < 4u; q++) {
      let i = (q * u.H + into) * u.H + source;
      if (id.z == 0u) { w[q] = wf[i]; } else { w[q] = wr[i]; }
    }
  }
  packed[(id.z * u.rows + row) * u.columns + column] = w;
}`,
};

/**
 * xf, xr: T x B x 4H. Writes the hidden states T x B x 2H, and for the backward pass cells 2 x T x B x H, the gates after
 * their non-linearities, 2 x T x B x H x 4, and the hidden states that each frame came from, pf and pr: T x B x H.
 */
export function forwardShader(plan: LstmPlan): Shader {
  const { sequences, slices, rows, columns, units } = plan;
  return {
    key: `lstm forward ${keyOf(plan)}`,
    outputs: 5,
    inputs: 3,
    code: () => `${declareBindings(["hidden", "cells", "gates : vec4<f32>", "pf", "pr"], ["xf", "xr", "W : vec4<f32>"], ["T", "B"])}
${nonlinearities}
var<workgroup> single : array<f32, ${sequences * rows}>;
var<workgroup> state : array<vec4<f32>, ${(sequences * rows) / 4}>;
var<workgroup> partial : array<vec4<f32>, ${slices * sequences * columns}>;
fn input(d : u32, i : u32) -> f32 { if (d == 0u) { return xf[i]; } return xr[i]; }
${begin(plan)}
  var cell : array<f32, ${itemsOf(plan)}>;
  for (var i = local; i < ${sequences * rows}u; i += ${plan.threads}u) { single[i] = 0.0; }
  workgroupBarrier();
  for (var step = 0u; step < u.T; step++) {
    let t = select(step, u.T - 1u - step, d == 1u);
    var x : array<vec4<f32>, ${itemsOf(plan)}>;
    ${forItems(
      plan,
      `let at = (t * u.B + b) * ${4 * units}u + unit;
        x[q] = vec4<f32>(input(d, at), input(d, at + ${units}u), input(d, at + ${2 * units}u), input(d, at + ${3 * units}u));`,
    )}
    // Threads that write components of one vector would race.
    for (var i = local; i < ${(sequences * rows) / 4}u; i += ${plan.threads}u) {
      state[i] = vec4<f32>(single[4u * i], single[4u * i + 1u], single[4u * i + 2u], single[4u * i + 3u]);
    }
    workgroupBarrier();
    ${product(plan, "vec4<f32>", 4, (w, h, k) => `${w} * ${h}[${k % 4}]`)}
    workgroupBarrier();
    ${forItems(
      plan,
      `let g = x[q]${sumOfSlices(plan)};
        let i = sigmoid(g.x);
        let f = sigmoid(g.y);
        let c = hyperbolic(g.z);
        let o = sigmoid(g.w);
        cell[q] = f * cell[q] + i * c;
        let h = o * hyperbolic(cell[q]);
        let frame = t * u.B + b;
        let own = r * ${rows}u + unit;
        if (d == 0u) { pf[frame * ${units}u + unit] = single[own]; } else { pr[frame * ${units}u + unit] = single[own]; }
        single[own] = h;
        hidden[frame * ${2 * units}u + d * ${units}u + unit] = h;
        let saved = (d * u.T * u.B + frame) * ${units}u + unit;
        cells[saved] = cell[q];
        gates[saved] = vec4<f32>(i, f, c, o);`,
    )}
    workgroupBarrier();
  }
}`,
  };
}

/** dHidden: T x B x 2H. Writes the errors of the gates before their non-linearities, df and dr: T x B x 4H. */
export function backwardShader(plan: LstmPlan): Shader {
  const { sequences, slices, rows, columns, units } = plan;
  const outputs = ["df", "dr"];
  const inputs = ["dHidden", "cells", "gates : vec4<f32>", "W : vec4<f32>"];
  return {
    key: `lstm backward ${keyOf(plan)}`,
    outputs: 2,
    inputs: 4,
    code: () => `${declareBindings(outputs, inputs, ["T", "B"])}
${nonlinearities}
var<workgroup> state : array<vec4<f32>, ${sequences * rows}>;
var<workgroup> partial : array<f32, ${slices * sequences * columns}>;
${begin(plan)}
  var dCell : array<f32, ${itemsOf(plan)}>;
  for (var i = local; i < ${sequences * rows}u; i += ${plan.threads}u) { state[i] = vec4<f32>(0.0); }
  workgroupBarrier();
  for (var step = 0u; step < u.T; step++) {
    let t = select(u.T - 1u - step, step, d == 1u);
    let before = select(t - 1u, t + 1u, d == 1u);
    let first = step + 1u == u.T;
    var dh : array<f32, ${itemsOf(plan)}>;
    var gate : array<vec4<f32>, ${itemsOf(plan)}>;
    var cell : array<f32, ${itemsOf(plan)}>;
    var previous : array<f32, ${itemsOf(plan)}>;
    ${forItems(
      plan,
      `dh[q] = dHidden[(t * u.B + b) * ${2 * units}u + d * ${units}u + unit];
        let saved = ((d * u.T + t) * u.B + b) * ${units}u + unit;
        gate[q] = gates[saved];
        cell[q] = cells[saved];
        previous[q] = 0.0;
        if (!first) { previous[q] = cells[((d * u.T + before) * u.B + b) * ${units}u + unit]; }`,
    )}
    ${product(plan, "f32", 1, (w, errors) => `dot(${w}, ${errors})`)}
    workgroupBarrier();
    ${forItems(
      plan,
      `let error = dh[q]${sumOfSlices(plan)};
        let i = gate[q].x;
        let f = gate[q].y;
        let c = gate[q].z;
        let o = gate[q].w;
        let squashed = hyperbolic(cell[q]);
        let dc = dCell[q] + error * o * (1.0 - squashed * squashed);
        dCell[q] = dc * f;
        let v = vec4<f32>(dc * c * i * (1.0 - i), dc * previous[q] * f * (1.0 - f), dc * i * (1.0 - c * c), error * squashed * o * (1.0 - o));
        state[r * ${rows}u + unit] = v;
        let at = (t * u.B + b) * ${4 * units}u + unit;
        if (d == 0u) { ${[0, 1, 2, 3].map((k) => `df[at + ${k * units}u] = v[${k}];`).join(" ")} }
        else { ${[0, 1, 2, 3].map((k) => `dr[at + ${k * units}u] = v[${k}];`).join(" ")} }`,
    )}
    workgroupBarrier();
  }
}`,
  };
}

const keyOf = ({ units, sequences, lanes, slices }: LstmPlan): string =>
  [units, sequences, lanes, slices].join(" ");

/** Sequence-and-unit pairs whose arithmetic a thread does. */
const itemsOf = ({ units, sequences, threads }: LstmPlan): number => Math.ceil((units * sequences) / threads);

/** exp saturates harmlessly; tanh is made from a clamped exp. */
const nonlinearities = `
fn sigmoid(x : f32) -> f32 { return 1.0 / (1.0 + exp(-clamp(x, -80.0, 80.0))); }
fn hyperbolic(x : f32) -> f32 { let e = exp(2.0 * clamp(x, -15.0, 15.0)); return (e - 1.0) / (e + 1.0); }`;

function begin({ threads, sequences, lanes, rows, columns, slices, held }: LstmPlan): string {
  return `@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let d = group.y;
  let b0 = group.x * ${sequences}u;
  let lane = local % ${lanes}u;
  let slice = local / ${lanes}u;
  let weight0 = (d * ${rows}u + slice * ${rows / slices}u) * ${columns}u + lane;
  ${held ? lines(block, (k) => `let held${k} = W[weight0 + ${k * columns}u];`) : ""}`;
}

/** Runs `body` for each sequence `r`, number `b` of the batch, and `unit` of this thread; `q` counts them. */
function forItems(plan: LstmPlan, body: string): string {
  const { threads, sequences, units } = plan;
  return `for (var q = 0u; q < ${itemsOf(plan)}u; q++) {
      let item = local + q * ${threads}u;
      let r = item / ${units}u;
      let unit = item % ${units}u;
      let b = b0 + r;
      if (r < ${sequences}u && b < u.B) {
        ${body}
      }
    }`;
}

/** What the slices found for unit `unit` of sequence `r`. */
const sumOfSlices = ({ slices, sequences, columns }: LstmPlan): string =>
  range(slices)
    .map((slice) => ` + partial[(${slice * sequences}u + r) * ${columns}u + unit]`)
    .join("");

/**
 * This slice's part of the sum over rows, into `partial`, for each sequence and this lane's units.
 * @param together rows that one vector of `state` is for
 * @param term WGSL of what a weight adds for the row `k` of its block, of which `state` is the vector
 */
function product(
  plan: LstmPlan,
  type: string,
  together: number,
  term: (weight: string, state: string, k: number) => string,
): string {
  const { sequences, lanes, slices, rows, columns, held } = plan;
  const blocks = rows / slices / block;
  const vectors = block / together;
  const each = (line: (r: number) => string): string => range(sequences).map(line).join(" ");
  const add = (weight: string, i: string): string => `
        let s = (slice * ${blocks}u + ${i}) * ${vectors}u;
        ${lines(vectors, (j) => each((r) => `let s${r}_${j} = state[s + ${(r * rows) / together + j}u];`))}
        ${lines(block, (k) => each((r) => `sum${r} += ${term(weight + k, `s${r}_${Math.floor(k / together)}`, k)};`))}`;
  return `for (var unit = 0u; unit < ${columns}u; unit += ${lanes}u) {
      ${each((r) => `var sum${r} = ${type}(0.0);`)}
      ${held ? `{${add("held", "0u")} }` : ""}
      for (var i = ${held ? 1 : 0}u; i < ${blocks}u; i++) {
        let at = weight0 + unit + i * ${block * columns}u;
        ${lines(block, (k) => `let w${k} = W[at + ${k * columns}u];`)}
        ${add("w", "i")}
      }
      ${each((r) => `partial[(slice * ${sequences}u + ${r}u) * ${columns}u + unit + lane] = sum${r};`)}
    }`;
}
