import { createRequire } from "node:module";

/** One display message. */
export interface Shown {
  data: Record<string, string>;
  metadata: Record<string, unknown>;
  id: string | undefined;
  update: boolean;
}

/** Runs `action` as if this process were a kernel, and returns what it displayed. */
export async function inNotebook(action: () => unknown): Promise<Shown[]> {
  const require = createRequire(import.meta.url);
  const path = require.resolve("tslab/dist/jupyter.js");
  const shown: Shown[] = [];
  const lastWriteDisplayData = (
    content: {
      data: Record<string, string>;
      metadata: Record<string, unknown>;
      transient: { display_id?: string };
    },
    update: boolean,
  ): void => {
    shown.push({ data: content.data, metadata: content.metadata, id: content.transient.display_id, update });
  };
  require.cache[path] = { exports: { lastWriteDisplayData } } as NodeJS.Module;
  try {
    await action();
  } finally {
    delete require.cache[path];
  }
  return shown;
}

/** What `action` prints with console.log. */
export async function printed(action: () => unknown): Promise<string[]> {
  const { log } = console;
  const lines: string[] = [];
  console.log = (...values: unknown[]) => void lines.push(values.join(" "));
  try {
    await action();
  } finally {
    console.log = log;
  }
  return lines;
}
