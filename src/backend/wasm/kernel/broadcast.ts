import { get, set } from "./memory";

/**
 * out[i, j, k, l] = a op b for op 0: a + b, 1: a - b, 2: a b, where an operand's stride along an axis is 0 if it is the
 * same for all of the axis.
 * @param op 0, 1 or 2
 * @param d0 size of the first axis, and so on
 * @param a0 elements of a from one index of the first axis to the next, and so on
 * @param b0 the same of b
 * @param a first operand
 * @param b second operand
 * @param out [d0, d1, d2, d3] (written)
 */
export function broadcast(
  op: i32,
  d0: i32,
  d1: i32,
  d2: i32,
  d3: i32,
  a0: i32,
  a1: i32,
  a2: i32,
  a3: i32,
  b0: i32,
  b1: i32,
  b2: i32,
  b3: i32,
  a: usize,
  b: usize,
  out: usize,
): void {
  for (let i = 0; i < d0; i++) {
    for (let j = 0; j < d1; j++) {
      let atA = a + ((<usize>(i * a0 + j * a1)) << 2);
      let atB = b + ((<usize>(i * b0 + j * b1)) << 2);
      for (let k = 0; k < d2; k++) {
        if (op === 0) for (let l = 0; l < d3; l++) set(out, l, get(atA, l * a3) + get(atB, l * b3));
        else if (op === 1) for (let l = 0; l < d3; l++) set(out, l, get(atA, l * a3) - get(atB, l * b3));
        else for (let l = 0; l < d3; l++) set(out, l, get(atA, l * a3) * get(atB, l * b3));
        atA += (<usize>a2) << 2;
        atB += (<usize>b2) << 2;
        out += (<usize>d3) << 2;
      }
    }
  }
}
