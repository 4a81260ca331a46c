import assert from "node:assert/strict";
import { test } from "node:test";
import { captureStream, cut, Output } from "spectral-lab/kernel/output";

/** A stream whose text is gathered. */
function captured() {
  const stream = {} as NodeJS.WriteStream;
  let text = "";
  captureStream(stream, (piece) => (text += piece));
  return { stream, text: () => text };
}

test("text is what its encoding says", () => {
  const { stream, text } = captured();
  stream.write("c3a9", "hex");
  stream.write("4pqg", "base64");
  stream.write("hi", "utf16le");
  stream.write("\xc3", "latin1");
  stream.write("\xa9", "binary");
  stream.write("→", "utf8");
  assert.equal(text(), "é⚠h\0i\0é→");
});

test("bytes are read as UTF-8, also where a character is cut in two or they are part of a buffer", () => {
  const { stream, text } = captured();
  const bytes = new Uint8Array([...Buffer.from("a→b")]);
  stream.write(bytes.subarray(1, 2));
  stream.write(bytes.subarray(2));
  assert.equal(text(), "→b");
});

test("what is no text and an encoding that there is not are refused", () => {
  const { stream } = captured();
  assert.throws(() => stream.write(5 as never), /expected text or a Uint8Array, found number/);
  assert.throws(() => stream.write("a", "nope" as never), /unknown encoding "nope"/);
});

test("a text that is too long says how much was left out, and cuts no character in two", () => {
  assert.equal(cut("short"), "short");
  assert.equal(cut("abcdef", 4), "abcd\n[2 of 6 characters left out]\n");
  assert.equal(cut("abc😀def", 4), "abc\n[5 of 8 characters left out]\n");
  const messages: string[] = [];
  const output = new Output(
    (_, { text }) => messages.push(text as string),
    (text) => text,
  );
  output.write("stdout", "x".repeat(2 ** 29 - 30));
  output.flush();
  assert.equal(
    messages.join("").length,
    2 ** 26 + `\n[${2 ** 29 - 30 - 2 ** 26} of ${2 ** 29 - 30} characters left out]\n`.length,
  );
  assert.ok(messages.every((text) => text.length <= 2 ** 22));
});

test("what was printed by other means comes before what is printed next", () => {
  const messages: string[] = [];
  const output = new Output(
    (_, { text }) => messages.push(text as string),
    (text) => text,
  );
  const waiting = ["child\n"];
  output.drainFirst(() => waiting.splice(0).forEach((text) => output.add("stdout", text)));
  output.write("stdout", "own\n");
  output.flush();
  assert.equal(messages.join(""), "child\nown\n");
});
