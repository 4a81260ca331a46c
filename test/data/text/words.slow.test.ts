import assert from "node:assert/strict";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { buildVocabulary } from "spectral-lab/data/text/tokeniser";
import { wordLines } from "spectral-lab/data/text/words";
import { temporaryFolder } from "../temporary.js";

test("a line of 600 MB is one error, in little memory", async (t) => {
  const path = join(temporaryFolder(t), "long.tokens");
  writeFileSync(path, "");
  const piece = Buffer.from("the cat sat on ".repeat(70_000));
  for (let written = 0; written < 600e6; written += piece.length) appendFileSync(path, piece);
  const before = process.memoryUsage().rss;
  await assert.rejects(
    buildVocabulary(wordLines(path), 100),
    /long\.tokens: line 1: expected words, found more than 268435456 characters/,
  );
  assert.ok(process.memoryUsage().rss - before < 400e6);
});
