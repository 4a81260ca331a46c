import { ConfigError } from "../core/errors.js";
import { printable } from "../core/printable.js";
import { claimsText } from "../lab/claim.js";
import { save } from "../lab/export.js";
import { profileFromEnvironment } from "../lab/reproduce.js";
import { PAPER_FIGURES, paperFigure } from "../paper/index.js";
import type { PaperFigure } from "../paper/figure.js";
import { storedRuns } from "../paper/stored.js";
import { type StoredChoice, storedPlan, type StoredPlan, storedProfile } from "../paper/stored-plan.js";
import type { ProfileName } from "../tasks/task.js";
import type { Given } from "./command.js";
import type { figures } from "./declarations.js";

/** Draws figures of the paper from stored runs. */
export async function run({ values, positionals }: Given<typeof figures>): Promise<number> {
  const wanted = positionals.length > 0 ? positionals.map(figureNamed) : PAPER_FIGURES;
  let drawn = 0;
  for (const paper of wanted) {
    const profile = (values.profile as ProfileName | undefined) ?? profileOf(paper, values);
    const { runs, studies } = storedOf(paper, profile, values);
    if (runs.length === 0) {
      console.log(
        `figure ${paper.number}: no finished runs of profile ${profile}; make them with: ${commandsFor(paper, profile)}`,
      );
      continue;
    }
    const { name, figure, tables, claims } = paper.draw(runs, studies);
    const paths = await save(figure, name, { folder: values.output, tables });
    console.log(`figure ${paper.number}: ${paper.title}\n${paths.map((path) => `  ${path}`).join("\n")}`);
    if (claims.length > 0) console.log(claimsText(claims));
    drawn++;
  }
  if (drawn === 0) throw new ConfigError("no figure could be drawn from stored runs");
  return 0;
}

/** The profile that SPECTRAL_PROFILE names; else of a plan the largest that is stored whole; else "lab". */
function profileOf({ plan }: PaperFigure, folders: Pick<StoredChoice, "runs" | "studies">): ProfileName {
  const stored = plan && !process.env.SPECTRAL_PROFILE ? storedProfile(plan, folders) : undefined;
  return profileFromEnvironment(stored ?? "lab");
}

/** What a figure is drawn from, as far as it is stored. */
function storedOf(
  paper: PaperFigure,
  profile: ProfileName,
  folders: Pick<StoredChoice, "runs" | "studies">,
): Pick<StoredPlan, "runs" | "studies"> {
  if (paper.plan) {
    const { runs, diverged, studies } = storedPlan(paper.plan(profile), folders);
    return { runs: paper.showsDiverged ? [...runs, ...diverged] : runs, studies };
  }
  return { runs: storedRuns(paper, profile, folders), studies: [] };
}

/** The commands that make what a figure is drawn from. */
function commandsFor({ number, tasks, plan }: PaperFigure, profile: ProfileName): string {
  if (plan) return `spectral sweep figure${number} --profile ${profile}`;
  return tasks.map(({ name }) => `spectral train ${name} --profile ${profile}`).join("; ");
}

/** @throws ConfigError if the text is no number, or the paper has no such figure */
function figureNamed(text: string): PaperFigure {
  if (!/^\d+$/.test(text))
    throw new ConfigError(`expected the number of a figure, found "${printable(text, 100)}"`);
  return paperFigure(Number(text));
}
