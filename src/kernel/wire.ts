import { createHmac, randomUUID, timingSafeEqual } from "node:crypto";

/** The Jupyter wire protocol: messages as ZeroMQ frames, signed with HMAC-SHA256. */

/** What Jupyter writes into the file that tells a kernel where to listen. */
export interface ConnectionInfo {
  transport: string;
  ip: string;
  shell_port: number;
  iopub_port: number;
  stdin_port: number;
  control_port: number;
  hb_port: number;
  key: string;
  signature_scheme: string;
}

export interface Header {
  msg_id: string;
  msg_type: string;
  session: string;
  username: string;
  date: string;
  version: string;
}

export interface Message {
  /** Routing frames of the peer, in front of the message. */
  identities: Buffer[];
  header: Header;
  /** The header of the request that caused this message; empty where none did. */
  parent: Partial<Header>;
  metadata: Record<string, unknown>;
  content: Record<string, unknown>;
  /** What is wrong with the content of a received message, which is then empty here. */
  fault?: string;
}

/** The frames of a message after its signature. */
const PARTS = ["header", "parent header", "metadata", "content"];
/** Signatures by which a repeated message is known; older ones are forgotten. */
const REMEMBERED = 65_536;
const DELIMITER = Buffer.from("<IDS|MSG>");

export function createHeader(type: string, session: string, username = "spectral-lab"): Header {
  return {
    msg_id: randomUUID(),
    msg_type: type,
    session,
    username,
    date: new Date().toISOString(),
    version: "5.3",
  };
}

/** A message as the frames to send. An empty key leaves it unsigned, as the protocol says. */
export function encode(message: Message, key: string): Buffer[] {
  const parts = [message.header, message.parent, message.metadata, message.content].map((part) =>
    Buffer.from(JSON.stringify(part)),
  );
  return [...message.identities, DELIMITER, Buffer.from(sign(parts, key)), ...parts];
}

/**
 * Frames as a message. Fields that need not be there are filled: a reader can rely on every type.
 * @throws Error if the frames are not a Jupyter message or the signature is wrong
 */
export function decode(frames: Buffer[], key: string): Message {
  const delimiter = frames.findIndex((frame) => frame.equals(DELIMITER));
  if (delimiter < 0 || frames.length < delimiter + 6) {
    throw new Error(`Jupyter message: expected a delimiter and 5 frames, found ${frames.length} frames`);
  }
  const parts = frames.slice(delimiter + 2, delimiter + 6);
  const found = frames[delimiter + 1]!;
  const expected = Buffer.from(sign(parts, key));
  if (found.length !== expected.length || !timingSafeEqual(found, expected)) {
    throw new Error("Jupyter message: the signature does not belong to this connection's key");
  }
  const [header, parent, metadata, content] = parts.map((part, i) => parsePart(PARTS[i]!, part));
  return {
    identities: frames.slice(0, delimiter),
    header: checkedHeader(header),
    parent: texts(parent) as Partial<Header>,
    metadata: isRecord(metadata) ? metadata : {},
    content: isRecord(content) ? content : {},
    ...(isRecord(content) ? {} : { fault: `content: expected a JSON object, found ${kind(content)}` }),
  };
}

/** Messages as they come in: each is taken once. */
export class Inbox {
  readonly #seen = new Set<string>();

  constructor(private readonly key: string) {}

  /** @throws Error as `decode` does, and if the message came before: who repeats a signed message need not know the key */
  read(frames: Buffer[]): Message {
    const message = decode(frames, this.key);
    if (!this.key) return message;
    const signature = frames[message.identities.length + 1]!.toString();
    if (this.#seen.has(signature))
      throw new Error(
        `Jupyter message: ${message.header.msg_type} ${message.header.msg_id} came a second time`,
      );
    this.#seen.add(signature);
    const [oldest] = this.#seen;
    if (this.#seen.size > REMEMBERED) this.#seen.delete(oldest!);
    return message;
  }
}

function parsePart(name: string, part: Buffer): unknown {
  try {
    return JSON.parse(part.toString()) as unknown;
  } catch {
    throw new Error(`Jupyter message: ${name}: expected JSON, found ${part.length} bytes that are none`);
  }
}

function checkedHeader(header: unknown): Header {
  if (!isRecord(header))
    throw new Error(`Jupyter message: header: expected a JSON object, found ${kind(header)}`);
  for (const name of ["msg_id", "msg_type"]) {
    if (typeof header[name] !== "string")
      throw new Error(`Jupyter message: header: expected text as ${name}, found ${kind(header[name])}`);
  }
  const empty = { session: "", username: "", date: "", version: "" };
  return { ...empty, ...texts(header) } as Header;
}

/** The fields of a header that are text, as all of them should be. */
function texts(value: unknown): Record<string, string> {
  const entries = Object.entries(isRecord(value) ? value : {});
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What JSON value something is. */
export function kind(value: unknown): string {
  return value === undefined
    ? "none"
    : value === null
      ? "null"
      : Array.isArray(value)
        ? "an array"
        : `a ${typeof value}`;
}

/** The address of a port, also for the ipc transport, where a port is the suffix of a path. */
export function address(info: ConnectionInfo, port: number): string {
  return `${info.transport}://${info.ip}${info.transport === "ipc" ? "-" : ":"}${port}`;
}

function sign(parts: Buffer[], key: string): string {
  if (!key) return "";
  const hmac = createHmac("sha256", key);
  for (const part of parts) hmac.update(part);
  return hmac.digest("hex");
}
