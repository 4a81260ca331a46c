import { joinText, splitText, type CellOutput, type MimeBundle } from "./notebook.js";
import type { Message } from "./wire.js";

type Displays = Map<string, { data: MimeBundle; metadata: Record<string, unknown> }[]>;

/** Gathers what one cell publishes into notebook outputs, as front ends do. */
export class OutputCollector {
  #outputs: CellOutput[] = [];
  #clearBeforeNext = false;

  /** @param displays outputs by display id; shared by the cells of a notebook, since a cell may update another's */
  constructor(private readonly displays: Displays) {}

  add({ header, content }: Pick<Message, "header" | "content">): void {
    switch (header.msg_type) {
      case "stream":
        return this.#stream(content.name as "stdout" | "stderr", String(content.text));
      case "display_data":
      case "execute_result":
        return this.#display(header.msg_type, content);
      case "update_display_data":
        for (const output of this.displays.get(displayId(content) ?? "") ?? [])
          Object.assign(output, bundle(content));
        return;
      case "error":
        return this.#push({
          output_type: "error",
          ename: String(content.ename),
          evalue: String(content.evalue),
          traceback: content.traceback as string[],
        });
      case "clear_output":
        if (content.wait) this.#clearBeforeNext = true;
        else this.#outputs = [];
    }
  }

  /** The outputs as a notebook stores them. */
  get outputs(): CellOutput[] {
    return this.#outputs.map((output) => {
      if (output.output_type === "stream")
        return { ...output, text: splitText(overwrite(joinText(output.text))) };
      if (output.output_type === "error") return output;
      const data = Object.entries(output.data).map(
        ([type, value]) => [type, storedValue(type, value)] as const,
      );
      return { ...output, data: Object.fromEntries(data) };
    });
  }

  #stream(name: "stdout" | "stderr", text: string): void {
    const last = this.#clearBeforeNext ? undefined : this.#outputs.at(-1);
    // Overwritten text is dropped as it comes, so that a long progress line does not grow without end.
    if (last?.output_type === "stream" && last.name === name)
      last.text = overwrite(joinText(last.text) + text);
    else this.#push({ output_type: "stream", name, text });
  }

  #display(type: "display_data" | "execute_result", content: Record<string, unknown>): void {
    const output: CellOutput =
      type === "display_data"
        ? { output_type: type, ...bundle(content) }
        : { output_type: type, execution_count: content.execution_count as number, ...bundle(content) };
    this.#push(output);
    const id = displayId(content);
    if (id) this.displays.set(id, [...(this.displays.get(id) ?? []), output]);
  }

  #push(output: CellOutput): void {
    if (this.#clearBeforeNext) this.#outputs = [];
    this.#clearBeforeNext = false;
    this.#outputs.push(output);
  }
}

/** Text as a terminal shows it: after "\r" a line is written over from its start. */
export function overwrite(text: string): string {
  if (!text.includes("\r")) return text;
  return text
    .replace(/\r+\n/g, "\n")
    .split("\n")
    .map((line) => {
      const parts = line.split("\r");
      const end = parts.length > 1 && parts.at(-1) === "" ? "\r" : ""; // the next text writes over this one
      return parts.filter(Boolean).reduce((shown, part) => part + shown.slice(part.length), "") + end;
    })
    .join("\n");
}

function bundle(content: Record<string, unknown>) {
  return { data: content.data as MimeBundle, metadata: (content.metadata ?? {}) as Record<string, unknown> };
}

function displayId(content: Record<string, unknown>): string | undefined {
  return (content.transient as { display_id?: string } | undefined)?.display_id;
}

/** Text is stored in lines; base64 data and JSON as they are. */
function storedValue(type: string, value: unknown): unknown {
  const binary = /^(image\/(?!svg)|application\/pdf|audio\/|video\/)/.test(type);
  return typeof value === "string" && !binary ? splitText(value) : value;
}
