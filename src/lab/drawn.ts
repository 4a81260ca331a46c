import type { ColumnTable } from "arquero";
import { join } from "node:path";
import type { Claim } from "../paper/claim.js";
import type { Figure } from "../figures/plotly.js";
import { projectRoot } from "../store/paths.js";
import { showClaims } from "./claim.js";
import { save } from "./export.js";
import { show } from "./show.js";

/** A figure of the paper as it was reproduced. */
export interface Drawn {
  /** Name of its files: "figure2". */
  readonly name: string;
  readonly figure: Figure;
  /** What it was drawn from, by name. */
  readonly tables: Readonly<Record<string, ColumnTable>>;
  /** What the paper claims with it, checked against the tables. */
  readonly claims: readonly Claim[];
}

/** Shows a figure and its claims, and saves it as SVG, PNG and the tables as CSV under the project's `figures/`. */
export async function present(drawn: Drawn, folder = join(projectRoot(), "figures")): Promise<void> {
  await show(drawn.figure);
  if (drawn.claims.length > 0) showClaims(drawn.claims);
  await save(drawn.figure, drawn.name, { folder, tables: drawn.tables });
}
