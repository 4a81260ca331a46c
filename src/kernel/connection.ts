import { readFileSync } from "node:fs";
import type { ConnectionInfo } from "./wire.js";

const PORTS = ["shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"] as const;
const SCHEME = "hmac-sha256";

/**
 * Reads the file in which Jupyter tells a kernel where to listen.
 * @throws Error that names the file, and the field that is missing or wrong
 */
export function readConnection(path: string): ConnectionInfo {
  const wrong = (what: string): Error =>
    new Error(
      `kernel: connection file ${JSON.stringify(path)}: ${what}. Jupyter writes this file; start the kernel again.`,
    );
  let text: string;
  let value: unknown;
  try {
    text = readFileSync(path, "utf8").replace(/^\ufeff/, "");
  } catch (error) {
    throw wrong(`cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
  }
  try {
    value = JSON.parse(text);
  } catch {
    throw wrong(`expected JSON, found ${text.trim() ? shown(text) : "an empty file"}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong(`expected a JSON object, found ${shown(value)}`);
  const fields = value as Record<string, unknown>;
  const check = (name: string, holds: boolean, expected: string): void => {
    if (!holds)
      throw wrong(`${name}: expected ${expected}, found ${name in fields ? shown(fields[name]) : "none"}`);
  };
  const { transport, ip, key, signature_scheme: scheme = SCHEME } = fields;
  check("transport", transport === "tcp" || transport === "ipc", '"tcp" or "ipc"');
  check("ip", typeof ip === "string" && ip !== "", "an address");
  check("key", typeof key === "string", 'text ("" leaves messages unsigned)');
  check("signature_scheme", scheme === SCHEME, `"${SCHEME}"`);
  const limit = transport === "tcp" ? 65_535 : Number.MAX_SAFE_INTEGER;
  for (const name of PORTS) {
    const port = fields[name];
    check(name, Number.isInteger(port) && Number(port) > 0 && Number(port) <= limit, `a port, 1 to ${limit}`);
  }
  return { ...(fields as unknown as ConnectionInfo), signature_scheme: SCHEME };
}

/** A value of the file as a short line of JSON. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
