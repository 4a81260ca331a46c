/** How workgroups share the recurrence of an LSTM: what its shaders are compiled for. */
export interface LstmPlan {
  /** Hidden units of a direction. */
  readonly units: number;
  /** Sequences that a workgroup runs side by side. */
  readonly sequences: number;
  /** Threads that have a unit each, or several in turn. */
  readonly lanes: number;
  /** Parts into which each unit's sum is cut; each has `lanes` threads. */
  readonly slices: number;
  /** lanes x slices. */
  readonly threads: number;
  /** Units that a sum runs over, rounded up: each slice has whole blocks. */
  readonly rows: number;
  /** Units that are summed for, rounded up to whole lanes. */
  readonly columns: number;
  /** Whether each thread keeps its first block of weights in registers. */
  readonly held: boolean;
}

/** What a plan must keep to, of a device's limits. */
export interface WorkgroupLimits {
  readonly maxComputeInvocationsPerWorkgroup: number;
  /** Bytes. */
  readonly maxComputeWorkgroupStorageSize: number;
}

/** Rows of weights that a thread reads before it uses the first. */
export const block = 8;

/** Sequences of one direction that have a workgroup each; of more, a workgroup takes two. */
const alone = 64;

/**
 * The plan for a hidden size and a batch: all threads that a workgroup may have, and as many slices as its memory holds.
 * Undefined where it does not hold the state of one sequence (beyond 672 units for 16 KiB, 2048 for 48 KiB).
 */
export function planLstm(units: number, batch: number, limits: WorkgroupLimits): LstmPlan | undefined {
  const most = Math.min(1024, limits.maxComputeInvocationsPerWorkgroup);
  const turns = Math.ceil(units / most);
  const lanes = Math.min(most, Math.ceil(units / turns / 32) * 32);
  const columns = lanes * turns;
  const held = turns === 1;
  for (let sequences = batch > alone ? 2 : 1; sequences > 0; sequences--) {
    let slices = Math.min(Math.floor(most / lanes), Math.ceil(units / block));
    for (; slices > 0; slices--) {
      const rows = Math.ceil(units / slices / block) * block * slices;
      const forward = 2 * rows + 4 * slices * columns;
      const backward = 4 * rows + slices * columns;
      if (4 * sequences * Math.max(forward, backward) > limits.maxComputeWorkgroupStorageSize) continue;
      const threads = lanes * slices;
      return { units, sequences, lanes, slices, threads, rows, columns, held };
    }
  }
  return undefined;
}
