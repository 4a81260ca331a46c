import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { Destination } from "spectral-lab/kernel/destination";
import type { Notebook } from "spectral-lab/kernel/notebook";
import { checkTargets, fileBehind } from "spectral-lab/kernel/targets";
import { temporaryFolder } from "../store/temporary-folder.js";

const NOTEBOOK: Notebook = { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [] };

/** A folder with these files in it. */
function folderWith(t: TestContext, ...names: string[]): (name: string) => string {
  const folder = temporaryFolder(t);
  for (const name of names) {
    fs.mkdirSync(join(folder, name, ".."), { recursive: true });
    fs.writeFileSync(join(folder, name), "old");
  }
  return (name) => join(folder, name);
}

test("two notebooks of one name have no common folder to go to", (t) => {
  const at = folderWith(t, "a/same.ipynb", "b/same.ipynb", "c/Same.ipynb", "d/other.ipynb");
  const [a, b, c, d] = ["a/same.ipynb", "b/same.ipynb", "c/Same.ipynb", "d/other.ipynb"].map(at) as [
    string,
    string,
    string,
    string,
  ];
  assert.throws(
    () => checkTargets([a, b], at("out")),
    /a\/same\.ipynb and .*b\/same\.ipynb: both would be written to .*out\/same\.ipynb.*nothing was run/,
  );
  assert.throws(() => checkTargets([a, d, c], at("out")), /both would be written/); // one file where case is ignored
  checkTargets([a, d], at("out"));
  checkTargets([a, b, c, d]);
  assert.equal(fs.existsSync(at("out")), false);
});

test("one file named twice, also through links", (t) => {
  const at = folderWith(t, "a/one.ipynb");
  const one = at("a/one.ipynb");
  fs.symlinkSync("a", at("folder"));
  fs.symlinkSync("a/one.ipynb", at("link.ipynb"));
  fs.linkSync(one, at("hard.ipynb"));
  assert.throws(() => checkTargets([one, one]), /one\.ipynb is named twice/);
  for (const other of ["a/../a/one.ipynb", "folder/one.ipynb", "link.ipynb", "hard.ipynb"])
    assert.throws(() => checkTargets([one, `${at("")}/${other}`]), /both would be written/, other);
});

test("a link in the output folder does not lead over another notebook of the call", (t) => {
  const at = folderWith(t, "a/one.ipynb", "b/two.ipynb", "out/x");
  fs.symlinkSync("../b/two.ipynb", at("out/one.ipynb"));
  assert.throws(
    () => checkTargets([at("a/one.ipynb"), at("b/two.ipynb")], at("out")),
    /both would be written/,
  );
  checkTargets([at("a/one.ipynb")], at("out"));
  checkTargets([at("a/one.ipynb")], at("a")); // in place, said otherwise
});

test("a link is written through, and the mode is kept", async (t) => {
  const at = folderWith(t, "real/one.ipynb");
  fs.chmodSync(at("real/one.ipynb"), 0o640);
  fs.symlinkSync("real/one.ipynb", at("link.ipynb"));
  fs.symlinkSync("link.ipynb", at("second.ipynb"));
  const destination = new Destination(at("second.ipynb"));
  await destination.write(NOTEBOOK);
  assert.equal(fs.readlinkSync(at("link.ipynb")), "real/one.ipynb");
  assert.ok(fs.lstatSync(at("second.ipynb")).isSymbolicLink());
  assert.deepEqual(JSON.parse(fs.readFileSync(at("real/one.ipynb"), "utf8")), NOTEBOOK);
  assert.equal(fs.statSync(at("real/one.ipynb")).mode & 0o7777, 0o640);
  assert.deepEqual(fs.readdirSync(at("real")), ["one.ipynb"]);
});

test("a link that leads nowhere yet is written through", (t) => {
  const at = folderWith(t, "real/x");
  fs.symlinkSync("real/new.ipynb", at("link.ipynb"));
  assert.equal(fileBehind(at("link.ipynb")), join(fs.realpathSync(at("real")), "new.ipynb"));
});

test("what is no regular file is not written over; links in a circle end", (t) => {
  const at = folderWith(t, "file");
  fs.symlinkSync("/dev/null", at("device.ipynb"));
  fs.symlinkSync("b.ipynb", at("a.ipynb"));
  fs.symlinkSync("a.ipynb", at("b.ipynb"));
  assert.throws(() => fileBehind(at("device.ipynb")), /cannot write .*device\.ipynb: it is no regular file/);
  assert.throws(() => fileBehind(at("a.ipynb")), /cannot write .*a\.ipynb/);
  assert.throws(() => fileBehind(at("file/n.ipynb")), /cannot write .*n\.ipynb/);
});

test("a notebook that somebody changed meanwhile is left as it is", async (t) => {
  const at = folderWith(t, "n.ipynb");
  const destination = new Destination(at("n.ipynb"));
  fs.writeFileSync(at("n.ipynb"), "edited");
  await assert.rejects(destination.write(NOTEBOOK), /n\.ipynb: somebody changed it .*n\.executed\.ipynb/);
  assert.equal(fs.readFileSync(at("n.ipynb"), "utf8"), "edited");
  assert.deepEqual(JSON.parse(fs.readFileSync(at("n.executed.ipynb"), "utf8")), NOTEBOOK);
});

test("a notebook may be written twice", async (t) => {
  const at = folderWith(t, "n.ipynb");
  const destination = new Destination(at("n.ipynb"));
  await destination.write(NOTEBOOK);
  await destination.write(NOTEBOOK);
  assert.deepEqual(fs.readdirSync(at("")), ["n.ipynb"]);
});
