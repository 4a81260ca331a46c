import assert from "node:assert/strict";
import { test } from "node:test";
import { randomStream } from "spectral-lab/core/random";
import { TerminalText } from "spectral-lab/kernel/terminal-text";

/** What a terminal shows, by the definition: each line written over from its start after every "\r". */
function shown(text: string): string {
  const line = (written: string): string => {
    let cells: string[] = [];
    for (const part of written.split("\r")) cells = [...part, ...cells.slice(part.length)];
    return cells.join("") + (written.endsWith("\r") ? "\r" : "");
  };
  const lines = text.split("\n");
  return lines.map((one, i) => (i < lines.length - 1 ? line(one.replace(/\r+$/, "")) : line(one))).join("\n");
}

test("any text in any pieces reads as a terminal shows it", () => {
  const random = randomStream(7, "terminal");
  const draw = (below: number): number => random.integer(below);
  for (let trial = 0; trial < 2000; trial++) {
    const characters = Array.from({ length: draw(60) }, () => "abcdef\r\r\n"[draw(9)]!);
    const text = characters.join("");
    const terminal = new TerminalText();
    for (let at = 0; at < text.length;) {
      const end = at + 1 + draw(7);
      assert.equal(terminal.write(text.slice(at, end)), 0);
      at = end;
    }
    assert.equal(terminal.toString(), shown(text), JSON.stringify(text));
    assert.equal(terminal.size, terminal.toString().replace(/\r$/, "").length);
  }
});

test("what finds no room is counted; what is written over takes none", () => {
  const terminal = new TerminalText();
  assert.equal(terminal.write("step 1\rstep 2\rstep 3\rdone", 6), 0);
  assert.equal(terminal.toString(), "done 3");
  assert.equal(terminal.write("XX and more", 4), 5); // two over the old line, four new
  assert.equal(terminal.toString(), "doneXX and");
});

test("no character is cut in two", () => {
  const terminal = new TerminalText();
  assert.equal(terminal.write("ab\u{1f600}c", 3), 3);
  assert.equal(terminal.toString(), "ab");
});

for (const [name, piece, count] of [
  ["lines", `${"x".repeat(80)}\n`, 600_000],
  ["a line without end", "x".repeat(80), 600_000],
  ["a long line that is written over", "\rstep", 1_000_000],
] as const) {
  test(`the cost is linear: ${name}`, () => {
    const terminal = new TerminalText();
    if (piece.startsWith("\r")) terminal.write("y".repeat(4_000_000));
    const start = performance.now();
    for (let i = 0; i < count; i++) terminal.write(piece);
    terminal.toString();
    assert.ok(performance.now() - start < 10_000, "far below what a second pass for every piece takes");
  });
}
