import assert from "node:assert/strict";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import test, { type TestContext } from "node:test";
import { DataError } from "spectral-lab/core/errors";
import { sha256Of } from "spectral-lab/data/fingerprint";
import { openLibriSpeech, readUtterances } from "spectral-lab/data/librispeech";
import { describeData } from "spectral-lab/data/provenance";
import { CHARACTERS, decodeLabels, encodeTranscript } from "spectral-lab/data/speech/characters";
import { speechExamples } from "spectral-lab/data/speech/utterances";
import { chirp, flacFile } from "./speech/flac-file.js";
import { temporaryFolder } from "./temporary.js";

const PARTS = ["train-clean-100", "dev-clean"];

/** Lays out two utterances by each of two speakers per part. */
function layOut(t: TestContext, transcripts = ["IT'S  ONE", "A B"]): string {
  const root = temporaryFolder(t);
  for (const part of PARTS) {
    for (const speaker of ["7", "12"]) {
      const folder = join(root, "LibriSpeech", part, speaker, "3");
      mkdirSync(folder, { recursive: true });
      const ids = transcripts.map((_, i) => `${speaker}-3-000${i}`);
      writeFileSync(
        join(folder, `${speaker}-3.trans.txt`),
        ids.map((id, i) => `${id} ${transcripts[i]}\n`).join(""),
      );
      ids.forEach((id, i) => writeFileSync(join(folder, `${id}.flac`), flacFile(chirp(9000 + 2000 * i))));
    }
  }
  return root;
}

test("labels are blank, apostrophe, space, a to z", () => {
  assert.equal(CHARACTERS.length, 29);
  assert.deepEqual([...encodeTranscript(" IT'S  a Z ", "x")], [11, 22, 1, 21, 2, 3, 2, 28]);
  assert.equal(decodeLabels(encodeTranscript("SHE'D GONE", "x")), "she'd gone");
  assert.throws(() => encodeTranscript("  ", "u1"), /u1: the transcript is empty/);
  assert.throws(() => encodeTranscript("NO. 5", "u2"), /u2: .*found "\." in "NO\. 5"/);
  assert.throws(() => decodeLabels([3, 0]), DataError);
});

test("reads utterances, pads batches time-major and keeps features", async (t) => {
  const root = layOut(t);
  const open = () => openLibriSpeech({ root, allowDownload: false, standIn: "never" });
  const data = await open();
  const { fingerprint, ...rest } = data.provenance;
  assert.match(fingerprint, /^[0-9a-f]{16}$/);
  assert.deepEqual(rest, {
    name: "speech in LibriSpeech's layout (not verified)",
    standIn: false,
    source: join(root, "LibriSpeech"),
    training: 4,
    validation: 4,
    unit: "utterances",
    verified: false,
  });
  assert.deepEqual(data.training.ids, ["12-3-0000", "12-3-0001", "7-3-0000", "7-3-0001"]);
  const frames = [0, 1].map((i) => Math.floor((1 + Math.floor((9000 + 2000 * i) / 160)) / 3));
  const batch = data.training.batch([1, 2]);
  assert.deepEqual(batch.features.shape, [frames[1], 2, 40]);
  assert.deepEqual([...batch.frameLengths.data], [frames[1], frames[0]]);
  assert.deepEqual(batch.labels.shape, [2, 8]);
  assert.deepEqual([...batch.labelLengths.data], [3, 8]);
  assert.deepEqual([...batch.labels.data], [3, 2, 4, 0, 0, 0, 0, 0, 11, 22, 1, 21, 2, 17, 16, 7]);
  const alone = data.training.batch([2]).features.data;
  for (let frame = 0; frame < frames[1]; frame++) {
    for (let band = 0; band < 40; band++) {
      const padded = batch.features.data[(frame * 2 + 1) * 40 + band];
      assert.equal(padded, frame < frames[0] ? alone[frame * 40 + band] : 0);
    }
  }
  assert.equal(readdirSync(join(root, "cache")).length, 4, "one file per speaker");
  const again = await readUtterances(root, "LibriSpeech/train-clean-100");
  assert.deepEqual(again.batch([0, 1]), data.training.batch([0, 1]));
  assert.deepEqual(again.digests, data.training.digests);
  assert.equal(readdirSync(join(root, "cache")).length, 4, "nothing was computed again");
});

/** Writes what an unpacking of a checked archive writes. */
function writeReceipts(root: string, checkedBy: string): void {
  for (const part of PARTS) {
    const folder = join(root, "LibriSpeech", part);
    const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((path) =>
      /\.\w+$/.test(path),
    );
    const files = Object.fromEntries(
      paths.map((path) => [path, { sha256: sha256Of(readFileSync(join(folder, path))) }]),
    );
    writeFileSync(`${folder}.json`, JSON.stringify({ source: "an archive", checkedBy, files }));
  }
}

test("what lies in LibriSpeech's folders is LibriSpeech only if its checksums say so", async (t) => {
  const root = layOut(t);
  const words = async (more = {}): Promise<string> =>
    describeData((await openLibriSpeech({ root, allowDownload: false, ...more })).provenance);
  const unverified = "speech in LibriSpeech's layout (not verified), 4 utterances";
  assert.equal(await words(), unverified);
  writeReceipts(root, "form");
  assert.equal(await words(), unverified);
  writeReceipts(root, "sha256");
  assert.equal(await words(), "LibriSpeech, 4 of 28,539 training utterances");
  assert.equal(await words({ limit: 1 }), "LibriSpeech, 1 of 28,539 training utterances");
  const path = join(root, "LibriSpeech/dev-clean/7/3/7-3.trans.txt");
  writeFileSync(path, readFileSync(path, "utf8").replace("A B", "A C"));
  assert.equal(await words(), unverified);
  assert.equal(await words({ limit: 1 }), "LibriSpeech, 1 of 28,539 training utterances");
  writeReceipts(root, "sha256");
  writeFileSync(join(root, "LibriSpeech/dev-clean/12/3/12-3-0000.flac"), flacFile(chirp(9001)));
  assert.equal(await words(), unverified);
});

test("speech of digit words alone is called that", async (t) => {
  const open = (root: string) => openLibriSpeech({ root, allowDownload: false });
  const digits = (await open(layOut(t, ["ZERO OH ONE", "NINE"]))).provenance;
  assert.equal(describeData(digits), "spoken digits in LibriSpeech's layout, 4 utterances");
  assert.equal(digits.verified, false);
  const { name } = (await open(layOut(t, ["ZERO OH ONE", "NINE LIVES"]))).provenance;
  assert.equal(name, "speech in LibriSpeech's layout (not verified)");
});

test("the fingerprint follows sounds and transcripts, in order, not folders", async (t) => {
  const of = async (root: string, limit?: number): Promise<string> =>
    (await openLibriSpeech({ root, limit, allowDownload: false })).provenance.fingerprint;
  const [first, moved, retold] = [layOut(t), layOut(t), layOut(t, ["A B", "IT'S  ONE"])];
  assert.equal(await of(first), await of(moved));
  const path = join(moved, "LibriSpeech/train-clean-100/7/3/7-3-0001.flac");
  const sound = chirp(11_000);
  sound[77] ^= 1;
  writeFileSync(path, flacFile(sound));
  assert.equal(new Set([await of(first), await of(moved), await of(retold), await of(first, 1)]).size, 4);
});

test("a limit reads no more speakers than it needs", async (t) => {
  const root = layOut(t);
  const speech = await readUtterances(root, "LibriSpeech/dev-clean", { limit: 1 });
  assert.deepEqual(speech.ids, ["12-3-0000"]);
  assert.equal(readdirSync(join(root, "cache")).length, 1);
});

test("a damaged cache is computed again, with a warning", async (t) => {
  const root = layOut(t);
  const part = "LibriSpeech/dev-clean";
  const before = (await readUtterances(root, part)).batch([0, 1, 2, 3]);
  const [first, second] = readdirSync(join(root, "cache")).map((name) => join(root, "cache", name));
  const good = readFileSync(first);
  const flipped = Buffer.from(good);
  flipped[good.length - 9] ^= 64;
  writeFileSync(first, flipped);
  writeFileSync(second, readFileSync(second).subarray(0, 100));
  const warnings: string[] = [];
  const listen = (warning: Error): number => warnings.push(warning.message);
  process.on("warning", listen);
  const after = (await readUtterances(root, part)).batch([0, 1, 2, 3]);
  await new Promise(setImmediate);
  process.off("warning", listen);
  assert.deepEqual(after, before);
  assert.equal(warnings.filter((message) => /damaged cache, computed again/.test(message)).length, 2);
  assert.deepEqual(readFileSync(first), good);
});

test("a changed sound file is read anew", async (t) => {
  const root = layOut(t);
  const part = "LibriSpeech/dev-clean";
  const before = (await readUtterances(root, part)).lengths[0];
  writeFileSync(join(root, part, "12/3/12-3-0000.flac"), flacFile(chirp(16_000)));
  assert.notEqual((await readUtterances(root, part)).lengths[0], before);
});

test("an empty transcript, foreign characters, a missing or cut FLAC are errors that name the utterance", async (t) => {
  const part = "LibriSpeech/train-clean-100";
  await assert.rejects(readUtterances(layOut(t, ["ONE", ""]), part), /12-3-0001: the transcript is empty/);
  await assert.rejects(readUtterances(layOut(t, ["ÉTÉ", "TWO"]), part), /12-3-0000: .*found "é"/);
  const root = layOut(t);
  const path = join(root, part, "7/3/7-3-0001.flac");
  writeFileSync(path, flacFile(chirp(11_000)).subarray(0, 9000));
  await assert.rejects(readUtterances(root, part), (error) => {
    return (
      error instanceof DataError &&
      /7-3-0001\.flac: (cut short|damaged|cannot be decoded)/.test(error.message)
    );
  });
  writeFileSync(path, flacFile(chirp(11_000), { sampleRate: 8000 }));
  await assert.rejects(
    readUtterances(root, part),
    /7-3-0001\.flac: expected 16000 samples a second, found 8000/,
  );
  rmSync(path);
  await assert.rejects(readUtterances(root, part), /7-3-0001\.flac: a transcript is there, the sound is not/);
});

test("links are followed: to a speaker, a chapter, a transcript, and to every file", async (t) => {
  const part = "LibriSpeech/train-clean-100";
  const plain = layOut(t);
  const wanted = await readUtterances(plain, part);
  const moved = (name: string): string => {
    const root = layOut(t);
    const path = join(root, part, name);
    const target = join(temporaryFolder(t), "elsewhere");
    renameSync(path, target);
    symlinkSync(target, path);
    return root;
  };
  const everyFile = layOut(t);
  const store = temporaryFolder(t);
  const names = readdirSync(join(everyFile, part), { recursive: true, encoding: "utf8" });
  names
    .filter((name) => name.includes("."))
    .forEach((name, i) => {
      renameSync(join(everyFile, part, name), join(store, `object-${i}`));
      symlinkSync(join(store, `object-${i}`), join(everyFile, part, name));
    });
  /** The same as git writes links where the disk knows none: as files that hold the target's path. */
  const written = (name: string): string => {
    const root = layOut(t);
    const path = join(root, part, name);
    renameSync(path, join(root, "elsewhere"));
    writeFileSync(path, relative(dirname(path), join(root, "elsewhere")));
    return root;
  };
  const linked = ["7", "7/3", "7/3/7-3.trans.txt", "7/3/7-3-0001.flac"];
  for (const root of [...linked.map(moved), everyFile, ...linked.map(written)]) {
    const found = await readUtterances(root, part);
    assert.deepEqual([found.ids, found.digests], [wanted.ids, wanted.digests]);
  }
});

test("a link to nothing is an error that names it and says what fetches it", async (t) => {
  const part = "LibriSpeech/train-clean-100";
  for (const [name, target, words] of [
    [
      "7/3/7-3-0001.flac",
      "../../../.git/annex/objects/a/b.flac",
      /7-3-0001\.flac: a link whose target .*git annex get/,
    ],
    ["7/3/7-3.trans.txt", "/mnt/.dvc/cache/ab/cd", /7-3\.trans\.txt: a link whose target .*dvc pull/],
    ["7", "/mnt/lost", /train-clean-100\/7: a link whose target \/mnt\/lost is not there/],
  ] as const) {
    const root = layOut(t);
    rmSync(join(root, part, name), { recursive: true });
    symlinkSync(target, join(root, part, name));
    await assert.rejects(readUtterances(root, part), (error) => {
      assert.ok(error instanceof DataError);
      assert.match(error.message, words);
      return true;
    });
  }
  const text = layOut(t);
  writeFileSync(join(text, part, "9"), "../../lost");
  await assert.rejects(
    readUtterances(text, part),
    /clean-100\/9: a link, written as text, whose target .*lost is not/,
  );
  const root = layOut(t);
  symlinkSync("..", join(root, part, "7", "up"));
  await assert.rejects(readUtterances(root, part), /7\/up.*: a link back to a folder that it lies in/);
});

test("a sound without transcript, and an utterance that is there twice, are errors", async (t) => {
  const part = "LibriSpeech/train-clean-100";
  const rejects = (root: string, words: RegExp): Promise<void> =>
    assert.rejects(readUtterances(root, part), (error) => {
      assert.ok(error instanceof DataError);
      assert.match(error.message, words);
      return true;
    });
  const without = layOut(t);
  rmSync(join(without, part, "7/3/7-3.trans.txt"));
  await rejects(without, /7-3-0000\.flac \(and 1 others\): a sound without a transcript/);
  const shorter = layOut(t);
  writeFileSync(join(shorter, part, "7/3/7-3.trans.txt"), "7-3-0000 A B\n");
  await rejects(shorter, /7-3-0001\.flac: a sound without a transcript/);
  const copied = layOut(t);
  const transcripts = join(copied, part, "7/3/7-3.trans.txt");
  writeFileSync(join(copied, part, "7/3/7-3 (copy).trans.txt"), readFileSync(transcripts));
  await rejects(copied, /utterance 7-3-0000 is there twice, also in .*7-3.*trans\.txt: remove the copy/);
  const speaker = layOut(t);
  cpSync(join(speaker, part, "7"), join(speaker, part, "7 (copy)"), { recursive: true });
  await rejects(speaker, /utterance 7-3-0000 is there twice/);
  const whole = layOut(t);
  rmSync(join(whole, part, "7"), { recursive: true });
  assert.deepEqual((await readUtterances(whole, part)).ids, ["12-3-0000", "12-3-0001"], "a part that agrees");
});

test("what macOS leaves behind is no data, and a transcript may begin with a byte-order mark", async (t) => {
  const part = "LibriSpeech/train-clean-100";
  const root = layOut(t);
  const wanted = (await readUtterances(root, part)).ids;
  const transcripts = join(root, part, "7/3/7-3.trans.txt");
  writeFileSync(transcripts, `\ufeff${readFileSync(transcripts, "utf8")}`);
  for (const name of ["7/3/._7-3-0000.flac", "7/3/._7-3.trans.txt", "7/3/.DS_Store", "._7", ".DS_Store"])
    writeFileSync(join(root, part, name), "Mac OS X");
  mkdirSync(join(root, part, "__MACOSX/7/3"), { recursive: true });
  writeFileSync(join(root, part, "__MACOSX/7/3/7-3.trans.txt"), readFileSync(transcripts));
  assert.deepEqual((await readUtterances(root, part)).ids, wanted);
});

test("transcripts that are no transcripts are errors that name the file", async (t) => {
  const part = "LibriSpeech/train-clean-100";
  const cases: [Buffer, RegExp][] = [
    [Buffer.from("\ufeff7-3-0000 A\n", "utf16le"), /7-3\.trans\.txt: expected text in UTF-8, found UTF-16/],
    [Buffer.from("../../x A\n"), /7-3\.trans\.txt: expected lines "<id> <transcript>", found "..\/..\/x A"/],
    [Buffer.from([0x37, 0x20, 0xe9, 0x0a]), /7-3\.trans\.txt: expected text in UTF-8, found other bytes/],
  ];
  for (const [bytes, words] of cases) {
    const root = layOut(t);
    writeFileSync(join(root, part, "7/3/7-3.trans.txt"), bytes);
    await assert.rejects(readUtterances(root, part), words);
  }
});

test("an utterance too short for its transcript is left out, with a warning", async () => {
  const utterance = (id: string, frames: number) => ({
    id,
    frames: { count: frames, bands: 40, data: new Float32Array(frames * 40) },
    sha256: "",
    labels: Int32Array.of(3, 3, 4), // spelt in four frames: 3, blank, 3, 4
  });
  const warned = once(process, "warning") as Promise<[Error]>;
  assert.deepEqual(speechExamples([utterance("long", 4), utterance("short", 3)], "x").ids, ["long"]);
  assert.match((await warned)[0].message, /x: 1 of 2 utterances are left out/);
  assert.throws(() => speechExamples([utterance("short", 3)], "x"), /x: no utterances/);
  assert.throws(() => speechExamples([], "x"), DataError);
});

test("the stand-in is named and of the same shape", async (t) => {
  const data = await openLibriSpeech({ root: temporaryFolder(t), allowDownload: false });
  assert.match(data.provenance.name, /generated tones \(stand-in for LibriSpeech\)/);
  const batch = data.training.batch([0, 1, 2]);
  assert.equal(batch.features.shape[2], 40);
  assert.ok(batch.features.data.every(Number.isFinite));
  assert.match(
    decodeLabels(batch.labels.data.subarray(0, batch.labelLengths.data[0])),
    /^[a-z']+( [a-z']+){1,3}$/,
  );
});

test(
  "reads the small real LibriSpeech",
  { skip: !existsSync("../shared/data/LibriSpeech") && "../shared is not here" },
  async (t) => {
    const root = temporaryFolder(t);
    mkdirSync(join(root, "LibriSpeech/dev-clean/101"), { recursive: true });
    cpSync("../shared/data/LibriSpeech/dev-clean/101", join(root, "LibriSpeech/dev-clean/101"), {
      recursive: true,
    });
    const speech = await readUtterances(root, "LibriSpeech/dev-clean");
    assert.equal(speech.count, 8);
    const { labels, labelLengths } = speech.batch([0]);
    assert.equal(decodeLabels(labels.data.subarray(0, labelLengths.data[0])), "one one five");
  },
);
