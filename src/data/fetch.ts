import { Readable } from "node:stream";
import { DataError } from "../core/errors.js";
import { proxyFor, requestThrough } from "./proxy.js";

/** What came back for an address. */
export interface Answer {
  readonly status: number;
  readonly statusText: string;
  header(name: string): string | null;
  readonly body: Readable | undefined;
}

/** Most redirections that are followed, as in `fetch`. */
const REDIRECTIONS = 20;

/**
 * Asks for an address, through a proxy where the environment names one (`proxyFor`); redirections are followed, each by
 * the proxy that its address has.
 * @throws DataError if a proxy refuses, or redirections have no end; whatever `fetch` throws
 */
export async function ask(
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Answer> {
  let address = new URL(url);
  for (let n = 0; n <= REDIRECTIONS; n++) {
    const proxy = proxyFor(address);
    if (proxy === undefined) {
      const answer = await fetch(address, { headers, signal, redirect: "manual" });
      const next = nextOf(answer.status, answer.headers.get("location"), address);
      if (next === undefined) return fromFetch(answer);
      await answer.body?.cancel();
      address = next;
    } else {
      const message = await requestThrough(proxy, address, headers, signal);
      const { statusCode = 0, statusMessage = "" } = message;
      const header = (name: string): string | null => {
        const value = message.headers[name];
        return Array.isArray(value) ? value.join(", ") : (value ?? null);
      };
      const next = nextOf(statusCode, header("location"), address);
      if (next === undefined)
        return { status: statusCode, statusText: statusMessage, header, body: heard(message) };
      message.destroy();
      address = next;
    }
  }
  throw new DataError(`more than ${REDIRECTIONS} redirections`);
}

/** A body that nobody reads may be cut off without ending the process. */
function heard(body: Readable): Readable {
  return body.on("error", () => undefined);
}

function fromFetch(answer: Response): Answer {
  return {
    status: answer.status,
    statusText: answer.statusText,
    header: (name) => answer.headers.get(name),
    body:
      answer.body === null
        ? undefined
        : heard(Readable.fromWeb(answer.body as Parameters<typeof Readable.fromWeb>[0])),
  };
}

/** Where an answer leads on to; undefined if it does not. @throws DataError if that is no address of HTTP */
function nextOf(status: number, location: string | null, address: URL): URL | undefined {
  if (![301, 302, 303, 307, 308].includes(status) || location === null) return undefined;
  const next = URL.canParse(location, address.href) ? new URL(location, address) : undefined;
  if (next && ["http:", "https:"].includes(next.protocol)) return next;
  throw new DataError("a redirection to what is no address of HTTP");
}
