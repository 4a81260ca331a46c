import { createRequire } from "node:module";
import type * as Danfo from "danfojs-node";
import { access, type AnyTable } from "./table.js";

/**
 * A table (rows, arquero) as a danfo DataFrame; `show` displays it as a neat table. danfo is loaded on first use (about
 * 1 s). Its tensor arithmetic is float32 and its `mean()` goes along rows; arquero has neither trait.
 */
export function frame(table: AnyTable): Danfo.DataFrame {
  const require = createRequire(import.meta.url);
  const danfo = require("danfojs-node") as typeof Danfo;
  const { names, total, cell } = access(table);
  const columns = names.map((name) => [name, Array.from({ length: total }, (_, row) => cell(name, row))]);
  return new danfo.DataFrame(Object.fromEntries(columns));
}
