import { SpectralError } from "../core/errors.js";

/** A cheapest assignment, with the prices that prove it to be one. */
export interface Assignment {
  /** The column of each row; every column once. */
  readonly columns: Int32Array;
  /**
   * Dual variables: rowPrices[i] + columnPrices[j] <= costs[i, j], with equality where row i has column j (up to rounding). Their sum
   * is then the least that any assignment costs.
   */
  readonly rowPrices: Float64Array;
  readonly columnPrices: Float64Array;
}

/**
 * The linear assignment problem: each of n rows gets a column of its own, so that the costs add up to the least. Exact, in
 * O(n^3), by shortest augmenting paths (Jonker and Volgenant 1987; Crouse 2016): columns are priced at their cheapest row, rows take
 * a cheapest column while it is free, and each row that is left is assigned along a cheapest path of reassignments. Of
 * equally cheap assignments a fixed one is returned.
 * @param costs n x n, row-major; negative for what is to be largest
 * @throws SpectralError if there are not n * n numbers, or one is not finite
 * @example assign(Float64Array.of(4, 1, 2, 3), 2).columns // [1, 0]: 1 + 2 < 4 + 3
 */
export function assign(costs: Float64Array, n: number): Assignment {
  if (costs.length !== n * n)
    throw new SpectralError(`assign: expected ${n} x ${n} costs, found ${costs.length} numbers`);
  const wrong = costs.findIndex((cost) => !Number.isFinite(cost));
  if (wrong >= 0) {
    const at = `row ${Math.floor(wrong / n)}, column ${wrong % n}`;
    throw new SpectralError(`assign: expected finite costs, found ${costs[wrong]} at ${at}`);
  }
  const [rowPrices, columnPrices] = [new Float64Array(n), new Float64Array(n).fill(Infinity)];
  const columns = new Int32Array(n).fill(-1);
  const rows = new Int32Array(n).fill(-1); // the inverse of `columns`
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) columnPrices[j] = Math.min(columnPrices[j], costs[i * n + j]);
  for (let i = 0; i < n; i++) {
    let cheapest = 0;
    rowPrices[i] = Infinity;
    for (let j = 0; j < n; j++) {
      const reduced = costs[i * n + j] - columnPrices[j];
      if (reduced >= rowPrices[i]) continue;
      [rowPrices[i], cheapest] = [reduced, j];
    }
    if (rows[cheapest] < 0) [columns[i], rows[cheapest]] = [cheapest, i];
  }
  for (let i = 0; i < n; i++)
    if (columns[i] < 0) augment(i, costs, { columns, rowPrices, columnPrices }, rows);
  return { columns, rowPrices, columnPrices };
}

/** Assigns one more row, along the path of least reduced cost to a free column (Dijkstra), and keeps the prices right. */
function augment(start: number, costs: Float64Array, assignment: Assignment, rows: Int32Array): void {
  const { columns, rowPrices, columnPrices } = assignment;
  const n = columns.length;
  const distance = new Float64Array(n).fill(Infinity); // of the cheapest path to a column
  const from = new Int32Array(n); // the row before a column on it
  const reached: number[] = []; // columns whose distance is final
  const open = Int32Array.from({ length: n }, (_, j) => j);
  let left = n; // open columns are the first so many
  let row = start;
  let least = 0;
  let end = -1;
  while (end < 0) {
    let next = 0;
    let shortest = Infinity;
    const base = least - rowPrices[row];
    for (let k = 0; k < left; k++) {
      const j = open[k];
      const through = base + costs[row * n + j] - columnPrices[j];
      if (through < distance[j]) {
        distance[j] = through;
        from[j] = row;
      }
      // A free column ends the search: of equal ones it goes first.
      if (distance[j] < shortest || (distance[j] === shortest && rows[j] < 0 && rows[open[next]] >= 0)) {
        shortest = distance[j];
        next = k;
      }
    }
    const column = open[next];
    least = shortest;
    open[next] = open[--left];
    if (rows[column] < 0) end = column;
    else {
      reached.push(column);
      row = rows[column];
    }
  }
  rowPrices[start] += least;
  for (const j of reached) {
    rowPrices[rows[j]] += least - distance[j];
    columnPrices[j] -= least - distance[j];
  }
  for (let j = end; ;) {
    const i = from[j];
    const before = columns[i];
    [columns[i], rows[j]] = [j, i];
    if (i === start) break;
    j = before;
  }
}

/**
 * The cheapest assignment among those that keep blocks of neighbouring rows together: the rows of a block get the columns of one
 * block, in any order. Exact: every block is assigned to every other, and then blocks as a whole.
 * @param costs n x n, row-major
 * @param blocks sizes of blocks, the largest first, each made of whole ones of the next; none: as `assign`
 * @returns the column of each row
 * @throws SpectralError as assign
 * @example assignInBlocks(costs, 4, [2]) // [3, 2, 0, 1] is possible, [3, 0, 2, 1] is not
 */
export function assignInBlocks(
  costs: Float64Array,
  n: number,
  [size = 1, ...smaller]: readonly number[] = [],
): Int32Array {
  if (size === 1) return assign(costs, n).columns;
  const count = n / size;
  const within: Int32Array[] = [];
  const totals = new Float64Array(count * count);
  for (let k = 0; k < totals.length; k++) {
    const [row, column] = [size * Math.floor(k / count), size * (k % count)];
    const block = new Float64Array(size * size);
    for (let i = 0; i < size; i++) {
      const from = (row + i) * n + column;
      block.set(costs.subarray(from, from + size), i * size);
    }
    const order = assignInBlocks(block, size, smaller);
    order.forEach((j, i) => (totals[k] += block[i * size + j]));
    within.push(order);
  }
  const columns = new Int32Array(n);
  assign(totals, count).columns.forEach((to, from) => {
    within[from * count + to].forEach((j, i) => (columns[size * from + i] = size * to + j));
  });
  return columns;
}
