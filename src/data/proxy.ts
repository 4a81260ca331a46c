import { type IncomingMessage, type RequestOptions, request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { type Socket, isIP } from "node:net";
import { connect as tlsConnect } from "node:tls";
import { DataError, messageOf } from "../core/errors.js";
import { printable } from "../core/printable.js";

/** Environment variables by name. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** A proxy and the variable that names it. */
export interface Proxy {
  readonly url: URL;
  readonly variable: string;
}

/**
 * The proxy that an address is asked for through: HTTPS_PROXY or HTTP_PROXY by the address's scheme, else ALL_PROXY, in
 * small letters before capitals, unless NO_PROXY names the host (a domain means its subdomains too; `*` means all).
 * @throws DataError if the variable holds no address of an HTTP proxy
 */
export function proxyFor(address: URL, variables: Variables = process.env): Proxy | undefined {
  const set = (name: string): string | undefined =>
    [name, name.toUpperCase()].find((variable) => (variables[variable] ?? "").trim() !== "");
  const variable = set(address.protocol === "https:" ? "https_proxy" : "http_proxy") ?? set("all_proxy");
  if (variable === undefined) return undefined;
  const without = set("no_proxy");
  if (without !== undefined && isExcepted(address, variables[without] ?? "")) return undefined;
  const text = (variables[variable] ?? "").trim();
  const url = parseUrl(withScheme(text));
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    throw new DataError(
      `${variable}: expected the address of an HTTP proxy, such as http://host:3128, found "${nameOf(text)}"`,
    );
  }
  return { url, variable };
}

function withScheme(text: string): string {
  return /^[a-z][\w+.-]*:\/\//i.test(text) ? text : `http://${text}`;
}

function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

/** An address without the name and password in it. */
function nameOf(text: string): string {
  return printable(text.replace(/\/\/[^/]*@/, "//"), 200);
}

function isExcepted(address: URL, list: string): boolean {
  const host = address.hostname.toLowerCase().replace(/^\[|\]$/g, "");
  const port = address.port || (address.protocol === "https:" ? "443" : "80");
  return list
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => {
      if (entry === "*") return true;
      const [, name, only] = /^(.+?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? ["", "", ""];
      if (only && only !== port) return false;
      const domain = name.replace(/^\*?\./, "").replace(/^\[|\]$/g, "");
      return host === domain || host.endsWith(`.${domain}`);
    });
}

/**
 * Asks for an address through a proxy: plain HTTP by its whole address, HTTPS through a tunnel (CONNECT), in which the
 * proxy sees nothing but the host's name. Redirections are left to the caller.
 * @throws DataError naming the proxy if it cannot be reached or refuses
 */
export async function requestThrough(
  proxy: Proxy,
  address: URL,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  if (address.protocol !== "https:") {
    const path = address.href.replace(/#.*$/, "");
    const all = { ...headers, host: address.host, ...authorization(proxy) };
    const answer = await answerOf(proxy, { path, headers: all, signal });
    if (answer.statusCode === 407) throw refused(proxy, answer);
    return answer;
  }
  const socket = await tunnel(proxy, address, signal);
  return new Promise((resolve, reject) => {
    const host = address.hostname.replace(/^\[|\]$/g, "");
    const createConnection = (): Socket =>
      tlsConnect({ socket, host, servername: isIP(host) ? undefined : host });
    const request = httpsRequest(address, { headers, signal, createConnection }, resolve);
    request.on("error", (error) => {
      socket.destroy();
      reject(error);
    });
    request.end();
  });
}

/** Opens a tunnel to an address's host. */
function tunnel(proxy: Proxy, address: URL, signal: AbortSignal): Promise<Socket> {
  const target = `${address.hostname}:${address.port || 443}`;
  const headers = { host: target, ...authorization(proxy) };
  return new Promise((resolve, reject) => {
    const request = requestTo(proxy, { method: "CONNECT", path: target, headers, signal });
    request.on("connect", (answer, socket) => {
      if (answer.statusCode === 200) return resolve(socket);
      socket.destroy();
      reject(refused(proxy, answer));
    });
    request.on("response", (answer) => {
      answer.destroy();
      reject(refused(proxy, answer));
    });
    request.on("error", (error) => reject(unreachable(proxy, error, signal)));
    request.end();
  });
}

function answerOf(proxy: Proxy, options: RequestOptions): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = requestTo(proxy, options);
    request.on("response", resolve);
    request.on("error", (error) => reject(unreachable(proxy, error, options.signal)));
    request.end();
  });
}

function requestTo({ url }: Proxy, options: RequestOptions): ReturnType<typeof httpRequest> {
  const [request, port] = url.protocol === "https:" ? [httpsRequest, 443] : [httpRequest, 80];
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  return request({ hostname, port: url.port || port, agent: false, ...options });
}

function authorization({ url }: Proxy): Record<string, string> {
  if (url.username === "" && url.password === "") return {};
  const text = [url.username, url.password].map(decode).join(":");
  return { "proxy-authorization": `Basic ${Buffer.from(text).toString("base64")}` };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function refused({ url, variable }: Proxy, { statusCode, statusMessage = "" }: IncomingMessage): DataError {
  const why = `HTTP ${statusCode} ${printable(statusMessage, 100)}`.trim();
  const advice = statusCode === 407 ? "; put name and password into it: http://name:password@host:port" : "";
  return new DataError(`the proxy ${nameOf(url.href)} (${variable}) refused: ${why}${advice}`);
}

function unreachable({ url, variable }: Proxy, error: unknown, signal?: AbortSignal): unknown {
  if (signal?.aborted) return error;
  return new DataError(`the proxy ${nameOf(url.href)} (${variable}) cannot be reached: ${messageOf(error)}`, {
    cause: error,
  });
}
