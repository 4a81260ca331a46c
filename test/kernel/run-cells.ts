import type { KernelClient } from "spectral-lab/kernel/client";
import { OutputCollector } from "spectral-lab/kernel/outputs";

/** What a cell gave: its printed text, the text of its last expression, and its error. */
export interface CellResult {
  status: string;
  text: string;
  result: string | undefined;
  /** `name: message` */
  error: string | undefined;
  traceback: string[];
}

/** Runs one cell in a kernel. */
export async function runCell(kernel: KernelClient, code: string, timeout = 60_000): Promise<CellResult> {
  const collector = new OutputCollector(new Map());
  const { id, reply } = kernel.send(
    "execute_request",
    { code, silent: false, stop_on_error: true },
    { timeout },
  );
  const published = kernel.onPublished;
  kernel.onPublished = (message) => {
    published(message);
    if (message.parent.msg_id === id) collector.add(message);
  };
  const content = await reply;
  kernel.onPublished = published;
  const outputs = collector.outputs;
  const streams = outputs.map((one) => (one.output_type === "stream" ? [one.text].flat().join("") : ""));
  const results = outputs.flatMap((one) =>
    one.output_type === "execute_result" ? [one.data["text/plain"]] : [],
  );
  return {
    status: String(content.status),
    text: streams.join(""),
    result: results.length > 0 ? [results[0]].flat().join("") : undefined,
    error: content.ename ? `${String(content.ename)}: ${String(content.evalue)}` : undefined,
    traceback: (content.traceback ?? []) as string[],
  };
}
