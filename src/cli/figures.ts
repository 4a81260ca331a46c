import { ConfigError } from "../core/errors.js";
import { printable } from "../core/printable.js";
import { claimsText } from "../lab/claim.js";
import { save } from "../lab/export.js";
import { profileFromEnvironment } from "../lab/reproduce.js";
import { PAPER_FIGURES, paperFigure } from "../paper/index.js";
import type { PaperFigure } from "../paper/figure.js";
import { storedRuns } from "../paper/stored.js";
import type { ProfileName } from "../tasks/task.js";
import type { Given } from "./command.js";
import type { figures } from "./declarations.js";

/** Draws figures of the paper from stored runs. */
export async function run({ values, positionals }: Given<typeof figures>): Promise<number> {
  const profile = (values.profile as ProfileName | undefined) ?? profileFromEnvironment("lab");
  const wanted = positionals.length > 0 ? positionals.map(figureNamed) : PAPER_FIGURES;
  let drawn = 0;
  for (const paper of wanted) {
    const runs = storedRuns(paper, profile, { runs: values.runs });
    if (runs.length === 0) {
      const commands = paper.tasks.map(({ name }) => `spectral train ${name} --profile ${profile}`);
      console.log(
        `figure ${paper.number}: no finished runs of profile ${profile}; train with: ${commands.join("; ")}`,
      );
      continue;
    }
    const { name, figure, tables, claims } = paper.draw(runs, []);
    const paths = await save(figure, name, { folder: values.output, tables });
    console.log(`figure ${paper.number}: ${paper.title}\n${paths.map((path) => `  ${path}`).join("\n")}`);
    if (claims.length > 0) console.log(claimsText(claims));
    drawn++;
  }
  if (drawn === 0) throw new ConfigError(`no figure could be drawn from runs of profile ${profile}`);
  return 0;
}

/** @throws ConfigError if the text is no number, or the paper has no such figure */
function figureNamed(text: string): PaperFigure {
  if (!/^\d+$/.test(text))
    throw new ConfigError(`expected the number of a figure, found "${printable(text, 100)}"`);
  return paperFigure(Number(text));
}
