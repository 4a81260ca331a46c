import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { promisify } from "node:util";
import { DataError } from "spectral-lab/core/errors";
import { download } from "spectral-lab/data/download";
import { proxyFor } from "spectral-lab/data/proxy";
import { sha256Of } from "spectral-lab/data/fingerprint";
import { serve } from "./server.js";
import { temporaryFolder } from "./temporary.js";

test("the proxy of an address is taken from the variables that curl reads", () => {
  const cases: [string, Record<string, string>, string | undefined][] = [
    ["https://a.org/x", {}, undefined],
    ["https://a.org/x", { HTTPS_PROXY: "http://p:1" }, "http://p:1/"],
    ["https://a.org/x", { HTTPS_PROXY: "http://p:1", https_proxy: "http://q:2" }, "http://q:2/"],
    ["https://a.org/x", { HTTPS_PROXY: "p:1" }, "http://p:1/"],
    ["https://a.org/x", { HTTP_PROXY: "http://p:1" }, undefined],
    ["http://a.org/x", { HTTP_PROXY: "http://p:1" }, "http://p:1/"],
    ["http://a.org/x", { http_proxy: "  " }, undefined],
    ["http://a.org/x", { ALL_PROXY: "http://p:1" }, "http://p:1/"],
    ["https://a.org/x", { https_proxy: "http://p:1", NO_PROXY: "*" }, undefined],
    ["https://a.org/x", { https_proxy: "http://p:1", no_proxy: "b.org, a.org" }, undefined],
    ["https://s.a.org/x", { https_proxy: "http://p:1", no_proxy: ".a.org" }, undefined],
    ["https://s.a.org/x", { https_proxy: "http://p:1", no_proxy: "a.org" }, undefined],
    ["https://s.a.org/x", { https_proxy: "http://p:1", no_proxy: "*.a.org" }, undefined],
    ["https://sa.org/x", { https_proxy: "http://p:1", no_proxy: "a.org" }, "http://p:1/"],
    ["https://a.org:8443/x", { https_proxy: "http://p:1", no_proxy: "a.org:8443" }, undefined],
    ["https://a.org/x", { https_proxy: "http://p:1", no_proxy: "a.org:8443" }, "http://p:1/"],
    ["http://127.0.0.1:9/", { http_proxy: "http://p:1", no_proxy: "localhost,127.0.0.1" }, undefined],
  ];
  for (const [address, variables, expected] of cases)
    assert.equal(
      proxyFor(new URL(address), variables)?.url.href,
      expected,
      JSON.stringify([address, variables]),
    );
  assert.throws(
    () => proxyFor(new URL("https://a.org"), { HTTPS_PROXY: "socks5://me:secret@p:1" }),
    (error) => {
      assert.ok(error instanceof DataError);
      assert.match(
        error.message,
        /HTTPS_PROXY: expected the address of an HTTP proxy, .*found "socks5:\/\/p:1"/,
      );
      return true;
    },
  );
});

interface Asked {
  readonly line: string;
  readonly headers: IncomingHttpHeaders;
}

/** A proxy that passes everything on to one port, whatever host was asked for. @returns its address and what it saw */
async function startProxy(
  t: TestContext,
  port: number,
  password?: string,
): Promise<{ at: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const wanted = password && `Basic ${Buffer.from(password).toString("base64")}`;
  const proxy = createServer((request, response) => {
    asked.push({ line: `${request.method} ${request.url}`, headers: request.headers });
    if (wanted !== undefined && request.headers["proxy-authorization"] !== wanted)
      return void response.writeHead(407).end();
    const onward = httpRequest({ port, path: new URL(request.url ?? "").pathname, headers: request.headers });
    onward.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(response);
    });
    onward.end();
  });
  proxy.on("connect", (request, socket) => {
    asked.push({ line: `CONNECT ${request.url}`, headers: request.headers });
    if (wanted !== undefined && request.headers["proxy-authorization"] !== wanted)
      return void socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    const onward = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      onward.pipe(socket).pipe(onward);
    });
    for (const end of [socket, onward]) end.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  return { at: `127.0.0.1:${(proxy.address() as AddressInfo).port}`, asked };
}

const body = Buffer.from([0x1f, 0x8b, ...Array.from({ length: 5000 }, (_, i) => i % 256)]);
const remote = (url: string) => ({
  name: "a.gz",
  urls: [url],
  form: "gzip" as const,
  sha256: sha256Of(body),
});

/** Sets variables for one test. */
function setVariables(t: TestContext, variables: Record<string, string>): void {
  const names = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"].flatMap((name) => [
    name,
    name.toUpperCase(),
  ]);
  const before = Object.fromEntries(names.map((name) => [name, process.env[name]]));
  for (const name of names) delete process.env[name];
  Object.assign(process.env, variables);
  t.after(() => {
    for (const name of names) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  });
}

test("plain HTTP goes through the proxy, redirections too, with name and password", async (t) => {
  const url = await serve(t, (request, response) => {
    if (request.url === "/first") return void response.writeHead(302, { location: "/second" }).end();
    response.writeHead(200, { "content-length": body.length }).end(body);
  });
  const { at, asked } = await startProxy(t, Number(new URL(url).port), "me:p@ss word");
  setVariables(t, { HTTP_PROXY: `http://me:p%40ss%20word@${at}` });
  const target = join(temporaryFolder(t), "a.gz");
  await download(remote("http://data.example/first"), target);
  assert.deepEqual(readFileSync(target), body);
  assert.deepEqual(
    asked.map(({ line, headers }) => [line, headers.host]),
    [
      ["GET http://data.example/first", "data.example"],
      ["GET http://data.example/second", "data.example"],
    ],
  );
  process.env.NO_PROXY = "127.0.0.1";
  await download(remote(`${url}/second`), join(temporaryFolder(t), "b.gz"));
  assert.equal(asked.length, 2, "NO_PROXY is heeded");
});

test("a proxy that refuses or is not there is named, without its password", async (t) => {
  const { at } = await startProxy(t, 9, "me:right");
  const cases: [Record<string, string>, string, RegExp][] = [
    [{ HTTPS_PROXY: `http://me:wrong@${at}` }, "https://a.example/x", new RegExp(`the proxy http://${at}/ \\(HTTPS_PROXY\\) refused: HTTP 407 .*http://name:password@host:port`)], // prettier-ignore
    [{ http_proxy: `http://me:wrong@${at}` }, "http://a.example/x", new RegExp(`the proxy http://${at}/ \\(http_proxy\\) refused: HTTP 407`)], // prettier-ignore
    [{ HTTPS_PROXY: "http://me:wrong@127.0.0.1:9" }, "https://a.example/x", /the proxy http:\/\/127\.0\.0\.1:9\/ \(HTTPS_PROXY\) cannot be reached: .*ECONNREFUSED/], // prettier-ignore
    [{ all_proxy: "socks5://127.0.0.1:9" }, "https://a.example/x", /all_proxy: expected the address of an HTTP proxy/], // prettier-ignore
  ];
  for (const [variables, url, words] of cases) {
    setVariables(t, variables);
    await assert.rejects(download(remote(url), join(temporaryFolder(t), "a.gz")), (error) => {
      assert.ok(error instanceof DataError);
      assert.match(error.message, words);
      assert.ok(!error.message.includes("wrong"));
      return true;
    });
  }
});

test("HTTPS goes through a tunnel, in which the proxy sees the host's name alone", async (t) => {
  const folder = temporaryFolder(t);
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  const made = spawnSync("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...["-subj", "/CN=data.example", "-addext", "subjectAltName=DNS:data.example"],
    ...["-keyout", key, "-out", certificate],
  ]);
  if (made.status !== 0) return t.skip("openssl is not here");
  const server = createSecureServer(
    { key: readFileSync(key), cert: readFileSync(certificate) },
    (_, response) => {
      response.writeHead(200, { "content-length": body.length }).end(body);
    },
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { at, asked } = await startProxy(t, (server.address() as AddressInfo).port, "me:secret");
  const target = join(folder, "a.gz");
  const script = join(folder, "download.mjs");
  writeFileSync(
    script,
    `const { download } = await import(${JSON.stringify(import.meta.resolve("spectral-lab/data/download"))});
     await download(${JSON.stringify(remote("https://data.example/x"))}, ${JSON.stringify(target)});`,
  );
  const env = { ...process.env, https_proxy: `http://me:secret@${at}`, no_proxy: "", NO_PROXY: "", NODE_EXTRA_CA_CERTS: certificate }; // prettier-ignore
  await promisify(execFile)(process.execPath, [script], { env });
  assert.deepEqual(readFileSync(target), body);
  assert.deepEqual(
    asked.map(({ line }) => line),
    ["CONNECT data.example:443"],
  );
  setVariables(t, { https_proxy: `http://me:secret@${at}` });
  await assert.rejects(
    download(remote("https://data.example/x"), join(folder, "b.gz"), { attempts: 1 }),
    /data\.example\/x: .*self.signed certificate/i,
    "a certificate is checked",
  );
});
