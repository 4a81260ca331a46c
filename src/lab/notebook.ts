import { createRequire } from "node:module";
import type { Html } from "./html.js";
import type { Markdown } from "./markdown-text.js";

/**
 * One output in several forms, by MIME type; the front end shows the richest it can. What a page runs is taken only as
 * `html` and `md` make it, with every text escaped. PNG is base64.
 */
export interface Bundle {
  readonly "text/html"?: Html;
  readonly "text/markdown"?: Markdown;
  readonly "image/png"?: string;
  readonly "text/plain": string;
}

/** Where the output of the running cell goes. */
export interface NotebookOutput {
  /**
   * Adds an output, or with `update` replaces the one shown before under the same `id`.
   * @param metadata by MIME type, e.g. the width and height of an image
   */
  display(
    bundle: Bundle,
    options?: { id?: string; update?: boolean; metadata?: Record<string, unknown> },
  ): void;
}

type Write = (
  content: { data: Readonly<Record<string, string>>; metadata: object; transient: { display_id?: string } },
  update: boolean,
) => void;

/**
 * The notebook that this process is the kernel of, or undefined outside one.
 * tslab's public API sends one MIME type a message; its kernel keeps the function that sends bundles in this module,
 * which is loaded only in a kernel.
 */
export function currentNotebook(): NotebookOutput | undefined {
  const require = createRequire(import.meta.url);
  let path: string;
  try {
    path = require.resolve("tslab/dist/jupyter.js");
  } catch {
    return undefined;
  }
  const jupyter = require.cache[path]?.exports as { lastWriteDisplayData?: Write | null } | undefined;
  const write = jupyter?.lastWriteDisplayData;
  if (!write) return undefined;
  return {
    display: (bundle, { id, update = false, metadata = {} } = {}) => {
      const forms = Object.entries(bundle as unknown as Record<string, string | Html | Markdown>);
      const data = Object.fromEntries(
        forms.map(([type, form]) => [type, typeof form === "string" ? form : form.source]),
      );
      write({ data, metadata, transient: id === undefined ? {} : { display_id: id } }, update);
    },
  };
}
