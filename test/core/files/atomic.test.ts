import assert from "node:assert/strict";
import mutable from "node:fs";
import * as fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { DataError } from "spectral-lab/core/errors";
import {
  removeStaleTemporaries,
  temporaryPath,
  writeFileAtomic,
  writeStreamAtomic,
} from "spectral-lab/core/files/atomic";
import { thisProcess } from "spectral-lab/core/files/process";
import { temporaryFolder, tinyDisk } from "../../store/temporary-folder.js";

describe("writeFileAtomic", () => {
  it("writes text, bytes and pieces, makes folders, replaces, and leaves nothing else", (t) => {
    const folder = join(temporaryFolder(t), "a", "b");
    const path = join(folder, "file");
    for (const content of ["é", Buffer.from("é"), [Uint8Array.of(0xc3), Uint8Array.of(0xa9)]]) {
      writeFileAtomic(path, content);
      assert.equal(fs.readFileSync(path, "utf8"), "é");
    }
    assert.deepEqual(fs.readdirSync(folder), ["file"]);
  });

  it("keeps the old file and no other when a piece cannot be made", (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, "file");
    writeFileAtomic(path, "old");
    function* broken(): Generator<Uint8Array> {
      yield Uint8Array.of(1);
      throw new Error("no more");
    }
    assert.throws(() => writeFileAtomic(path, broken()), /cannot write .*file: no more/);
    assert.equal(fs.readFileSync(path, "utf8"), "old");
    assert.deepEqual(fs.readdirSync(folder), ["file"]);
  });

  it("names the path and the reason: a file in place of a folder, a folder in place of the file", (t) => {
    const folder = temporaryFolder(t);
    fs.writeFileSync(join(folder, "file"), "");
    fs.mkdirSync(join(folder, "folder", "inside"), { recursive: true });
    const below = join(folder, "file", "x");
    assert.throws(() => writeFileAtomic(below, ""), {
      name: "StoreError",
      message: /file\/x: .*(ENOTDIR|EEXIST)/,
    });
    const message = /cannot write .*folder: it is a folder, not a file \(EISDIR\)/;
    assert.throws(() => writeFileAtomic(join(folder, "folder"), ""), { name: "StoreError", message });
    assert.deepEqual(fs.readdirSync(folder).sort(), ["file", "folder"]);
  });

  it("keeps the old file on a full disk", (t) => {
    const disk = tinyDisk(t);
    if (disk === undefined) return;
    const path = join(disk.folder, "file");
    writeFileAtomic(path, "old");
    assert.throws(
      () => writeFileAtomic(path, Buffer.alloc(200_000)),
      /cannot write .*file: the disk is full \(ENOSPC\)/,
    );
    assert.equal(fs.readFileSync(path, "utf8"), "old");
    assert.deepEqual(fs.readdirSync(disk.folder), ["file"]);
    writeFileAtomic(path, Buffer.alloc(20_000)); // nothing that failed takes room
  });

  it("says that a disk is read-only", (t) => {
    const disk = tinyDisk(t);
    if (disk === undefined) return;
    disk.makeReadOnly();
    const expected = { name: "StoreError", message: /file: the file system is read-only \(EROFS\)/ };
    assert.throws(() => writeFileAtomic(join(disk.folder, "file"), ""), expected);
  });
});

/** Lets a call of the file system fail with a code, where `when` holds for its arguments, until the test ends. */
function failing(
  t: TestContext,
  name: "fsyncSync" | "openSync",
  code: string,
  when: (...given: never[]) => boolean,
): void {
  const real = fs[name] as (...given: unknown[]) => unknown;
  const fake = (...given: never[]): unknown => {
    if (when(...given)) throw Object.assign(new Error(code), { code });
    return real(...given);
  };
  t.mock.method(mutable, name, fake as never);
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
}

describe("file systems that lack something", () => {
  const isFolder = (handle: number): boolean => fs.fstatSync(handle).isDirectory();

  for (const code of ["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]) {
    it(`a folder that cannot be flushed (${code}) is no failure`, (t) => {
      const path = join(temporaryFolder(t), "file");
      failing(t, "fsyncSync", code, isFolder as never);
      writeFileAtomic(path, "new");
      assert.equal(fs.readFileSync(path, "utf8"), "new");
    });
  }

  it("a folder whose flush fails is named; a file that cannot be flushed keeps the old one", (t) => {
    const path = join(temporaryFolder(t), "file");
    writeFileAtomic(path, "old");
    failing(t, "fsyncSync", "EINVAL", ((handle: number) => !isFolder(handle)) as never);
    const message = /cannot write .*file: the file system cannot do this \(EINVAL\)/;
    assert.throws(() => writeFileAtomic(path, "new"), { name: "StoreError", message });
    assert.equal(fs.readFileSync(path, "utf8"), "old");
  });

  it("no file is replaced where no more files may be open", (t) => {
    const folder = temporaryFolder(t);
    const path = join(folder, "file");
    writeFileAtomic(path, "old");
    failing(t, "openSync", "EMFILE", ((opened: string) => opened === folder) as never);
    const message = /cannot write .*file: this process has too many files open; `ulimit -n`/;
    assert.throws(() => writeFileAtomic(path, "new"), { name: "StoreError", message });
    assert.equal(fs.readFileSync(path, "utf8"), "old");
    assert.deepEqual(fs.readdirSync(folder), ["file"]);
  });

  it("a quota that is used up is named, and leaves the old file", (t) => {
    const path = join(temporaryFolder(t), "file");
    writeFileAtomic(path, "old");
    failing(t, "fsyncSync", "EDQUOT", ((handle: number) => !isFolder(handle)) as never);
    const message = /cannot write .*file: the disk quota is used up \(EDQUOT\)/;
    assert.throws(() => writeFileAtomic(path, "new"), { name: "StoreError", message });
    assert.equal(fs.readFileSync(path, "utf8"), "old");
  });
});

describe("writeStreamAtomic", () => {
  it("writes pieces as they come; those that fail leave the old file and their own error", async (t) => {
    const path = join(temporaryFolder(t), "a", "file");
    async function* pieces(error?: Error): AsyncGenerator<string | Uint8Array> {
      yield "é";
      await Promise.resolve();
      if (error !== undefined) throw error;
      yield Uint8Array.of(0x21);
    }
    await writeStreamAtomic(path, pieces());
    assert.equal(fs.readFileSync(path, "utf8"), "é!");
    const error = new DataError("train.parquet: damaged");
    await assert.rejects(writeStreamAtomic(path, pieces(error)), error);
    assert.equal(fs.readFileSync(path, "utf8"), "é!");
    assert.deepEqual(fs.readdirSync(join(path, "..")), ["file"]);
  });
});

describe("removeStaleTemporaries", () => {
  it("removes what dead processes left, and nothing else", (t) => {
    const folder = temporaryFolder(t);
    const { pid, started } = thisProcess();
    const mine = temporaryPath(join(folder, "a.json"));
    const dead = mine.replace(`.${pid}.`, ".4194304."); // above the largest process number
    const reused = started === "" ? dead : mine.replace(started, "00000000-1");
    const elsewhere = mine.replace(/[0-9a-f]{8}\.\d+/, "00000000.4194304");
    const old = elsewhere.replace("00000000.", "00000001.");
    const unpacked = dead.replace("a.json", "folder");
    for (const path of [mine, dead, reused, elsewhere, old, join(folder, "b.tmp"), join(folder, ".c.tmp")]) {
      fs.writeFileSync(path, "");
    }
    fs.utimesSync(old, 0, 0);
    fs.mkdirSync(join(unpacked, "deep"), { recursive: true });
    const removed = removeStaleTemporaries(folder).map((name) => join(folder, name));
    assert.deepEqual(removed.sort(), [...new Set([dead, reused, old, unpacked])].sort());
    assert.equal(fs.readdirSync(folder).length, 4);
    assert.deepEqual(removeStaleTemporaries(join(folder, "none")), []);
  });
});
