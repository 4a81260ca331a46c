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
}

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
 * Frames as a message.
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
  const [header, parent, metadata, content] = parts.map((part) => JSON.parse(part.toString()) as unknown);
  return {
    identities: frames.slice(0, delimiter),
    header: header as Header,
    parent: parent as Partial<Header>,
    metadata: metadata as Record<string, unknown>,
    content: content as Record<string, unknown>,
  };
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
