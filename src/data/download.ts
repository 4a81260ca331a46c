import { createWriteStream } from "node:fs";
import { rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { DataError, SpectralError, StoreError, messageOf } from "../core/errors.js";
import { printable } from "../core/printable.js";
import { makeFolders } from "../core/files/folders.js";
import { type Lock, waitForLock } from "../core/files/lock.js";
import { LONGEST_TIMER_MS } from "../core/timer.js";
import { type Receipt, digestFile, readReceipt, writeReceipt } from "./checksum.js";
import { type PreparationProgress, progressMeter } from "./dataset.js";
import { type Answer, ask } from "./fetch.js";
import { type Form, checkForm } from "./form.js";

/** One file of a public data set and where it may be had. */
export interface RemoteFile {
  readonly name: string;
  /** The first source, then its mirrors. */
  readonly urls: readonly string[];
  /** Published length and checksums; what is absent is not checked. Without a checksum nothing is resumed. */
  readonly bytes?: number;
  readonly sha256?: string;
  readonly md5?: string;
  /** Of a gzipped file: SHA-256 of what it unpacks to. */
  readonly plainSha256?: string;
  /** Of an archive: most bytes that it unpacks to; 4 GiB where nothing is said. */
  readonly unpackedLimit?: number;
  /** What the first bytes must look like. */
  readonly form: Form;
}

export interface DownloadOptions {
  readonly onProgress?: (progress: PreparationProgress) => void;
  readonly signal?: AbortSignal;
  /** Milliseconds without a byte after which a connection counts as dead. Default 30 000. */
  readonly timeoutMs?: number;
  /** Tries per source where a connection breaks; each goes on where the last one stopped. Default 3. */
  readonly attempts?: number;
}

/** Most bytes of a file whose length is not published; the longest such file, a third of WikiText-103, has 160 MB. */
const DOWNLOAD_LIMIT = 2 ** 30;

/** A file that none of its sources gave. */
export class DownloadError extends DataError {
  override name = "DownloadError";
}

/** A connection that broke: worth another try at the same source. */
class Interrupted extends Error {}

/**
 * Downloads a file into `target` by way of `target.part`, which a later call resumes (HTTP Range), and records its
 * SHA-256 in `target.json`. `target` is replaced only by a whole file that passed every check. While another process
 * downloads the same, this one waits and takes what that one got.
 * @throws DownloadError naming every source and what was wrong with it
 * @throws the signal's reason if it is aborted; the part is kept
 */
export async function download(
  file: RemoteFile,
  target: string,
  options: DownloadOptions = {},
): Promise<Receipt> {
  const before = await versionOf(target);
  const lock = await lockPlace(`${target}.part.lock`, file.name, options);
  try {
    const meanwhile = (await versionOf(target)) === before ? undefined : await wholeFile(file, target);
    return meanwhile ?? (await fetchFile(file, target, lock, options));
  } finally {
    lock.release();
  }
}

/**
 * Makes the folder of a lock file and waits for the lock, which says who prepares `what`.
 * @throws DownloadError if it cannot be written; the signal's reason if it is aborted
 */
export async function lockPlace(
  path: string,
  what: string,
  { signal, onProgress }: Pick<DownloadOptions, "signal" | "onProgress">,
): Promise<Lock> {
  const onWait = (why: string): void =>
    onProgress?.({ stage: `waiting: ${why}`, done: 0, total: undefined, etaSeconds: undefined });
  try {
    makeFolders(dirname(path));
    return await waitForLock(path, what, { signal, onWait });
  } catch (error) {
    signal?.throwIfAborted();
    throw new DownloadError(`download: ${what} has no place to go: ${messageOf(error)}`, { cause: error });
  }
}

/** The receipt of a file that another process downloaded; undefined if it is not what this one wants. */
async function wholeFile(file: RemoteFile, target: string): Promise<Receipt | undefined> {
  const receipt = await readReceipt(target).catch(() => undefined); // one that is damaged says nothing
  if (receipt === undefined || (await versionOf(target)) === "") return undefined;
  const { sha256 } = await digestFile(target);
  return receipt.files[""]?.sha256 === sha256 && (file.sha256 ?? sha256) === sha256 ? receipt : undefined;
}

async function fetchFile(
  file: RemoteFile,
  target: string,
  lock: Lock,
  options: DownloadOptions,
): Promise<Receipt> {
  const { signal, attempts = 3 } = options;
  const part = `${target}.part`;
  if (file.sha256 === undefined && file.md5 === undefined) await rm(part, { force: true });
  const failures: string[] = [];
  for (const url of file.urls) {
    for (let attempt = 1; attempt <= attempts; attempt++) {
      try {
        const resumed = await fetchPart(file, url, part, lock, options);
        const receipt = await checkPart(file, url, part, resumed);
        lock.check();
        await rename(part, target);
        writeReceipt(target, receipt);
        return receipt;
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof StoreError) throw error; // the lock was lost, or the disk is full: no source helps
        failures.push(`${url}: ${messageOf(error)}`);
        if (!(error instanceof Interrupted) || attempt === attempts) break;
        await sleep(250 * 4 ** (attempt - 1), undefined, { signal }).catch(() => signal?.throwIfAborted());
      }
    }
  }
  throw new DownloadError(
    `download: ${file.name} came from none of its ${file.urls.length} sources\n  ${failures.join("\n  ")}`,
  );
}

/**
 * Appends to `part` what it still lacks.
 * @returns whether some of it was there before
 * @throws Interrupted if the connection breaks, DataError if the source is no use
 */
async function fetchPart(
  file: RemoteFile,
  url: string,
  part: string,
  lock: Lock,
  options: DownloadOptions,
): Promise<boolean> {
  const timeoutMs = Math.min(options.timeoutMs ?? 30_000, LONGEST_TIMER_MS);
  const present = await sizeOfFile(part);
  if (present > 0 && present === file.bytes) return true;
  const idle = new AbortController();
  const timer = setTimeout(
    () => idle.abort(new Error(`nothing arrived for ${timeoutMs / 1000} s`)),
    timeoutMs,
  );
  const signal = options.signal ? AbortSignal.any([options.signal, idle.signal]) : idle.signal;
  let tooMuch: DataError | undefined;
  try {
    const response = await request(url, present, signal);
    const start = response.status === 206 ? resumedAt(response) : 0;
    if (start !== 0 && start !== present)
      throw new Interrupted(`resumed at byte ${start}, expected ${present}`);
    checkKind(file, response);
    const length = response.header("content-length");
    const total = length === null ? file.bytes : start + Number(length);
    if (file.bytes !== undefined && total !== file.bytes) {
      throw new DataError(`expected ${file.bytes} bytes, the source offers ${total}`);
    }
    const most = file.bytes ?? DOWNLOAD_LIMIT;
    if (total !== undefined && total > most) {
      throw new DataError(`expected at most ${most} bytes, the source offers ${total}`);
    }
    if (response.body === undefined) throw new DataError("the answer has no body");
    const meter = progressMeter(`downloading ${file.name}`, total, options.onProgress, start);
    let done = start;
    let checked = -Infinity;
    const watched = async function* (source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      for await (const chunk of source) {
        timer.refresh();
        if (done + chunk.length > most)
          tooMuch = new DataError(`expected at most ${most} bytes, the source sends more`);
        if (tooMuch) throw tooMuch;
        if (Math.abs(Date.now() - checked) > 1000) {
          lock.check(); // a process that was stopped for long must not write where another goes on
          checked = Date.now();
        }
        yield chunk;
        meter((done += chunk.length));
      }
    };
    await pipeline(response.body, watched, createWriteStream(part, { flags: start > 0 ? "a" : "w" }), {
      signal,
    });
    if (total !== undefined && done !== total)
      throw new Interrupted(`the body ended at byte ${done} of ${total}`);
    return start > 0;
  } catch (thrown) {
    if (tooMuch) await rm(part, { force: true });
    const error: unknown = tooMuch ?? thrown;
    if (error instanceof SpectralError || error instanceof Interrupted || hasCode(error, DISK)) throw error;
    const reason = idle.signal.aborted ? messageOf(idle.signal.reason) : causeOf(error);
    throw hasCode(error, UNREACHABLE) ? new DataError(reason) : new Interrupted(reason);
  } finally {
    clearTimeout(timer);
    idle.abort(); // closes a connection whose answer was not read to its end
  }
}

async function request(url: string, present: number, signal: AbortSignal): Promise<Answer> {
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (present > 0) headers.range = `bytes=${present}-`;
  const response = await ask(url, headers, signal);
  if (response.status === 416 && present > 0) {
    response.body?.destroy();
    return request(url, 0, signal); // the part is longer than the file
  }
  if (response.status >= 500 || response.status === 429) throw new Interrupted(`HTTP ${response.status}`);
  if (response.status < 200 || response.status > 299)
    throw new DataError(`HTTP ${response.status} ${printable(response.statusText, 100)}`.trim());
  return response;
}

function resumedAt(response: Answer): number {
  const match = /^bytes (\d+)-/.exec(response.header("content-range") ?? "");
  if (match === null) throw new DataError("HTTP 206 without a Content-Range");
  return Number(match[1]);
}

function checkKind(file: RemoteFile, response: Answer): void {
  const type = response.header("content-type") ?? "";
  if (type.startsWith("text/html")) throw new DataError(`expected ${file.form} data, found an HTML page`);
}

/**
 * Checks a finished part and removes it if it is wrong; one that was resumed may only be a mixture of two versions,
 * and is worth fetching once more from its start.
 */
async function checkPart(file: RemoteFile, url: string, part: string, resumed: boolean): Promise<Receipt> {
  try {
    await checkForm(part, file.form);
    const found = await digestFile(part);
    if (file.bytes !== undefined && found.bytes !== file.bytes) {
      throw new DataError(`expected ${file.bytes} bytes, found ${found.bytes}`);
    }
    for (const kind of ["sha256", "md5"] as const) {
      if (file[kind] !== undefined && found[kind] !== file[kind]) {
        throw new DataError(`wrong checksum: expected ${kind} ${file[kind]}, found ${found[kind]}`);
      }
    }
    const checkedBy = file.sha256 !== undefined ? "sha256" : file.md5 !== undefined ? "md5" : "form";
    return { source: url, checkedBy, files: { "": { bytes: found.bytes, sha256: found.sha256 } } };
  } catch (error) {
    await rm(part, { force: true });
    throw resumed ? new Interrupted(messageOf(error)) : error;
  }
}

const UNREACHABLE = [
  "ENOTFOUND",
  "ECONNREFUSED",
  "EAI_AGAIN",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
];
const DISK = ["ENOSPC", "EACCES", "EROFS", "EDQUOT"];

function hasCode(error: unknown, codes: readonly string[]): boolean {
  const { code, cause } = error as { code?: string; cause?: { code?: string } };
  return codes.includes(code ?? "") || codes.includes(cause?.code ?? "");
}

/** fetch says only "fetch failed"; what happened is in its cause. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause === undefined ? messageOf(error) : `${messageOf(error)}: ${messageOf(cause)}`;
}

/** Changes whenever the file is replaced; "" where there is none. */
async function versionOf(path: string): Promise<string> {
  return stat(path).then(
    ({ ino, mtimeMs }) => `${ino} ${mtimeMs}`,
    () => "",
  );
}

async function sizeOfFile(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}
