import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";

const folder = mkdtempSync(join(tmpdir(), "spectral-lab-launcher-"));
after(() => rmSync(folder, { recursive: true }));

function launch(launcher: string, ...args: string[]) {
  const { status, stderr } = spawnSync(process.execPath, [launcher, ...args], {
    encoding: "utf8",
    timeout: 60_000,
  });
  return { status, stderr };
}

test("without a connection file the launcher says so", () => {
  const { status, stderr } = launch("dist/kernel/launcher.js");
  assert.equal(status, 1);
  assert.match(stderr, /kernel: expected the path of a connection file as argument, found none/);
});

test("another tslab than the one this was written for is refused by name", () => {
  cpSync("dist/kernel", join(folder, "dist", "kernel"), { recursive: true });
  const modules = join(folder, "node_modules");
  mkdirSync(join(modules, "tslab"), { recursive: true });
  symlinkSync(resolve("node_modules/zeromq"), join(modules, "zeromq"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(join(modules, "tslab", "package.json"), '{ "version": "1.0.23" }');
  const { status, stderr } = launch(join(folder, "dist", "kernel", "launcher.js"), "connection.json");
  assert.equal(status, 1);
  assert.match(stderr, /expected version 1\.0\.22, found version 1\.0\.23\. Run "npm ci"/);
});

test("a port that is taken ends the kernel with a message", async () => {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const taken = (server.address() as { port: number }).port;
  const ports = {
    shell_port: taken,
    iopub_port: taken,
    stdin_port: taken,
    control_port: taken,
    hb_port: taken,
  };
  const connection = join(folder, "connection.json");
  writeFileSync(connection, JSON.stringify({ transport: "tcp", ip: "127.0.0.1", key: "", ...ports }));
  const { status, stderr } = launch("dist/kernel/launcher.js", connection);
  server.close();
  assert.equal(status, 1);
  assert.match(stderr, /Address already in use/);
});
