import { join } from "node:path";
import type { Drawn } from "../paper/figure.js";
import { projectRoot } from "../store/paths.js";
import { showClaims } from "./claim.js";
import { save } from "./export.js";
import { show } from "./show.js";

/** Shows a figure and its claims, and saves it as SVG, PNG and the tables as CSV under the project's `figures/`. */
export async function present(drawn: Drawn, folder = join(projectRoot(), "figures")): Promise<void> {
  await show(drawn.figure);
  if (drawn.claims.length > 0) showClaims(drawn.claims);
  await save(drawn.figure, drawn.name, { folder, tables: drawn.tables });
}
