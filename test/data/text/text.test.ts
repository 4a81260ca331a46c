import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { Tokenizer } from "@huggingface/tokenizers";
import { ConfigError, DataError } from "spectral-lab/core/errors";
import { encodeText, sequences } from "spectral-lab/data/text/sequences";
import { bpeTokeniser, buildVocabulary, checkTokens, wordTokeniser } from "spectral-lab/data/text/tokeniser";
import { wordsOf } from "spectral-lab/data/text/words";
import { range, temporaryFolder } from "../temporary.js";

test("words are lower-cased, without punctuation or symbols; <unk> stays", () => {
  assert.deepEqual(wordsOf(" = Robert <unk> = "), ["robert", "<unk>"]);
  assert.deepEqual(wordsOf("He 's 40 @,@ 000 strong ( £ 5 ) ; Élan — naïve!"), [
    ..."he s 40 000 strong 5 élan naïve".split(" "),
  ]);
  assert.deepEqual(wordsOf(" \t = = = "), []);
});

test("a vocabulary goes by frequency, then code point, and is capped", async () => {
  const lines = ["b a c b", "c <unk> b d"].map(wordsOf);
  assert.deepEqual(await buildVocabulary(lines, 100), ["<unk>", "b", "c", "a", "d"]);
  assert.deepEqual(await buildVocabulary(lines, 3), ["<unk>", "b", "c"]);
  await assert.rejects(buildVocabulary(lines, 1), ConfigError);
  await assert.rejects(buildVocabulary([["<unk>"]], 9), DataError);
});

test("whole words to tokens and back; what is not in the vocabulary is <unk>", () => {
  const tokeniser = wordTokeniser(["<unk>", "the", "cat"]);
  assert.deepEqual(
    ["the", "dog", "cat", "<unk>"].flatMap((word) => tokeniser.encode(word)),
    [1, 0, 2, 0],
  );
  assert.equal(tokeniser.decode([1, 2, 0]), "the cat <unk>");
  assert.throws(() => tokeniser.decode([1, 3]), /token 1 must be in \[0, 3\), the vocabulary, found 3/);
  assert.throws(() => checkTokens(Int32Array.of(0, -1), 3, "cache"), /cache: token 1/);
});

/** A small tokenizer.json built as GPT-NeoX-20B's is: NFC, byte-level pieces, BPE merges, <|endoftext|> as token 0. */
function tokenizerJson(): object {
  const merges = ["Ġ t", "h e", "Ġt he", "i n", "Ġ c", "Ġc a", "Ġca t", "Ã ©"];
  const bytes = [..."abcdefghijklmnopqrstuvwxyz0123456789Ġ", ..."ÃÂ©¡¢£¤¥¦§¨ª«¬®¯°±²³´µ¶·¸¹º»¼½¾¿ðĿĻĺ"];
  const pieces = [...new Set(["<|endoftext|>", ...bytes, ...merges.map((merge) => merge.replace(" ", ""))])];
  const added = { id: 0, content: "<|endoftext|>", single_word: false, lstrip: false, rstrip: false };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [{ ...added, normalized: false, special: true }],
    normalizer: { type: "NFC" },
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true },
    post_processor: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true },
    decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      vocab: Object.fromEntries(pieces.map((piece, i) => [piece, i])),
      merges,
    },
  };
}

test("byte-level BPE: words one by one give the tokens of the whole text, and go back to it", async (t) => {
  const path = writeJson(t, tokenizerJson());
  const tokeniser = await bpeTokeniser(path, "small");
  const whole = new Tokenizer(tokenizerJson(), {});
  for (const text of ["the cat in the hat", "abc 123 x9y the", "café e\u0301te the"]) {
    const words = wordsOf(text);
    const tokens = words.flatMap((word) => tokeniser.encode(word));
    assert.deepEqual(tokens, whole.encode(` ${words.join(" ")}`, { add_special_tokens: false }).ids);
    assert.equal(tokeniser.decode(tokens), text.normalize("NFC"));
  }
  assert.equal(tokeniser.encode("the").length, 1, "merges are applied");
  assert.equal(tokeniser.encode("cat").length, 1);
  assert.deepEqual(tokeniser.encode("<unk>"), [0]);
  assert.throws(() => tokeniser.decode([tokeniser.size]), DataError);
});

function writeJson(t: TestContext, value: unknown): string {
  const path = join(temporaryFolder(t), "tokenizer.json");
  writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value));
  return path;
}

test("a damaged tokenizer.json is an error that names it", async (t) => {
  for (const content of ["<html>Sign in</html>", "{", "{}"]) {
    await assert.rejects(
      bpeTokeniser(writeJson(t, content), "x"),
      /tokenizer\.json: expected a Hugging Face tokenizer/,
    );
  }
});

test("text is packed into sequences that do not overlap", async () => {
  const tokeniser = wordTokeniser(["<unk>", ...range(30).map((n) => `w${n}`)]);
  const lines = [range(8), range(15).map((n) => n + 8)].map((line) => line.map((n) => `w${n}`));
  const tokens = await encodeText(lines, tokeniser);
  assert.deepEqual(
    [...tokens],
    range(23).map((n) => n + 1),
  );
  const examples = sequences(tokens, 4, "text");
  assert.equal(examples.count, 4);
  const batch = examples.batch([3, 0]).tokens;
  assert.deepEqual(batch.shape, [2, 5]);
  assert.deepEqual([...batch.data], [16, 17, 18, 19, 20, 1, 2, 3, 4, 5]);
  assert.throws(() => examples.batch([4]), DataError);
  assert.throws(() => sequences(tokens, 23, "text"), /text: one sequence takes 24 tokens, found 23/);
  assert.throws(() => sequences(tokens, 0, "text"), ConfigError);
});

test("a vocabulary beyond 16 bits, and more tokens than the first buffer holds, lose nothing", async () => {
  const tokeniser = { ...wordTokeniser(["<unk>"]), size: 100_000, encode: (word: string) => [Number(word)] };
  const words = range(70_000).map((n) => String(n + 20_000));
  const tokens = await encodeText([words], tokeniser);
  assert.equal(tokens.length, 70_000);
  assert.ok(tokens.every((token, i) => token === i + 20_000));
});
