import { delimiter } from "node:path";
import { type CheckpointSpectra, spectraOf, type SpectraOptions } from "../analysis/checkpoint-spectra.js";
import { Markdown, md } from "./markdown-text.js";
import { markdown } from "./markdown.js";
import { progress, type Progress } from "./progress.js";

/**
 * The checkpoint that SPECTRAL_CHECKPOINT names, as `spectraOf` takes it: a file or a folder is one model; several with ":" between
 * them (";" on Windows) are the steps of one training, and so is all that lies in a folder whose name is followed by "/*".
 * @returns undefined where it names none
 * @example SPECTRAL_CHECKPOINT=model.safetensors.index.json
 * @example SPECTRAL_CHECKPOINT="data/runs/resnet/4cbfae3a43cc/weights/*"
 */
export function checkpointFromEnvironment(): string | readonly string[] | undefined {
  const paths = (process.env.SPECTRAL_CHECKPOINT ?? "").split(delimiter).filter((path) => path !== "");
  if (paths.length > 1) return paths;
  const [path] = paths;
  const folder = path?.replace(/[/\\]\*$/, "");
  return folder === path ? path : [folder];
}

/**
 * `spectraOf` with its progress as output of the cell; then how much there is, which files cannot be read, and which steps have equal weights.
 * @param paths one path: one model; a list: the steps of one training
 * @throws DataError if nothing can be read
 */
export async function showSpectra(
  paths: string | readonly string[],
  options: Omit<SpectraOptions, "onProgress"> = {},
): Promise<CheckpointSpectra> {
  let bar: Progress | undefined;
  let total = 0;
  const found = await spectraOf(paths, {
    ...options,
    onProgress: ({ index, count }) => {
      total = count;
      bar ??= progress({ title: "spectra", total, unit: "matrices" });
      bar.update({ step: index });
    },
  });
  bar?.update({ step: total });
  bar?.done();
  const { ranks, skipped, equal, faults } = found;
  const steps = ranks.dedupe("step").numRows();
  const matrices = ranks.dedupe("matrix").numRows();
  const left = skipped.dedupe("tensor").numRows();
  const without = left > 0 ? `; tensors without a spectrum: ${left}` : "";
  const line = md`**${matrices} matrices${steps > 1 ? ` at ${steps} steps` : ""}**${without}.`;
  const lines = [...faults, ...equal].map((sentence) => md`* ${sentence}`);
  markdown(Markdown.joined([line, ...(lines.length > 0 ? [Markdown.joined(lines, "\n")] : [])], "\n\n"));
  return found;
}
