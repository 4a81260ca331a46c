import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { Tokenizer } from "@huggingface/tokenizers";
import { ConfigError, DataError } from "spectral-lab/core/errors";
import { encodeText, sequences } from "spectral-lab/data/text/sequences";
import { bpeTokeniser, buildVocabulary, checkTokens, wordTokeniser } from "spectral-lab/data/text/tokeniser";
import { wordLines, wordsOf } from "spectral-lab/data/text/words";
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

/** The same with 200,000 more tokens of four letters, and as many merges: more than Llama 3's. */
function longTokenizerJson(form: "lists" | "texts"): object {
  const json = tokenizerJson() as { model: { vocab: Record<string, number>; merges: unknown[] } };
  const { vocab, merges } = json.model;
  const letters = [..."abcdefghijklmnopqrstuvwxyz"];
  let next = Object.keys(vocab).length;
  const merge = (left: string, right: string): void => {
    merges.push(form === "lists" ? [left, right] : `${left} ${right}`);
    if (!Object.hasOwn(vocab, left + right)) vocab[left + right] = next++;
  };
  const pairs = letters.flatMap((a) => letters.map((b) => [a, b] as const));
  for (const [a, b] of pairs) merge(a, b);
  for (const [a, b] of pairs.slice(0, 300)) for (const [c, d] of pairs) merge(a + b, c + d);
  if (form === "lists") json.model.merges = merges.map((m) => (typeof m === "string" ? m.split(" ") : m));
  return json;
}

for (const form of ["lists", "texts"] as const) {
  test(`a tokeniser of 200,000 tokens and as many merges, written as ${form}, loads`, async (t) => {
    const path = writeJson(t, longTokenizerJson(form));
    const tokeniser = await bpeTokeniser(path, "long");
    assert.ok(tokeniser.size > 200_000, String(tokeniser.size));
    assert.equal(tokeniser.decode(tokeniser.encode("the")), "the");
  });
}

test("an id far beyond the number of tokens is an error that names it, and makes nothing of that size", async (t) => {
  const wrong: [unknown, RegExp][] = [
    [1e9, /the id of token "wrong" must be an integer in \[0, \d+\), .*found 1000000000/],
    [-1, /token "wrong".*found -1/],
    [1.5, /token "wrong".*found 1\.5/],
    ["7", /token "wrong".*found string/],
    [null, /token "wrong".*found object/],
  ];
  for (const [id, words] of wrong) {
    for (const where of ["vocabulary", "added"]) {
      const json = tokenizerJson() as { model: { vocab: Record<string, unknown> }; added_tokens: unknown[] };
      if (where === "vocabulary") json.model.vocab.wrong = id;
      else json.added_tokens.push({ id, content: "wrong", special: true });
      await assert.rejects(bpeTokeniser(writeJson(t, json), "x"), (error) => {
        assert.ok(error instanceof DataError);
        assert.match(error.message, words);
        return true;
      });
    }
  }
});

test("a tokenizer.json may begin with a byte-order mark; what is no such JSON is one DataError", async (t) => {
  const tokeniser = await bpeTokeniser(writeJson(t, `\ufeff${JSON.stringify(tokenizerJson())}`), "x");
  assert.equal(tokeniser.encode("the").length, 1);
  const good = tokenizerJson() as Record<string, Record<string, unknown>>;
  const cases: [string, RegExp][] = [
    ["[".repeat(9_000_000), /expected JSON of at most 100 levels of brackets, found more at byte 100/],
    ['{"a":'.repeat(200_000), /at most 100 levels/],
    ["", /expected JSON/],
    ["null", /expected a Hugging Face/],
    ["[]", /expected a Hugging Face/],
    [JSON.stringify({ ...good, model: null }), /model\.vocab is missing/],
    [JSON.stringify({ ...good, model: { ...good.model, vocab: [] } }), /vocabulary|expected a Hugging Face/],
    [JSON.stringify({ ...good, model: { ...good.model, vocab: [3] } }), /one of pairs/],
    [JSON.stringify({ ...good, model: { ...good.model, merges: 7 } }), /expected a Hugging Face/],
    [JSON.stringify({ ...good, added_tokens: {} }), /added_tokens must be a list/],
    [JSON.stringify({ ...good, pre_tokenizer: { type: "Nothing" } }), /expected a Hugging Face/],
  ];
  for (const [content, words] of cases)
    await assert.rejects(bpeTokeniser(writeJson(t, content), "x"), (error) => {
      assert.ok(error instanceof DataError, String(error));
      assert.match(error.message, words);
      assert.ok(error.message.length < 1000);
      return true;
    });
});

async function wordsIn(t: TestContext, bytes: Buffer | string): Promise<string[]> {
  const path = join(temporaryFolder(t), "text.tokens");
  writeFileSync(path, bytes);
  const words: string[] = [];
  for await (const line of wordLines(path)) for (const word of line) words.push(word);
  return words;
}

test("text in UTF-8, with or without a mark and with any line ends, gives its words", async (t) => {
  const words = ["the", "élan", "sat", "猫", "ran"];
  assert.deepEqual(await wordsIn(t, "The élan\nsat 猫\nran"), words);
  assert.deepEqual(await wordsIn(t, "\ufeffThe élan\r\nsat 猫\rran\r"), words);
  const long = range(150_000).map((n) => `wörd${n}`); // more than one piece of the file, in one line
  assert.deepEqual(await wordsIn(t, long.join(" ")), long);
  assert.deepEqual(await wordsIn(t, ""), []);
});

test("other encodings and other files are refused as words, with what was found", async (t) => {
  const text = "the cat sat on the mat\n".repeat(20);
  const swapped = Buffer.from(`\ufeff${text}`, "utf16le").swap16();
  const cases: [Buffer, RegExp][] = [
    [Buffer.from(`\ufeff${text}`, "utf16le"), /found UTF-16 \(little-endian\): convert it/],
    [swapped, /found UTF-16 \(big-endian\)/],
    [Buffer.from(text, "utf16le"), /found UTF-16 without its mark \(little-endian\)/],
    [Buffer.from(text, "utf16le").swap16(), /found UTF-16 without its mark \(big-endian\)/],
    [Buffer.from([0xff, 0xfe, 0, 0, 0x74, 0, 0, 0]), /found UTF-32 \(little-endian\)/],
    [Buffer.from(`${text}caf\xe9 noir\n`, "latin1"), /expected text in UTF-8, found other bytes/],
    [Buffer.from(`${text}\0${text}`), /found binary data \(a NUL at byte 460\)/],
    [
      Buffer.concat([Buffer.from(text.repeat(20_000)), Buffer.from([0])]),
      /binary data \(a NUL at byte 9200000\)/,
    ],
    [Buffer.from("PK\x03\x04 and so on"), /found a zip archive/],
    [Buffer.from("\x1f\x8b\x08\0", "latin1"), /found a gzip archive/],
    [Buffer.from("version https://git-lfs.github.com/spec/v1\noid"), /Git LFS pointer/],
    [Buffer.from([0x74, 0x68, 0xc3]), /expected text in UTF-8/],
  ];
  for (const [bytes, words] of cases)
    await assert.rejects(wordsIn(t, bytes), (error) => {
      assert.ok(error instanceof DataError, String(error));
      assert.match(error.message, /text\.tokens: expected text/);
      assert.match(error.message, words);
      return true;
    });
});

test("a word of megabytes is an error that names its line", async (t) => {
  await assert.rejects(
    wordsIn(t, `a\n${"x".repeat(3_000_000)}\n`),
    /line 2: expected words, found a word of more than 1048576 characters/,
  );
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
