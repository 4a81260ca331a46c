import { ConfigError, DataError } from "../core/errors.js";
import { printable } from "../core/printable.js";
import { claimsText } from "../lab/claim.js";
import { save } from "../lab/export.js";
import { profileFromEnvironment } from "../lab/reproduce.js";
import { PAPER_FIGURES, paperFigure } from "../paper/index.js";
import type { Drawn, PaperFigure } from "../paper/figure.js";
import { storedRuns } from "../paper/stored.js";
import { type StoredChoice, storedPlan, type StoredPlan, storedProfile } from "../paper/stored-plan.js";
import type { ProfileName } from "../tasks/task.js";
import type { Given } from "./command.js";
import type { figures } from "./declarations.js";

/** Draws figures of the paper from stored runs and studies. One that lacks some of them stops no other. */
export async function run({ values, positionals }: Given<typeof figures>): Promise<number> {
  const wanted = positionals.length > 0 ? positionals.map(figureNamed) : PAPER_FIGURES;
  let drawn = 0;
  for (const paper of wanted) {
    const profile = (values.profile as ProfileName | undefined) ?? profileOf(paper, values);
    const { runs, studies, left } = storedOf(paper, profile, values);
    const lacking = (what: string): void =>
      console.log(`figure ${paper.number}: ${what}; make them with: ${commandsFor(paper, profile)}`);
    if (runs.length === 0) {
      lacking(`no finished runs of profile ${profile}`);
      continue;
    }
    const made = drawnUnlessLacking(paper, runs, studies);
    if (made instanceof DataError) {
      lacking(
        `not drawn from ${runs.length} runs and ${studies.length} studies of profile ${profile}: ${made.message}`,
      );
      continue;
    }
    const { name, figure, tables, claims } = made;
    const paths = await save(figure, name, { folder: values.output, tables });
    console.log(`figure ${paper.number}: ${paper.title}\n${paths.map((path) => `  ${path}`).join("\n")}`);
    if (left > 0) {
      const members = left === 1 ? "1 member" : `${left} members`;
      const command = commandsFor(paper, profile);
      console.log(`  drawn without ${members} of its plan that are not stored: ${command}`);
    }
    if (claims.length > 0) console.log(claimsText(claims));
    drawn++;
  }
  if (drawn === 0) throw new ConfigError("no figure could be drawn from stored runs");
  return 0;
}

/** A figure, or why what is stored is not enough for it. */
function drawnUnlessLacking(
  paper: PaperFigure,
  ...stored: Parameters<PaperFigure["draw"]>
): Drawn | DataError {
  try {
    return paper.draw(...stored);
  } catch (error) {
    if (error instanceof DataError) return error;
    throw error;
  }
}

/** The profile that SPECTRAL_PROFILE names; else of a plan the largest that is stored whole; else "lab". */
function profileOf({ plan }: PaperFigure, folders: Pick<StoredChoice, "runs" | "studies">): ProfileName {
  const stored = plan && !process.env.SPECTRAL_PROFILE ? storedProfile(plan, folders) : undefined;
  return profileFromEnvironment(stored ?? "lab");
}

/** What a figure is drawn from, as far as it is stored, and how many members of its plan are not. */
function storedOf(
  paper: PaperFigure,
  profile: ProfileName,
  folders: Pick<StoredChoice, "runs" | "studies">,
): Pick<StoredPlan, "runs" | "studies"> & { readonly left: number } {
  if (!paper.plan) return { runs: storedRuns(paper, profile, folders), studies: [], left: 0 };
  const { runs, diverged, studies, missing } = storedPlan(paper.plan(profile), folders);
  return { runs: [...runs, ...diverged], studies, left: missing.length };
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
