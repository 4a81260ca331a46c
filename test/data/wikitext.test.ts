import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { parquetWriteBuffer } from "hyparquet-writer";
import { DataError } from "spectral-lab/core/errors";
import { randomStream } from "spectral-lab/core/random";
import { hashOf } from "spectral-lab/core/hash";
import { cached } from "spectral-lab/data/cache";
import { writeTokensFromParquet } from "spectral-lab/data/parquet";
import type { PreparationProgress } from "spectral-lab/data/dataset";
import { sha256Of } from "spectral-lab/data/fingerprint";
import { describeData } from "spectral-lab/data/provenance";
import { openWikiText } from "spectral-lab/data/wikitext";
import { range, temporaryFolder } from "./temporary.js";
import { zipFile } from "./zip-file.js";

const TRAIN = " = A Title = \n \n The cat sat , the cat @-@ ran . \n The <unk> ran . \n";
const VALID = " The dog sat ; the cat \n";

function layOut(t: TestContext): string {
  const root = temporaryFolder(t);
  mkdirSync(join(root, "wikitext-103"));
  for (const [name, text] of [
    ["train", TRAIN],
    ["valid", VALID],
  ]) {
    const path = join(root, "wikitext-103", `wiki.${name}.tokens`);
    writeFileSync(path, text);
    utimesSync(path, 1.7e9, 1.7e9); // so that the cache of one layout serves another
  }
  return root;
}

const options = { length: 3, allowDownload: false, standIn: "never" } as const;

test("reads, normalises and packs both splits by the training text's vocabulary, and keeps them", async (t) => {
  const root = layOut(t);
  const data = await openWikiText({ ...options, root });
  const { fingerprint, ...rest } = data.provenance;
  assert.match(fingerprint, /^[0-9a-f]{16}$/);
  assert.deepEqual(rest, {
    name: "text in WikiText's layout (not verified)",
    standIn: false,
    source: join(root, "wikitext-103"),
    training: 2,
    validation: 1,
    unit: "sequences of 3 words",
    verified: false,
  });
  assert.equal(data.tokeniser.size, 7); // <unk> the cat ran a sat title
  const { tokens } = data.training.batch([0, 1]);
  assert.equal(data.tokeniser.decode(tokens.data), "a title the cat sat the cat ran");
  assert.equal(data.tokeniser.decode(data.validation.batch([0]).tokens.data), "the <unk> sat the");
  assert.equal(readdirSync(join(root, "cache")).length, 4); // vocabulary, tokens of both splits, digests
  const other = layOut(t);
  cpSync(join(root, "cache"), join(other, "cache"), { recursive: true });
  const again = await openWikiText({ ...options, root: other });
  assert.equal(readdirSync(join(other, "cache")).length, 4);
  assert.equal(again.provenance.fingerprint, fingerprint);
  assert.deepEqual(again.training.batch([1, 0]), data.training.batch([1, 0]));
  const capped = await openWikiText({ ...options, root, vocabularySize: 3 });
  assert.equal(capped.tokeniser.decode(capped.training.batch([0]).tokens.data), "<unk> <unk> the cat");
});

test("a limit cuts the training text, and so its vocabulary; progress is told", async (t) => {
  const root = layOut(t);
  const seen: PreparationProgress[] = [];
  const onProgress = (progress: PreparationProgress): number => seen.push(progress);
  const data = await openWikiText({ ...options, root, limit: 4, onProgress });
  assert.equal(data.training.count, 1);
  assert.equal(data.tokeniser.decode(data.training.batch([0]).tokens.data), "a title the cat");
  assert.equal(data.tokeniser.size, 5);
  assert.deepEqual([seen[0].stage, seen[0].total], ["words of wiki.train.tokens", Buffer.byteLength(TRAIN)]);
  const signal = AbortSignal.abort(new Error("stopped"));
  await assert.rejects(openWikiText({ ...options, root, limit: 5, signal }), /stopped/);
});

test("a token outside the vocabulary in a cached file is an error", async (t) => {
  const [first, root] = [layOut(t), layOut(t)];
  await openWikiText({ ...options, root: first });
  const folder = join(root, "cache");
  cpSync(join(first, "cache"), folder, { recursive: true });
  let spoilt = 0;
  for (const name of readdirSync(folder).filter((file) => file.startsWith("tokens"))) {
    const header = readFileSync(join(folder, name)).toString("utf8", 20);
    const { settings } = JSON.parse(header.slice(0, header.lastIndexOf("}") + 1)) as {
      settings: { file: string };
    };
    assert.equal(name, `tokens-${hashOf(settings, 16)}.bin`);
    if (settings.file !== "train") continue;
    const other = temporaryFolder(t); // a well-formed file of other tokens, as a bug would have left it
    await cached(other, "tokens", settings, async () => ({
      meta: null,
      data: Uint16Array.of(1, 2, 7, 3, 4),
    }));
    writeFileSync(join(folder, name), readFileSync(join(other, "cache", name)));
    spoilt++;
  }
  assert.equal(spoilt, 1);
  await assert.rejects(
    openWikiText({ ...options, root }),
    /cached tokens of .*wiki\.train\.tokens: token 2 must be in \[0, 7\), the vocabulary, found 7/,
  );
});

test("a zip left in the root that is not the published one is an error", async (t) => {
  const root = temporaryFolder(t);
  const zip = zipFile({ "wikitext-103/wiki.train.tokens": TRAIN, "wikitext-103/wiki.valid.tokens": VALID });
  writeFileSync(join(root, "wikitext-103-v1.zip"), zip);
  await assert.rejects(
    openWikiText({ ...options, root }),
    /wikitext-103-v1\.zip: not the published wikitext-103-v1\.zip: expected sha256 242ba0f2.*, found [0-9a-f]{64}/,
  );
  assert.deepEqual(readdirSync(root), ["wikitext-103-v1.zip"]);
});

test("the Parquet mirror gives the same text", async (t) => {
  const root = temporaryFolder(t);
  const parquet = (name: string, text: string): string => {
    const path = join(root, name);
    const rows = text
      .split("\n")
      .slice(0, -1)
      .map((line) => (line === " " ? "" : `${line}\n`)); // as the mirror has it
    writeFileSync(
      path,
      Buffer.from(parquetWriteBuffer({ columnData: [{ name: "text", data: rows, type: "STRING" }] })),
    );
    return path;
  };
  const [head, tail] = [
    TRAIN.slice(0, TRAIN.indexOf("The <unk>") - 1),
    TRAIN.slice(TRAIN.indexOf("The <unk>") - 1),
  ];
  const train = [
    parquet("train-00000-of-00002.parquet", head),
    parquet("train-00001-of-00002.parquet", tail),
  ];
  const valid = parquet("validation-00000-of-00001.parquet", VALID);
  await writeTokensFromParquet([...train, valid], join(root, "wikitext-103"));
  const found = await openWikiText({ ...options, root });
  const wanted = await openWikiText({ ...options, root: layOut(t) });
  assert.deepEqual(found.training.batch([0, 1]), wanted.training.batch([0, 1]));
  assert.deepEqual(found.validation.batch([0]), wanted.validation.batch([0]));
  writeFileSync(train[1], readFileSync(train[1]).subarray(0, 50));
  await assert.rejects(
    writeTokensFromParquet(train, join(root, "wikitext-103")),
    /train-00001.*cannot be read as Parquet/,
  );
});

test("150 random damages of a Parquet file are read or are a DataError; a false number of rows is one", async (t) => {
  const root = temporaryFolder(t);
  const [train, valid] = ["train-00000-of-00001.parquet", "validation-00000-of-00001.parquet"].map((name) =>
    join(root, name),
  );
  const data = range(500).map((n) => `the cat sat ${n % 7}`);
  const bytes = Buffer.from(parquetWriteBuffer({ columnData: [{ name: "text", data, type: "STRING" }] }));
  writeFileSync(valid, bytes);
  const random = randomStream(9, "test/parquet");
  for (let i = 0; i < 150; i++) {
    const damaged = Buffer.from(bytes);
    const from = i % 3 === 0 ? 0 : Math.max(0, bytes.length - 300);
    for (let n = 0; n < 3; n++)
      damaged[Math.floor(random.uniform(from, bytes.length))] = Math.floor(random.uniform(0, 256));
    writeFileSync(
      train,
      i % 10 === 0 ? damaged.subarray(0, Math.floor(random.uniform(0, bytes.length))) : damaged,
    );
    await writeTokensFromParquet([train, valid], join(root, "wikitext-103")).catch((error: unknown) =>
      assert.ok(error instanceof DataError, `damage ${i}: ${String(error)}`),
    );
  }
  writeFileSync(train, "<html>Sign in</html>");
  await assert.rejects(
    writeTokensFromParquet([train, valid], join(root, "wikitext-103")),
    /train-00000.*expected parquet data, found an HTML page/,
  );
});

test("an HTML page in place of the text is an error", async (t) => {
  const root = layOut(t);
  writeFileSync(join(root, "wikitext-103", "wiki.train.tokens"), "\n<!DOCTYPE html>\n<title>Sign in</title>");
  await assert.rejects(
    openWikiText({ ...options, root }),
    /wiki\.train\.tokens: expected text, found an HTML page/,
  );
});

test("the paper's tokeniser must be there when it is asked for", async (t) => {
  const asked = openWikiText({ ...options, root: layOut(t), tokeniser: "gpt-neox-20b" });
  await assert.rejects(asked, /GPT-NeoX-20B tokeniser: no copy at .*spectral data get gpt-neox-20b/);
});

test("the stand-in is named, and learnable: the next word depends on the last ones", async (t) => {
  const data = await openWikiText({ length: 63, root: temporaryFolder(t), allowDownload: false });
  assert.match(data.provenance.name, /generated grammar \(stand-in for WikiText-103\)/);
  assert.ok(data.tokeniser.size > 200 && data.tokeniser.size < 400);
  const train = data.training.batch(range(data.training.count)).tokens.data;
  const valid = data.validation.batch(range(data.validation.count)).tokens.data;
  assert.ok(
    valid.every((token) => token > 0),
    "every word of the validation text is known",
  );
  const size = data.tokeniser.size;
  const pairs = new Float64Array(size * size).fill(0.01);
  for (let i = 1; i < train.length; i++) pairs[train[i - 1] * size + train[i]]++;
  const singles = Float64Array.from({ length: size }, (_, last) =>
    pairs.subarray(last * size, (last + 1) * size).reduce((sum, count) => sum + count, 0),
  );
  let unigram = 0;
  let bigram = 0;
  for (let i = 1; i < valid.length; i++) {
    unigram -= Math.log(singles[valid[i]] / train.length) / (valid.length - 1);
    bigram -= Math.log(pairs[valid[i - 1] * size + valid[i]] / singles[valid[i - 1]]) / (valid.length - 1);
  }
  assert.ok(bigram < unigram - 0.7, `unigram ${unigram.toFixed(2)} nats, bigram ${bigram.toFixed(2)}`);
});

test(
  "reads the small real WikiText",
  { skip: !existsSync("../shared/data/wikitext") && "../shared is not here" },
  async (t) => {
    const root = layOut(t);
    for (const split of ["train", "valid"]) {
      const name = `wiki.${split}.tokens`;
      writeFileSync(join(root, "wikitext-103", name), readFileSync(join("../shared/data/wikitext", name)));
    }
    const data = await openWikiText({ ...options, root, length: 64 });
    assert.ok(data.training.count > 3000);
    assert.equal(data.provenance.name, "WikiText-2's test text");
    assert.equal(
      (await openWikiText({ ...options, root, limit: 500 })).provenance.name,
      data.provenance.name,
    );
    const text = data.tokeniser.decode(data.training.batch([0]).tokens.data);
    assert.match(
      text,
      /^robert <unk> robert <unk> is an english film television and theatre actor he had a guest starring role/,
    );
  },
);

test("text is WikiText-103 if the archive that it came from was", async (t) => {
  const root = layOut(t);
  const digestOf = (name: string): [string, { sha256: string }] => [
    name,
    { sha256: sha256Of(readFileSync(join(root, "wikitext-103", name))) },
  ];
  const files = Object.fromEntries(["wiki.train.tokens", "wiki.valid.tokens"].map(digestOf));
  const receipt = (checkedBy: string): void =>
    writeFileSync(join(root, "wikitext-103.json"), JSON.stringify({ source: "a.zip", checkedBy, files }));
  const words = async (more = {}): Promise<string> =>
    describeData((await openWikiText({ ...options, root, ...more })).provenance);
  receipt("form");
  assert.equal(await words(), "text in WikiText's layout (not verified), 2 sequences of 3 words");
  receipt("sha256");
  assert.equal(await words(), "WikiText-103, all 2 training sequences of 3 words");
  assert.equal(await words({ limit: 4 }), "WikiText-103, 1 sequences of 3 words (its first 4 words)");
  files["wiki.valid.tokens"].sha256 = "0".repeat(64);
  receipt("md5");
  assert.equal(await words(), "text in WikiText's layout (not verified), 2 sequences of 3 words");
});

test("the fingerprint of text follows its tokens, not the length of a sequence", async (t) => {
  const of = async (more: object, root = layOut(t)): Promise<string> =>
    (await openWikiText({ ...options, root, ...more })).provenance.fingerprint;
  assert.equal(await of({}), await of({ length: 2 }));
  const root = layOut(t);
  const path = join(root, "wikitext-103", "wiki.valid.tokens");
  writeFileSync(path, VALID.replace("dog", "cat"));
  const all = [await of({}), await of({ limit: 5 }), await of({ vocabularySize: 3 }), await of({}, root)];
  assert.equal(new Set(all).size, 4);
});
