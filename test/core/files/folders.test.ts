import assert from "node:assert/strict";
import * as fs from "node:fs";
import mutable from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { describe, it } from "node:test";
import { makeFolders } from "spectral-lab/core/files/folders";
import { temporaryFolder } from "../../store/temporary-folder.js";

describe("makeFolders", () => {
  it("makes all that is missing, and leaves what is there", (t) => {
    const root = temporaryFolder(t);
    makeFolders(join(root, "a", "b", "c"));
    makeFolders(join(root, "a", "b", "c"));
    makeFolders(join(root, "a", "d"));
    assert.deepEqual(fs.readdirSync(root, { recursive: true }).sort(), ["a", "a/b", "a/b/c", "a/d"]);
    makeFolders("/");
    fs.symlinkSync(join(root, "a"), join(root, "link"));
    makeFolders(join(root, "link", "e"));
    assert.ok(fs.existsSync(join(root, "a", "e")));
  });

  it("makes nothing but what lies below a folder that must be there", (t) => {
    const root = temporaryFolder(t);
    const run = join(root, "run");
    assert.throws(() => makeFolders(run, run) ?? fs.opendirSync(run), { code: "ENOENT" });
    assert.throws(() => makeFolders(join(run, "steps"), run), { code: "ENOENT" });
    assert.deepEqual(fs.readdirSync(root), []);
    fs.mkdirSync(run);
    makeFolders(join(run, "steps"), run);
    assert.deepEqual(fs.readdirSync(run), ["steps"]);
  });

  it("goes on where another process makes the folder above in the same moment", (t) => {
    const root = temporaryFolder(t);
    const make = mutable.mkdirSync;
    let missed = false;
    const late = ((path: string) => {
      try {
        return make(path);
      } catch (error) {
        if (!missed) make(join(root, "a")); // between the failure and what is done about it
        missed = true;
        throw error;
      }
    }) as typeof mutable.mkdirSync;
    const mocked = t.mock.method(mutable, "mkdirSync", late);
    syncBuiltinESMExports();
    try {
      makeFolders(join(root, "a", "b"));
    } finally {
      mocked.mock.restore();
      syncBuiltinESMExports();
    }
    assert.ok(missed && fs.existsSync(join(root, "a", "b")));
  });

  it("fails, and does not try for ever, where none can be made", { timeout: 10_000 }, (t) => {
    const root = temporaryFolder(t);
    const file = join(root, "file");
    fs.writeFileSync(file, "");
    fs.symlinkSync(join(root, "nowhere"), join(root, "dangling"));
    fs.symlinkSync("circle", join(root, "circle"));
    assert.throws(() => makeFolders(file), { code: "EEXIST" });
    assert.throws(() => makeFolders(join(file, "below")), { code: "ENOTDIR" });
    assert.throws(() => makeFolders(join(root, "dangling")), { code: "EEXIST" });
    assert.throws(() => makeFolders(join(root, "dangling", "below")), { code: "EEXIST" });
    assert.throws(() => makeFolders(join(root, "circle", "below")), { code: "ELOOP" });
    assert.throws(() => makeFolders(join(root, "n".repeat(300))), { code: "ENAMETOOLONG" });
    if (process.platform !== "linux") return;
    assert.throws(() => makeFolders("/proc/x"), { code: "ENOENT" });
    assert.throws(() => makeFolders("/proc/x/y/z"), { code: "ENOENT" });
    assert.throws(() => makeFolders("/sys/x"), /mkdir '\/sys\/x'/);
  });
});
