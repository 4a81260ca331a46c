import { grouped } from "./format.js";
import { Markdown, md } from "./markdown-text.js";
import { currentNotebook } from "./notebook.js";

/**
 * Shows Markdown as output of the running cell; prints it outside a notebook. Of a string, which may hold names from a
 * file, HTML and links that run something are shown as they are written.
 */
export function markdown(text: Markdown | string): void {
  const shown = typeof text === "string" ? Markdown.authored(text) : text;
  const notebook = currentNotebook();
  if (notebook) notebook.display({ "text/markdown": shown, "text/plain": shown.plain });
  else console.log(shown.plain);
}

/** What a notebook says before it starts anything long. */
export interface Banner {
  /** What runs: "modular addition, p = 113". */
  readonly task: string;
  /** "quick", "lab" or "paper". */
  readonly profile: string;
  /** "wasm (2 threads)", "webgpu: NVIDIA H100". */
  readonly backend: string;
  /** What it reads: "CIFAR-10", or the generated stand-in by that name. */
  readonly data?: string;
  /** Steps of the whole run. */
  readonly steps: number;
  /** Steps done before: the run goes on from here. Default 0. */
  readonly from?: number;
}

/** The banner as one line of Markdown. */
export function bannerText(facts: Banner): string {
  return bannerMarkdown(facts).source;
}

function bannerMarkdown({ task, profile, backend, data, steps, from = 0 }: Banner): Markdown {
  const facts = [md`profile **${profile}**`, md`backend **${backend}**`];
  if (data !== undefined) facts.push(md`data **${data}**`);
  facts.push(
    from > 0
      ? md`goes on at step **${grouped(from)} of ${grouped(steps)}**`
      : md`**${grouped(steps)}** steps`,
  );
  return md`**${task}** · ${Markdown.joined(facts, " · ")}`;
}

/** Shows the banner. */
export function banner(facts: Banner): void {
  markdown(bannerMarkdown(facts));
}

/** A length of time as a person says it: "0.4 s", "35 s", "2 min 5 s", "1 h 20 min". @param seconds >= 0 */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  if (hours > 0) return minutes > 0 ? `${hours} h ${minutes} min` : `${hours} h`;
  return rest > 0 ? `${minutes} min ${rest} s` : `${minutes} min`;
}
