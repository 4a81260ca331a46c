import * as tf from "@tensorflow/tfjs";
import { lstmWeightGradient } from "../host/lstm-gradient.js";
import type { PooledWebGpu } from "./dispatch.js";
import { declareBindings, declareStep, words, type Grid, type Shader } from "./shader.js";
import { wrap } from "./tensors.js";

/**
 * The recurrence of a bidirectional LSTM layer (see FusedOps): one dispatch per frame for both directions, forward and
 * backward. The reverse direction reads time backwards and writes its half of each frame.
 */
export function bidirectionalLstm(
  backend: PooledWebGpu,
  xf: tf.Tensor3D,
  xr: tf.Tensor3D,
  whf: tf.Tensor,
  whr: tf.Tensor,
): tf.Tensor3D {
  const [T, B] = xf.shape;
  const H = whf.shape[1]!;
  const make = (shape: number[]): tf.Tensor => wrap(backend.makeTensorInfo(shape, "float32"));
  const grid: Grid = [Math.ceil(H / 64), Math.ceil(B / 4), 2];
  const uniforms = words(T, B, H);
  const steps = Array.from({ length: T }, (_, s) => s);

  const recurrence = tf.customGrad((...args) => {
    const [xf, xr, whf, whr] = args.slice(0, 4) as tf.Tensor[];
    const save = args[4] as unknown as tf.GradSaveFunc;
    const out = make([T, B, 2 * H]);
    const cells = make([2, T, B, H]);
    const gates = make([2, T, B, 4 * H]);
    const columns = [tf.transpose(whf), tf.transpose(whr)];
    backend.runSteps(forwardShader, [out, cells, gates], [xf, xr, ...columns], uniforms, grid, steps);
    save([out, cells, gates, whf, whr]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]): tf.Tensor[] => {
      const [out, cells, gates, whf, whr] = saved;
      const df = make([T, B, 4 * H]);
      const dr = make([T, B, 4 * H]);
      const dCell = make([2, B, H]);
      const backwards = steps.slice().reverse();
      backend.runSteps(
        backwardShader,
        [df, dr, dCell],
        [dy, cells, gates, whf, whr],
        uniforms,
        grid,
        backwards,
      );
      dCell.dispose();
      return [df, dr, lstmWeightGradient(df, out, "forward"), lstmWeightGradient(dr, out, "reverse")];
    };
    return { value: out, gradFunc };
  });
  return recurrence(xf, xr, whf, whr) as tf.Tensor3D;
}

/**
 * A workgroup makes 64 hidden units of 4 utterances in one direction: in the product, a thread has one unit and gate of
 * all 4; afterwards, one unit of one utterance with all 4 gates. exp saturates harmlessly; tanh is made from a clamped exp.
 */
const common = `
fn sigmoid(x : f32) -> f32 { return 1.0 / (1.0 + exp(-clamp(x, -80.0, 80.0))); }
fn hyperbolic(x : f32) -> f32 { let e = exp(2.0 * clamp(x, -15.0, 15.0)); return (e - 1.0) / (e + 1.0); }
var<workgroup> partial : array<f32, 1024>;
struct Place { d : u32, t : u32, before : u32, after : u32, unit : u32, quarter : u32, b0 : u32, slot : u32 };
fn place(group : vec3<u32>, local : u32) -> Place {
  var at : Place;
  at.d = group.z;
  at.t = select(step.index, u.T - 1u - step.index, at.d == 1u);
  at.before = select(at.t - 1u, at.t + 1u, at.d == 1u);
  at.after = select(at.t + 1u, at.t - 1u, at.d == 1u);
  at.slot = local % 64u;
  at.unit = group.x * 64u + at.slot;
  at.quarter = local / 64u;
  at.b0 = group.y * 4u;
  return at;
}
fn rows(b0 : u32, pitch : u32) -> vec4<u32> { return min(vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(u.B - 1u - b0)) * pitch; }
`;
const header = (outputs: string[], inputs: string[]): string =>
  declareBindings(outputs, inputs, ["T", "B", "H"]) +
  declareStep({ outputs: outputs.length, inputs: inputs.length }) +
  common;

const forwardShader: Shader = {
  key: "lstm forward",
  outputs: 3,
  inputs: 4,
  stepped: true,
  code: () => `${header(["hidden", "cells", "gates"], ["xf", "xr", "wf", "wr"])}
@compute @workgroup_size(256) fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let at = place(group, local);
  let H = u.H;
  let G = 4u * H;
  var sum = vec4<f32>(0.0);
  if (step.index > 0u && at.unit < H) {
    let origin = (at.before * u.B + at.b0) * 2u * H + at.d * H;
    let row = rows(at.b0, 2u * H);
    let column = at.quarter * H + at.unit;
    for (var k = 0u; k < H; k++) {
      var weight : f32;
      if (at.d == 0u) { weight = wf[k * G + column]; } else { weight = wr[k * G + column]; }
      let p = origin + k;
      sum += weight * vec4<f32>(hidden[p], hidden[p + row.y], hidden[p + row.z], hidden[p + row.w]);
    }
  }
  for (var q = 0u; q < 4u; q++) { partial[(at.quarter * 4u + q) * 64u + at.slot] = sum[q]; }
  workgroupBarrier();
  let b = at.b0 + at.quarter;
  if (b >= u.B || at.unit >= H) { return; }
  let x = (at.t * u.B + b) * G + at.unit;
  var g : array<f32, 4>;
  for (var q = 0u; q < 4u; q++) {
    var input : f32;
    if (at.d == 0u) { input = xf[x + q * H]; } else { input = xr[x + q * H]; }
    g[q] = partial[(q * 4u + at.quarter) * 64u + at.slot] + input;
  }
  let i = sigmoid(g[0]);
  let f = sigmoid(g[1]);
  let c = hyperbolic(g[2]);
  let o = sigmoid(g[3]);
  let TB = u.T * u.B;
  var previous = 0.0;
  if (step.index > 0u) { previous = cells[(at.d * TB + at.before * u.B + b) * H + at.unit]; }
  let cell = f * previous + i * c;
  cells[(at.d * TB + at.t * u.B + b) * H + at.unit] = cell;
  hidden[(at.t * u.B + b) * 2u * H + at.d * H + at.unit] = o * hyperbolic(cell);
  let to = (at.d * TB + at.t * u.B + b) * G + at.unit;
  gates[to] = i;
  gates[to + H] = f;
  gates[to + 2u * H] = c;
  gates[to + 3u * H] = o;
}`,
};

const backwardShader: Shader = {
  key: "lstm backward",
  outputs: 3,
  inputs: 5,
  stepped: true,
  code: () => `${header(["df", "dr", "dCell"], ["dHidden", "cells", "gates", "wf", "wr"])}
@compute @workgroup_size(256) fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let at = place(group, local);
  let H = u.H;
  let G = 4u * H;
  let last = step.index + 1u == u.T;
  var sum = vec4<f32>(0.0);
  if (!last && at.unit < H) {
    let origin = (at.after * u.B + at.b0) * G + at.quarter * H;
    let row = rows(at.b0, G);
    let column = at.quarter * H * H + at.unit;
    for (var k = 0u; k < H; k++) {
      let p = origin + k;
      if (at.d == 0u) { sum += wf[column + k * H] * vec4<f32>(df[p], df[p + row.y], df[p + row.z], df[p + row.w]); }
      else { sum += wr[column + k * H] * vec4<f32>(dr[p], dr[p + row.y], dr[p + row.z], dr[p + row.w]); }
    }
  }
  for (var q = 0u; q < 4u; q++) { partial[(at.quarter * 4u + q) * 64u + at.slot] = sum[q]; }
  workgroupBarrier();
  let b = at.b0 + at.quarter;
  if (b >= u.B || at.unit >= H) { return; }
  var dh = dHidden[(at.t * u.B + b) * 2u * H + at.d * H + at.unit];
  for (var q = 0u; q < 4u; q++) { dh += partial[(q * 4u + at.quarter) * 64u + at.slot]; }
  let TB = u.T * u.B;
  let origin = (at.d * TB + at.t * u.B + b) * G + at.unit;
  let i = gates[origin];
  let f = gates[origin + H];
  let c = gates[origin + 2u * H];
  let o = gates[origin + 3u * H];
  let squashed = hyperbolic(cells[(at.d * TB + at.t * u.B + b) * H + at.unit]);
  var previous = 0.0;
  if (step.index > 0u) { previous = cells[(at.d * TB + at.before * u.B + b) * H + at.unit]; }
  let carried = (at.d * u.B + b) * H + at.unit;
  var dc = dh * o * (1.0 - squashed * squashed);
  if (!last) { dc += dCell[carried]; }
  dCell[carried] = dc * f;
  let v = vec4<f32>(dc * c * i * (1.0 - i), dc * previous * f * (1.0 - f), dc * i * (1.0 - c * c), dh * squashed * o * (1.0 - o));
  let to = (at.t * u.B + b) * G + at.unit;
  if (at.d == 0u) { for (var q = 0u; q < 4u; q++) { df[to + q * H] = v[q]; } }
  else { for (var q = 0u; q < 4u; q++) { dr[to + q * H] = v[q]; } }
}`,
};
