/**
 * WGSL `fn lane_sum(value : T, local : u32) -> T` for workgroups of lanes x width threads (local = lane * width + column): the
 * sum over all lanes of a column, given to each of them, always added in the same order. To be called by all threads.
 * @param lanes a power of two
 * @param type f32 or a vector of it
 */
export function laneSum(lanes: number, width = 1, type = "f32"): string {
  return `
var<workgroup> lane_values : array<${type}, ${lanes * width}>;
fn lane_sum(value : ${type}, local : u32) -> ${type} {
  workgroupBarrier(); // what the last call left has been read
  lane_values[local] = value;
  for (var half = ${Math.floor(lanes / 2) * width}u; half >= ${width}u; half /= 2u) {
    workgroupBarrier();
    if (local < half) { lane_values[local] += lane_values[local + half]; }
  }
  workgroupBarrier();
  return lane_values[local % ${width}u];
}`;
}
