import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { type RemoteFile, DownloadError, download } from "spectral-lab/data/download";
import type { PreparationProgress } from "spectral-lab/data/dataset";
import { sendBytes, serve } from "./server.js";
import { temporaryFolder } from "./temporary.js";

const body = Buffer.concat([Buffer.from([0x1f, 0x8b]), randomBytes(300_000)]);
const hash = (kind: string): string => createHash(kind).update(body).digest("hex");
const file = (urls: string[], checks: Partial<RemoteFile> = { sha256: hash("sha256") }): RemoteFile => ({
  name: "archive.gz",
  urls,
  form: "gzip",
  ...checks,
});

test("downloads, reports progress and records SHA-256, also where only an MD5 is published", async (t) => {
  const url = await serve(t, (request, response) => sendBytes(request, response, body));
  const target = join(temporaryFolder(t), "deep", "archive.gz");
  const seen: PreparationProgress[] = [];
  const onProgress = (progress: PreparationProgress): number => seen.push(progress);
  await download(file([url], { md5: hash("md5"), bytes: body.length }), target, { onProgress });
  assert.deepEqual(readFileSync(target), body);
  assert.deepEqual(JSON.parse(readFileSync(`${target}.json`, "utf8")), {
    source: url,
    checkedBy: "md5",
    files: { "": { bytes: body.length, sha256: hash("sha256") } },
  });
  assert.equal(existsSync(`${target}.part`), false);
  assert.deepEqual(
    [seen.at(-1)?.done, seen.at(-1)?.total, seen.at(-1)?.etaSeconds],
    [body.length, body.length, 0],
  );
});

test("a broken connection is resumed where it stopped", async (t) => {
  const ranges: (string | undefined)[] = [];
  const url = await serve(t, (request, response) => {
    ranges.push(request.headers.range);
    if (ranges.length > 1) return sendBytes(request, response, body);
    response.writeHead(200, { "content-length": body.length });
    response.write(body.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
  });
  const target = join(temporaryFolder(t), "archive.gz");
  await download(file([url]), target);
  assert.deepEqual(readFileSync(target), body);
  assert.equal(ranges[0], undefined);
  assert.match(ranges[1] ?? "", /^bytes=\d+-$/);
});

test("a part that an earlier run left is resumed; a wrong one is fetched afresh", async (t) => {
  const asked: (string | undefined)[] = [];
  const url = await serve(t, (request, response) => {
    asked.push(request.headers.range);
    sendBytes(request, response, body);
  });
  const target = join(temporaryFolder(t), "archive.gz");
  writeFileSync(`${target}.part`, body.subarray(0, 1234));
  await download(file([url]), target);
  assert.deepEqual(readFileSync(target), body);
  assert.deepEqual(asked, ["bytes=1234-"]);
  writeFileSync(`${target}.part`, randomBytes(1234));
  await download(file([url]), target);
  assert.deepEqual(readFileSync(target), body);
  writeFileSync(`${target}.part`, randomBytes(body.length + 10)); // longer than the file: the server answers 416
  await download(file([url]), target);
  assert.deepEqual(readFileSync(target), body);
});

test("a stopped download keeps its part for the next one", async (t) => {
  const url = await serve(t, (request, response) => {
    if (request.headers.range !== undefined) return sendBytes(request, response, body);
    response.writeHead(200, { "content-length": body.length });
    response.write(body.subarray(0, 50_000));
  });
  const target = join(temporaryFolder(t), "archive.gz");
  const abort = new AbortController();
  const watch = setInterval(() => {
    const { size = 0 } = statSync(`${target}.part`, { throwIfNoEntry: false }) ?? {};
    if (size > 0) abort.abort(new Error("stopped by hand"));
  }, 5);
  await assert.rejects(download(file([url]), target, { signal: abort.signal }), /stopped by hand/);
  clearInterval(watch);
  assert.equal(existsSync(target), false);
  assert.ok(statSync(`${target}.part`).size > 0);
  await download(file([url]), target);
  assert.deepEqual(readFileSync(target), body);
});

test("the next mirror serves where the first does not", async (t) => {
  const url = await serve(t, (request, response) => {
    if (request.url === "/good") return sendBytes(request, response, body);
    response.writeHead(404).end();
  });
  const target = join(temporaryFolder(t), "archive.gz");
  const receipt = await download(file(["http://127.0.0.1:9/closed", `${url}/absent`, `${url}/good`]), target);
  assert.equal(receipt.source, `${url}/good`);
});

const broken: Record<
  string,
  { answer: Parameters<typeof serve>[1]; checks?: Partial<RemoteFile>; says: RegExp }
> = {
  "404 on all mirrors": { answer: (_, response) => void response.writeHead(404).end(), says: /HTTP 404/ },
  "an HTML page in place of an archive": {
    answer: (_, response) =>
      void response.writeHead(200, { "content-type": "text/html" }).end("<html>Sign in</html>"),
    says: /expected gzip data, found an HTML page/,
  },
  "an HTML page under a false type": {
    answer: (_, response) => void response.writeHead(200).end("\n<!DOCTYPE html><title>Sign in</title>"),
    checks: {},
    says: /expected gzip data, found an HTML page/,
  },
  "other bytes than gzip's": {
    answer: (_, response) => void response.writeHead(200).end("BZh9"),
    checks: {},
    says: /expected gzip data, found bytes that begin 425a6839/,
  },
  "a wrong checksum": {
    answer: (request, response) => sendBytes(request, response, Buffer.concat([body, body])),
    says: /wrong checksum: expected sha256 [0-9a-f]{64}, found/,
  },
  "a wrong MD5": {
    answer: (request, response) => sendBytes(request, response, body),
    checks: { md5: "0".repeat(32) },
    says: /wrong checksum: expected md5 0{32}/,
  },
  "another length than published": {
    answer: (request, response) => sendBytes(request, response, body),
    checks: { bytes: body.length + 1 },
    says: /expected 300003 bytes, the source offers 300002/,
  },
  "a body that always ends early": {
    answer: (_, response) => {
      response.writeHead(200, { "content-length": body.length });
      response.write(body.subarray(0, 10), () => setTimeout(() => response.destroy(), 10));
    },
    checks: {},
    says: /none of its 1 sources/,
  },
  "an unmarked short body": {
    answer: (_, response) => void response.writeHead(200).end(body.subarray(0, 10)),
    checks: { bytes: body.length },
    says: /the body ended at byte 10 of 300002/,
  },
  "a body longer than published": {
    answer: (_, response) => {
      response.writeHead(200); // without a length
      for (let i = 0; i < 50; i++) response.write(body);
      response.end();
    },
    checks: { bytes: body.length },
    says: /expected at most 300002 bytes, the source sends more/,
  },
  "a length beyond the stated limit": {
    answer: (_, response) => {
      response.writeHead(200, { "content-length": 2 ** 40 });
      response.write(body);
    },
    checks: {},
    says: /expected at most 1073741824 bytes, the source offers 1099511627776/,
  },
  "redirections without end": {
    answer: (_, response) => void response.writeHead(302, { location: "/again" }).end(),
    says: /more than 20 redirections/,
  },
  "a redirection to a file": {
    answer: (_, response) => void response.writeHead(302, { location: "file:///etc/passwd" }).end(),
    says: /a redirection to what is no address of HTTP/,
  },
  "a source that falls silent": { answer: () => undefined, says: /nothing arrived for 0\.2 s/ },
};

for (const [name, { answer, checks, says }] of Object.entries(broken)) {
  test(`${name} is a clear error, and the good file stays`, async (t) => {
    const url = await serve(t, answer);
    const target = join(temporaryFolder(t), "archive.gz");
    writeFileSync(target, "a good file");
    await assert.rejects(
      download(file([url], checks), target, { attempts: 2, timeoutMs: 200 }),
      (error: Error) => {
        assert.ok(error instanceof DownloadError);
        assert.match(error.message, says);
        assert.ok(error.message.includes(url), "names the source");
        return true;
      },
    );
    assert.equal(readFileSync(target, "utf8"), "a good file");
  });
}

test("what came of a body that is too long is not kept", async (t) => {
  const url = await serve(t, (_, response) => {
    response.writeHead(200);
    for (let i = 0; i < 50; i++) response.write(body);
    response.end();
  });
  const target = join(temporaryFolder(t), "archive.gz");
  await assert.rejects(
    download(file([url], { bytes: body.length, sha256: hash("sha256") }), target),
    DownloadError,
  );
  assert.equal(existsSync(`${target}.part`), false);
});

test("a receipt that is none does not stop a download", async (t) => {
  const url = await serve(t, (request, response) => sendBytes(request, response, body));
  const target = join(temporaryFolder(t), "archive.gz");
  writeFileSync(`${target}.json`, '{"source":');
  await download(file([url]), target);
  assert.equal((JSON.parse(readFileSync(`${target}.json`, "utf8")) as { source: string }).source, url);
});
