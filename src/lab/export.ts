import type { ColumnTable } from "arquero";
import { join } from "node:path";
import { StoreError } from "../core/errors.js";
import { printable } from "../core/printable.js";
import type { Figure } from "../figures/plotly.js";
import { writeFileAtomic } from "../core/files/atomic.js";
import { projectRoot } from "../store/paths.js";

/**
 * Saves a figure as NAME.svg and NAME.png and each table behind it as NAME-TABLE.csv, every file written aside and then
 * renamed. In a table numbers have every digit; what is missing is empty.
 *
 *     await save(figure, "figure2", { tables: { metrics, ranks } });
 *
 * @param options.folder default the project's `figures/`; made where it is missing
 * @returns the paths written
 * @throws StoreError if the name is not a file name or a file cannot be written
 */
export async function save(
  figure: Figure,
  name: string,
  {
    folder = join(projectRoot(), "figures"),
    tables = {},
  }: { folder?: string; tables?: Readonly<Record<string, ColumnTable>> } = {},
): Promise<string[]> {
  const { toPng, toSvg } = await import("../figures/static.js");
  const files: [string, string | Buffer][] = [
    [`${name}.svg`, await toSvg(figure)],
    [`${name}.png`, await toPng(figure)],
    ...Object.entries(tables).map(([table, rows]): [string, string] => [
      `${name}-${table}.csv`,
      rows.toCSV(),
    ]),
  ];
  const bad = files.find(([file]) => !/^[\w][\w.-]*$/.test(file));
  if (bad)
    throw new StoreError(
      `save: expected a name of letters, digits, "-", "_" and ".", found ${printable(bad[0], 200)}`,
    );
  const paths: string[] = [];
  for (const [file, content] of files) {
    const path = join(folder, file);
    writeFileAtomic(path, content);
    paths.push(path);
  }
  return paths;
}
