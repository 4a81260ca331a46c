import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import {
  address,
  createHeader,
  decode,
  encode,
  Inbox,
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

/** A signed message of any four parts. */
function signed(parts: string[]): Buffer[] {
  const digest = createHmac("sha256", "key");
  for (const part of parts) digest.update(part);
  return ["<IDS|MSG>", digest.digest("hex"), ...parts].map((frame) => Buffer.from(frame));
}

test("parts that are signed and no message are refused, or filled where they can be", () => {
  const header = JSON.stringify(message.header);
  for (const [parts, expected] of [
    [["null", "{}", "{}", "{}"], /header: expected a JSON object, found null/],
    [["5", "{}", "{}", "{}"], /header: expected a JSON object, found a number/],
    [["{", "{}", "{}", "{}"], /header: expected JSON, found 1 bytes that are none/],
    [['{"msg_id":"1"}', "{}", "{}", "{}"], /expected text as msg_type, found none/],
    [['{"msg_id":"1","msg_type":5}', "{}", "{}", "{}"], /expected text as msg_type, found a number/],
  ] as const)
    assert.throws(() => decode(signed([...parts]), "key"), expected);
  const filled = decode(signed(['{"msg_id":"1","msg_type":"t","date":7}', "null", "[]", "null"]), "key");
  const { header: found, parent, metadata, content, fault } = filled;
  assert.deepEqual(found, { msg_id: "1", msg_type: "t", session: "", username: "", date: "", version: "" });
  assert.deepEqual([parent, metadata, content], [{}, {}, {}]);
  assert.equal(fault, "content: expected a JSON object, found null");
  assert.equal(
    decode(signed([header, "{}", "{}", "5"]), "key").fault,
    "content: expected a JSON object, found a number",
  );
});

test("a signed message is taken once", () => {
  const inbox = new Inbox("key");
  const frames = encode(message, "key");
  assert.deepEqual(inbox.read(frames), message);
  assert.throws(() => inbox.read(frames), /execute_request .* came a second time/);
  assert.throws(() => inbox.read([Buffer.from("another peer"), ...frames.slice(2)]), /came a second time/);
});

test("ports are suffixes of a path on the ipc transport", () => {
  const info = { transport: "tcp", ip: "127.0.0.1" } as ConnectionInfo;
  assert.equal(address(info, 80), "tcp://127.0.0.1:80");
  assert.equal(address({ ...info, transport: "ipc", ip: "/run/kernel" }, 1), "ipc:///run/kernel-1");
});
