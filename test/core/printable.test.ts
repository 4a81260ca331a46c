import assert from "node:assert/strict";
import { test } from "node:test";
import { printable } from "../../src/core/printable.js";

test("foreign text is one line without hidden characters, and long text is cut", () => {
  const cases: [string, string][] = [
    ["conv1.weight", "conv1.weight"],
    ["größe 層 🙂", "größe 層 🙂"],
    ["a\tb\nc\rd", "a\\tb\\nc\\rd"],
    ["\u001b[31mred", "\\u001b[31mred"],
    ["x\u202ey\u2028z\ufeff\u0000\u009b", "x\\u202ey\\u2028z\\ufeff\\u0000\\u009b"],
    ["\ud800!", "\\ud800!"],
  ];
  for (const [text, expected] of cases) assert.equal(printable(text), expected);
  assert.equal(printable("abcdef", 3), "abc…");
  assert.equal(printable("ab🙂", 3), "ab…"); // no half of a character
  assert.equal(printable("abc", 3), "abc");
});
