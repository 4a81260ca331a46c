import assert from "node:assert/strict";
import { test } from "node:test";
import {
  address,
  createHeader,
  decode,
  encode,
  type ConnectionInfo,
  type Message,
} from "spectral-lab/kernel/wire";

const message: Message = {
  identities: [Buffer.from("peer"), Buffer.from([0, 255])],
  header: createHeader("execute_request", "session"),
  parent: {},
  metadata: {},
  content: { code: "const µ = '→'" },
};

test("a message survives the wire", () => {
  assert.deepEqual(decode(encode(message, "key"), "key"), message);
  assert.deepEqual(decode(encode(message, ""), ""), message);
});

test("the signature is HMAC-SHA256 over the four parts", () => {
  const header = { msg_id: "1", msg_type: "t", session: "s", username: "u", date: "d", version: "5.3" };
  const [, signature] = encode({ identities: [], header, parent: {}, metadata: {}, content: {} }, "secret");
  // printf '%s' '{"msg_id":"1","msg_type":"t","session":"s","username":"u","date":"d","version":"5.3"}{}{}{}' |
  //   openssl dgst -sha256 -hmac secret
  assert.equal(String(signature), "52057f0fa6579fbfd275dbbfedfe647013003ba1e238cd3f723057738b7cff00");
});

test("a message that was changed, or signed with another key, is refused", () => {
  const frames = encode(message, "key");
  assert.throws(() => decode(frames, "other"), /signature/);
  frames[frames.length - 1] = Buffer.from("{}");
  assert.throws(() => decode(frames, "key"), /signature/);
});

test("frames that are no message are refused", () => {
  assert.throws(() => decode([Buffer.from("hello")], "key"), /expected a delimiter and 5 frames, found 1/);
  assert.throws(() => decode(encode(message, "key").slice(0, -1), "key"), /expected a delimiter/);
});

test("ports are suffixes of a path on the ipc transport", () => {
  const info = { transport: "tcp", ip: "127.0.0.1" } as ConnectionInfo;
  assert.equal(address(info, 80), "tcp://127.0.0.1:80");
  assert.equal(address({ ...info, transport: "ipc", ip: "/run/kernel" }, 1), "ipc:///run/kernel-1");
});
