import type { ColumnTable } from "arquero";
import * as aq from "arquero";
import { matrixOf } from "../nn/views.js";
import type { StudyReader } from "../store/study.js";
import { defineStudy } from "./study.js";
import { commonMatrices, expectTwoOfOneTask } from "./two-networks.js";

const PART = "matrices";

/**
 * How far apart the weights of two networks are, matrix by matrix: two runs of a task, or one run at two steps. One part,
 * `matrices`, a row per matrix: matrix, depth (its place in the model, from 0), rows and columns (its size), difference
 * (|A - B|, Frobenius) and norm1, norm2 (|A| and |B|).
 */
export const distance = defineStudy({
  kind: "distance",
  title: "Distance of the weights of two networks",
  reads: "weights",
  defaults: {},
  needs: (inputs) => expectTwoOfOneTask("distance", inputs),
  async parts(context) {
    await commonMatrices("distance", context);
    return [PART];
  },
  async compute(_part, context) {
    const matrices = await commonMatrices("distance", context);
    const rows = matrices.map((view, depth) => {
      const { name, rows, columns } = view;
      const [a, b] = [0, 1].map((input) => matrixOf(view, context.weights(input)).data);
      let [difference, norm1, norm2] = [0, 0, 0];
      for (let i = 0; i < a.length; i++) {
        difference += (a[i] - b[i]) ** 2;
        norm1 += a[i] ** 2;
        norm2 += b[i] ** 2;
      }
      const roots = { difference: Math.sqrt(difference), norm1: Math.sqrt(norm1), norm2: Math.sqrt(norm2) };
      return { matrix: name, depth, rows, columns, ...roots };
    });
    return { rows, arrays: new Map() };
  },
});

/**
 * The distance of each study's two networks over all matrices together: |A - B| / sqrt((|A|^2 + |B|^2) / 2), in [0, 2]:
 * 0 for equal weights, about sqrt(2) for independent ones. Columns: study (its id), distance.
 * @param studies of the kind `distance`
 */
export function distancesTable(studies: readonly StudyReader[]): ColumnTable {
  const rows = studies.map((study) => {
    let [difference, norms] = [0, 0];
    for (const row of study.rows()) {
      difference += Number(row.difference) ** 2;
      norms += (Number(row.norm1) ** 2 + Number(row.norm2) ** 2) / 2;
    }
    return { study: study.record.id, distance: norms > 0 ? Math.sqrt(difference / norms) : 0 };
  });
  return aq.table({ study: rows.map(({ study }) => study), distance: rows.map((row) => row.distance) });
}
