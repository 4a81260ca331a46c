import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readConnection } from "spectral-lab/kernel/connection";

const folder = mkdtempSync(join(tmpdir(), "spectral-lab-connection-"));
after(() => rmSync(folder, { recursive: true }));
const path = join(folder, "connection.json");
const ports = { shell_port: 1, iopub_port: 2, stdin_port: 3, control_port: 4, hb_port: 65_535 };
const valid = { transport: "tcp", ip: "127.0.0.1", key: "", ...ports };

function read(text: string) {
  writeFileSync(path, text);
  return readConnection(path);
}

test("a connection file is read, also with a byte order mark", () => {
  assert.deepEqual(read(`\ufeff${JSON.stringify(valid)}`), { ...valid, signature_scheme: "hmac-sha256" });
});

test("what is wrong with a connection file is named with the file", () => {
  assert.throws(
    () => readConnection(join(folder, "none")),
    /connection file ".*none": cannot be read \(ENOENT\)/,
  );
  for (const [text, message] of [
    ["", /connection\.json": expected JSON, found an empty file/],
    ["{", /connection\.json": expected JSON, found "\{"/],
    ["null", /expected a JSON object, found null/],
    ["[]", /expected a JSON object, found \[\]/],
  ] as const)
    assert.throws(() => read(text), message);
  for (const [change, message] of [
    [{ ip: undefined }, /ip: expected an address, found none/],
    [{ key: null }, /key: expected text .* found null/],
    [{ transport: "udp" }, /transport: expected "tcp" or "ipc", found "udp"/],
    [{ shell_port: "80" }, /shell_port: expected a port, 1 to 65535, found "80"/],
    [{ hb_port: 70_000 }, /hb_port: expected a port, 1 to 65535, found 70000/],
    [{ control_port: undefined }, /control_port: expected a port, 1 to 65535, found none/],
    [{ signature_scheme: "hmac-md5" }, /signature_scheme: expected "hmac-sha256", found "hmac-md5"/],
  ] as const)
    assert.throws(() => read(JSON.stringify({ ...valid, ...change })), message);
});
