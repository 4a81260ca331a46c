import { declareProduct, type Operand } from "./operand.js";
import type { Shader } from "./shader.js";

/**
 * C[z] = A[z] B[z] in float32 for batches of matrices that are too small for tiles, as in attention over a few tokens:
 * each thread makes one element.
 */
export function directGemm(key: string, a: Operand, b: Operand, fields: readonly string[]): Shader {
  const [scalarA, scalarB] = [a, b].map((operand) => ({ ...operand, vector: false }));
  return {
    key: `${key} direct`,
    outputs: 1,
    inputs: 2,
    code: () => `${declareProduct(scalarA, scalarB, ["n", "row", ...fields])}
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id : vec3<u32>) {
  let i = id.y * u.row + id.x;
  if (i >= u.n) { return; }
  let place = i / u.N;
  let a = placeOfA(place / u.M, place % u.M);
  let b = placeOfB(place / u.M, i % u.N);
  var sum = 0.0;
  for (var k = 0u; k < u.K; k++) { sum = fma(fetchA(a, stepOfA(k, u.K)), fetchB(b, stepOfB(k, u.K)), sum); }
  C[i] = sum;
}`,
  };
}
