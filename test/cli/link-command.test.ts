import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, test } from "node:test";

const root = mkdtempSync(join(tmpdir(), "spectral-link-"));
after(() => rmSync(root, { recursive: true, force: true }));

const tool = resolve("build/tools/link-command.js");
const options = process.platform === "win32" ? { skip: "links are for other systems than Windows" } : {};

/** A package as a clone of ours, with another program in it. @param modules a folder that node_modules links to */
function clone(name: string, modules?: string): string {
  const folder = join(root, name);
  mkdirSync(join(folder, "dist", "cli"), { recursive: true });
  copyFileSync("package.json", join(folder, "package.json"));
  writeFileSync(
    join(folder, "dist", "cli", "main.js"),
    "#!/usr/bin/env node\nconsole.log(...process.argv.slice(2));\n",
    { mode: 0o644 },
  );
  if (modules) symlinkSync(modules, join(folder, "node_modules"));
  return folder;
}

const link = (folder: string): unknown => execFileSync(process.execPath, [tool], { cwd: folder });
const call = (folder: string, word: string): string =>
  execFileSync(join(folder, "node_modules", ".bin", "spectral"), [word], { encoding: "utf8" }).trim();

test("the command is linked and can be executed, and a second call leaves it as it is", options, () => {
  const folder = clone("plain");
  link(folder);
  assert.equal(call(folder, "hello"), "hello");
  const path = join(folder, "node_modules", ".bin", "spectral");
  const before = lstatSync(path).ino;
  link(folder);
  assert.equal(lstatSync(path).ino, before);
});

test(
  "a program that was built anew is made executable, and what else lies there is replaced",
  options,
  () => {
    const folder = clone("again");
    link(folder);
    const program = join(folder, "dist", "cli", "main.js");
    rmSync(program);
    writeFileSync(program, "#!/usr/bin/env node\nconsole.log('new');\n", { mode: 0o644 });
    link(folder);
    assert.equal(call(folder, ""), "new");
    assert.ok(statSync(program).mode & 0o100);
    const path = join(folder, "node_modules", ".bin", "spectral");
    rmSync(path);
    symlinkSync("/nowhere", path);
    link(folder);
    assert.equal(call(folder, ""), "new");
  },
);

test("node_modules may be a link", options, () => {
  const modules = join(root, "shared", "deep", "modules");
  mkdirSync(modules, { recursive: true });
  const folder = clone("linked", modules);
  link(folder);
  assert.equal(call(folder, "hello"), "hello");
});

test("npx finds the command in the clone, and installs nothing", options, () => {
  const folder = clone("npx");
  link(folder);
  const cache = join(root, "cache"); // empty: whatever npx wanted to install would have to come from elsewhere
  const environment = { ...process.env, npm_config_cache: cache, npm_config_update_notifier: "false" };
  const args = ["--offline", "spectral", "hello"];
  const { status, stdout, stderr } = spawnSync("npx", args, {
    cwd: folder,
    env: environment,
    encoding: "utf8",
  });
  assert.equal(status, 0, stderr);
  assert.equal(stdout.trim(), "hello");
});
