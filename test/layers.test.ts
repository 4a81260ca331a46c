import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";

/** The layer rule of docs/architecture.md: a room may import from itself and from the rooms named here. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  core: [],
  linalg: ["core"],
  data: ["core"],
  store: ["core"],
  backend: ["core", "linalg", "data", "store"],
  nn: ["core", "linalg", "data", "store", "backend"],
  models: ["core", "linalg", "data", "store", "backend", "nn"],
  optim: ["core", "linalg", "data", "store", "backend", "nn"],
  train: ["core", "linalg", "data", "store", "backend", "nn", "models", "optim"],
  probes: ["core", "linalg", "data", "store", "backend", "nn", "models", "optim", "train"],
  tasks: ["core", "linalg", "data", "store", "backend", "nn", "models", "optim", "train", "probes"],
  analysis: [
    "core",
    "linalg",
    "data",
    "store",
    "backend",
    "nn",
    "models",
    "optim",
    "train",
    "probes",
    "tasks",
  ],
  sweep: [
    "core",
    "linalg",
    "data",
    "store",
    "backend",
    "nn",
    "models",
    "optim",
    "train",
    "probes",
    "tasks",
    "analysis",
  ],
  figures: ["core"],
  paper: ["core", "linalg", "data", "store", "nn", "tasks", "analysis", "sweep", "figures"],
  kernel: ["core"],
};
const TOP = ["lab", "cli", "."]; // may import everything but the kernel

const source = resolve("src");
const files = readdirSync(source, { recursive: true, encoding: "utf8" }).filter((file) =>
  file.endsWith(".ts"),
);

/** The room (first folder below src/) of a file; "." for files that lie in src/ itself. */
function roomOf(file: string): string {
  const parts = relative(source, file).split("/");
  return parts.length === 1 ? "." : parts[0];
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, "utf8");
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*["'](\.{1,2}\/[^"']+)["']/g)].map(
    (match) => match[1],
  );
  return specifiers.map((specifier) => resolve(dirname(file), specifier));
}

test("imports point down the layers", () => {
  const wrong: string[] = [];
  for (const name of files) {
    const file = join(source, name);
    const room = roomOf(file);
    for (const target of importsOf(file)) {
      const other = roomOf(target);
      if (other === room) continue;
      const allowed = TOP.includes(room) ? other !== "kernel" : MAY_IMPORT[room]?.includes(other);
      if (!allowed) wrong.push(`${name} -> ${relative(source, target)}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("no file imports itself, however far around", () => {
  const imports = new Map(files.map((name) => [name, importsOf(join(source, name)).map(sourceNamed)]));
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) circles.push([...path.slice(path.indexOf(name)), name].join(" -> "));
    else if (!done.has(name)) {
      for (const target of imports.get(name) ?? []) visit(target, [...path, name]);
      done.add(name);
    }
  };
  for (const name of files) visit(name, []);
  assert.deepEqual(circles, []);
});

/** The source file that an import names, relative to src/: TypeScript says ".js", AssemblyScript nothing. */
function sourceNamed(target: string): string {
  return `${relative(source, target).replace(/\.js$/, "")}.ts`;
}

test("every room is named in the rule", () => {
  const rooms = new Set(files.map((name) => roomOf(join(source, name))));
  for (const room of rooms) assert.ok(room in MAY_IMPORT || TOP.includes(room), `src/${room} is in no layer`);
});

test("figures see tables, never tensors; nothing uses Math.random", () => {
  for (const name of files) {
    const text = readFileSync(join(source, name), "utf8");
    assert.ok(!/Math\.random\(\)/.test(text), `${name} uses Math.random`);
    if (name.startsWith("figures/")) assert.ok(!text.includes("@tensorflow/"), `${name} imports tensors`);
  }
});
