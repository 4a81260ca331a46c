import type * as tf from "@tensorflow/tfjs";
import { columnSums } from "./column-sums.js";
import type { PooledWebGpu } from "./dispatch.js";
import { segmentSum } from "./segment-sum.js";
import { declareBindings, words, type Grid, type Shader } from "./shader.js";
import { differentiable, emptyTensor } from "./tensors.js";

const threads = 64;
const mostPositions = 16;

/**
 * Attention of the last of a few positions to all of them, see FusedOps, read from the tables where they lie. A workgroup has as
 * many examples as there is a thread for each head of; weights are kept for the backward pass, which writes what each example
 * gives to the rows that it read, and these are summed by row.
 * @returns undefined for more than 64 heads or 16 positions
 */
export function lastAttention(
  backend: PooledWebGpu,
  projected: tf.Tensor2D,
  bias: tf.Tensor,
  tokens: tf.Tensor2D,
  heads: number,
): tf.Tensor2D | undefined {
  const [n, positions] = tokens.shape;
  const [tableRows, triple] = projected.shape;
  const width = triple / 3;
  if (heads > threads || positions > mostPositions) return undefined;
  const size = width / heads;
  const examples = Math.floor(threads / heads);
  const groups = Math.ceil(n / examples);
  const row = Math.min(groups, 65535);
  const grid: Grid = [row, Math.ceil(groups / row), 1];
  const vocabulary = tableRows / positions;
  const uniforms = words(n, vocabulary, width, heads, examples, row, { f: 1 / Math.sqrt(size) });
  const [forward, backward] = shadersOf(positions);
  return differentiable([projected, bias], ([projected, bias], save) => {
    const y = emptyTensor(backend, [n, width]);
    const weights = emptyTensor(backend, [n, heads, positions]);
    backend.run(forward, [y, weights], [projected, bias, tokens], uniforms, grid);
    save([projected, bias, tokens, weights]);
    const gradFunc = (dy: tf.Tensor, [projected, bias, tokens, weights]: tf.Tensor[]): tf.Tensor[] => {
      const dRows = emptyTensor(backend, [positions * n, triple]);
      const ids = emptyTensor(backend, [positions, n], "int32"); // the tokens turned
      backend.run(backward, [dRows, ids], [dy, projected, bias, tokens, weights], uniforms, grid);
      const dProjected = segmentSum(backend, dRows, ids, tableRows, projected.shape, positions);
      const [dBias] = columnSums(backend, dProjected, tableRows, [bias.shape], [width, 2 * width]);
      return [dProjected, dBias];
    };
    return { value: y, gradFunc };
  }) as tf.Tensor2D;
}

function shadersOf(positions: number): [Shader, Shader] {
  const shared = `
const P = ${positions}u;
var<workgroup> shared_weights : array<f32, ${threads * positions}>; // by example and head, then position
var<workgroup> shared_slopes : array<f32, ${threads * positions}>;
/** Where position p of an example is in the tables. */
fn place(example : u32, p : u32) -> u32 { return (p * u.vocabulary + u32(tokens[example * P + p])) * 3u * u.width; }`;
  const head = `@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group : vec3<u32>, @builtin(local_invocation_index) local : u32) {
  let first = (group.y * u.row + group.x) * u.examples;
  let size = u.width / u.heads;
  let own = first + local / u.heads; // the example and the column of this thread's head
  let column = (local % u.heads) * size;
  let working = local < u.examples * u.heads && own < u.n;`;
  const elements = (body: string): string => `
  for (var k = local; k < u.examples * u.width; k += ${threads}u) {
    let example = first + k / u.width;
    if (example < u.n) {
      let c = k % u.width;
      let at = (k / u.width * u.heads + c / size) * P;
      ${body}
    }
  }`;
  const fields = ["n", "vocabulary", "width", "heads", "examples", "row", "scale : f32"];
  const forward: Shader = {
    key: `attention of the last ${positions}`,
    outputs: 2,
    inputs: 3,
    code: () => `${declareBindings(["y", "weights"], ["projected", "bias", "tokens : i32"], fields)}
${shared}
${head}
  if (working) {
    let query = place(own, P - 1u) + column;
    var most = -3.4e38;
    for (var p = 0u; p < P; p++) {
      let key = place(own, p) + u.width + column;
      var sum = 0.0;
      for (var s = 0u; s < size; s++) { sum += (projected[query + s] + bias[column + s]) * projected[key + s]; }
      shared_weights[local * P + p] = sum * u.scale;
      most = max(most, sum * u.scale);
    }
    var total = 0.0;
    for (var p = 0u; p < P; p++) {
      let e = exp(shared_weights[local * P + p] - most);
      shared_weights[local * P + p] = e;
      total += e;
    }
    for (var p = 0u; p < P; p++) {
      let w = shared_weights[local * P + p] / total;
      shared_weights[local * P + p] = w;
      weights[(own * u.heads + local % u.heads) * P + p] = w;
    }
  }
  workgroupBarrier();
${elements(`
      var sum = 0.0;
      for (var p = 0u; p < P; p++) {
        sum += shared_weights[at + p] * (projected[place(example, p) + 2u * u.width + c] + bias[2u * u.width + c]);
      }
      y[example * u.width + c] = sum;`)}
}`,
  };
  const backward: Shader = {
    key: `attention of the last ${positions} gradient`,
    outputs: 2,
    inputs: 5,
    code: () => `${declareBindings(
      ["dRows", "ids : i32"],
      ["dy", "projected", "bias", "tokens : i32", "weights"],
      fields,
    )}
${shared}
${head}
  if (working) {
    var mean = 0.0;
    for (var p = 0u; p < P; p++) {
      let value = place(own, p) + 2u * u.width + column;
      var sum = 0.0;
      for (var s = 0u; s < size; s++) {
        sum += dy[own * u.width + column + s] * (projected[value + s] + bias[2u * u.width + column + s]);
      }
      let w = weights[(own * u.heads + local % u.heads) * P + p];
      shared_weights[local * P + p] = w;
      shared_slopes[local * P + p] = sum;
      mean += w * sum;
    }
    for (var p = 0u; p < P; p++) {
      shared_slopes[local * P + p] = shared_weights[local * P + p] * (shared_slopes[local * P + p] - mean) * u.scale;
      if (local % u.heads == 0u) { ids[p * u.n + own] = tokens[own * P + p]; }
    }
  }
  workgroupBarrier();
${elements(`
      let query = projected[place(example, P - 1u) + c] + bias[c];
      let d = dy[example * u.width + c];
      var dQuery = 0.0;
      for (var p = 0u; p < P; p++) {
        let to = (p * u.n + example) * 3u * u.width + c;
        dQuery += shared_slopes[at + p] * projected[place(example, p) + u.width + c];
        dRows[to] = select(0.0, dQuery, p == P - 1u); // only the last position has a query
        dRows[to + u.width] = shared_slopes[at + p] * query;
        dRows[to + 2u * u.width] = shared_weights[at + p] * d;
      }`)}
}`,
  };
  return [forward, backward];
}
