import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { KernelClient } from "spectral-lab/kernel/client";
import { runCell } from "./run-cells.js";

/** Variables of cells: one kernel for all tests, so each uses names of its own. */
let kernel: KernelClient;
let folder: string;
before(async () => {
  folder = mkdtempSync(join("build", "variables-"));
  writeFileSync(
    join(folder, "counter.ts"),
    "export let count = 0; export function next() { return ++count; }",
  );
  kernel = await KernelClient.start({ cwd: folder });
});
after(async () => {
  await kernel.stop();
  rmSync(folder, { recursive: true });
});

/** Runs cells in turn; the result of each, or its error. */
async function cells(...codes: string[]): Promise<(string | undefined)[]> {
  const results = [];
  for (const code of codes) {
    const { result, error } = await runCell(kernel, code);
    results.push(error ?? result);
  }
  return results;
}

test("an assignment in a later cell is seen by functions of the earlier one, and the other way round", async () => {
  const found = await cells(
    "let counter = 0; function inc() { counter++; } function get() { return counter; }",
    "counter = 10; [counter, get()]",
    "inc(); [counter, get()]",
    "counter += 5; ++counter; counter **= 2; get()",
    "let missing: string | undefined; const ask = () => missing;",
    'missing ??= "set"; ask()',
  );
  assert.deepEqual(found, [undefined, "[ 10, 10 ]", "[ 11, 11 ]", "289", undefined, "set"]);
});

test("a loop and a timer that an earlier cell left running see an assignment", async () => {
  const found = await cells(
    `let stop = false; let ticks = 0;
     const running = (async () => { for (let i = 0; i < 500; i++) { if (stop) return "stopped"; await new Promise((r) => setTimeout(r, 10)); } return "never"; })();
     const timer = setInterval(() => { ticks++; if (stop) clearInterval(timer); }, 5);`,
    "stop = true; await running",
    "ticks > 0",
    "let callback: (() => string) | undefined; const fire = () => callback?.() ?? 'none';",
    'callback = () => "called"; fire()',
  );
  assert.deepEqual(found, [undefined, "stopped", "true", undefined, "called"]);
});

test("every form of assignment reaches the variable", async () => {
  const found = await cells(
    "let a = 0, b = 0, c: number | undefined = 0, rest: number[] = []; const all = () => JSON.stringify([a, b, c, rest]);",
    "[a, b] = [1, 2]; all()",
    "({ a, b: c = 9 } = { a: 3 } as { a: number; b?: number }); all()",
    "({ a = 8 } = {} as { a?: number }); [b, ...rest] = [4, 5, 6]; all()",
    "for (a of [7, 70]) { } for (b in [0, 0]) { } all()",
    "[a, b as number] = [b, a]; all()",
    "let key = ''; const seen = () => key; 1",
    "for (key in { left: 1, right: 2 }) { } seen()",
    "for ([a, b as number] of [[1, 2], [3, 4]]) { } all()",
  );
  assert.deepEqual(
    [...found.slice(0, 4), ...found.slice(6)],
    [undefined, "[1,2,0,[]]", "[3,2,9,[]]", "[8,4,9,[5,6]]", "1", "right", "[3,4,9,[5,6]]"],
  );
});

test("within one cell, functions and the top level share a variable too", async () => {
  const cell = `let own = 1; const bump = () => { own += 1; }; bump(); own *= 10;
    const read = function () { return own; };
    { let own = 99; own++; }
    ((own: number) => { own = 5; })(0);
    [own, read()]`;
  assert.deepEqual(await cells(cell), ["[ 20, 20 ]"]);
});

test("parameters, locals, properties and labels of the same name are left alone", async () => {
  const found = await cells(
    "let name1 = 'outer'; let n2 = 1; class Holder { name1 = 'field'; n2() { return n2; } static name1 = 's'; }",
    `name1 = 'changed';
     function shadow(name1: string, { n2 }: { n2: number } = { n2: 3 }) { name1 += '!'; n2++; return { name1, n2 }; }
     const local = () => { let name1 = 'local'; name1 += '?'; try { throw 'caught'; } catch (n2) { name1 += n2; } return name1; };
     name1: for (;;) break name1;
     n2 = 7;
     JSON.stringify([shadow('p'), local(), { name1: 1, n2 }, new Holder().name1, Holder.name1, new Holder().n2(), name1, typeof n2, typeof (globalThis as any).name1])`,
  );
  const expected = [{ name1: "p!", n2: 4 }, "local?caught", { name1: 1, n2: 7 }, "field", "s", 7, "changed"];
  assert.equal(found[1], JSON.stringify([...expected, "number", "undefined"]));
});

test("a name declared again is the same variable, also for functions of earlier cells", async () => {
  const found = await cells(
    "let value = 1; function helper() { return 'old'; } const limit = 5; class Kind { static label = 'old'; }",
    "const report = () => [value, helper(), limit, Kind.label].join();",
    "let value = 'text'; function helper() { return 'new'; } const limit = 6; class Kind { static label = 'new'; }",
    "report()",
    "value = 'again'; report()",
    "const { limit, other: [helper] } = { limit: 7, other: [() => 'third'] }; report()",
  );
  assert.deepEqual(found.slice(3), ["text,new,6,new", "again,new,6,new", "again,third,7,new"]);
});

test("a cell that runs again begins anew", async () => {
  const cell =
    "let runs = 0; var seen: number[] | undefined; seen = [...(seen ?? []), ++runs]; enum Mode { A, B } seen.join() + Mode[1]";
  assert.deepEqual(await cells(cell, "runs = 5", cell), ["1B", "5", "1B"]);
  assert.deepEqual(await cells("enum Mode { C } JSON.stringify(Mode)"), ['{"0":"C","C":0}']);
});

test("variables of loops and blocks declared with var are the cell's", async () => {
  const found = await cells(
    "for (var i = 0, squares: number[] = []; i < 3; i++) squares.push(i * i); if (squares) { var inBlock = 'yes'; } for (var { length: size } of ['ab', 'abc']) { } const late = () => [i, inBlock, size].join();",
    "i = 40; inBlock += '!'; late()",
    "for (let i = 0; i < 2; i++) { } i",
  );
  assert.deepEqual(found, [undefined, "40,yes!,3", "40"]);
});

test("functions and classes keep their names, and are called without an object", async () => {
  const found = await cells(
    "const arrow = () => 1, expr = function (this: unknown) { return this === undefined || this === globalThis; }; const Anonymous = class { static self() { return Anonymous.name; } };",
    "[arrow.name, expr.name, Anonymous.name, Anonymous.self(), expr()].join()",
    "const tag = (parts: TemplateStringsArray, ...values: number[]) => parts.join('|') + values.join();",
    "let maybe = undefined as (() => number) | undefined; [tag`a${1}b`, maybe?.(), new Anonymous() instanceof Anonymous].join()",
    "function early() { return hoisted(); } early(); function hoisted() { return 'hoisted'; } early()",
  );
  assert.deepEqual(found.slice(1), [
    "arrow,expr,Anonymous,Anonymous,true",
    undefined,
    "a|b1,,true",
    "hoisted",
  ]);
});

test("imported names are read from their module, and can be declared again", async () => {
  const found = await cells(
    'import { count, next } from "./counter"; import * as paths from "node:path"; import defaultPath, { sep as separator } from "node:path"; const current = () => count;',
    "next(); next(); [count, current(), paths.sep === separator, typeof defaultPath.join].join()",
    'const count = "mine"; current()',
    'import { count } from "./counter"; [count, current()].join()',
    "count = 3",
  );
  assert.deepEqual(found.slice(1, 4), ["2,2,true,function", "mine", "2,2"]);
  assert.match(found[4]!, /^TypeScriptError: .*Cannot assign to 'count' because it is an import/);
});

test("types and constants are checked across cells", async () => {
  const found = await cells(
    "const fixed = 1; let typed: number = 2; function named() {} class Made {}",
    "fixed = 2",
    "typed = 'text'",
    "typed = 3; typed.toFixed(1)",
    "(globalThis as any).unrelated = 1; typed",
  );
  assert.match(found[1]!, /Cannot assign to 'fixed' because it is a constant/);
  assert.match(found[2]!, /Type 'string' is not assignable to type 'number'/);
  assert.deepEqual(found.slice(3), ["3.0", "3"]);
});

test("names that clash with what JavaScript objects inherit are variables like others", async () => {
  const found = await cells(
    "let constructor = 1, toString = 2, hasOwnProperty = 3, value$ = 4, value = 5; const sum = () => constructor + toString + hasOwnProperty + value$ + value;",
    "constructor = 10; toString = 20; value$ = 40; sum()",
  );
  assert.equal(found[1], "78");
});

test("what a cell declared before it failed is known, and what it did not reach says so", async () => {
  const found = await cells(
    "const kept = 5; let total = 1; function double(n: number) { return 2 * n; } total = 7; throw new Error('half way'); const never = 1;",
    "[kept, total, double(kept)].join()",
    "never",
    "const never = 2; never",
    "const early2 = 1; await null; await Promise.reject(new Error('later')); let late2 = 2;",
    "early2",
    "const kept: string = 5;",
    "kept.toFixed(1)",
  );
  assert.equal(found[1], "5,7,10");
  assert.match(found[2]!, /ReferenceError: never has no value: cell\[\d+\]\.ts ended before its declaration/);
  assert.deepEqual([found[3], found[5], found[7]], ["2", "1", "5.0"]);
});

test("what the kernel cannot run is refused with the cell's line", async () => {
  for (const [code, message] of [
    [
      "1;\nimport.meta.url",
      /^TypeScriptError: cell\[\d+\]\.ts:2:1 - 'import\.meta' exists in files of modules only/,
    ],
    ["const exports = { a: 1 }; exports.a", /ts:1:7 - A cell cannot declare 'exports'/],
    ["\n  function require() {}", /ts:2:12 - A cell cannot declare 'require'/],
    ["const { a: exports } = { a: 1 };", /ts:1:12 - A cell cannot declare 'exports'/],
  ] as const) {
    const [found] = await cells(code);
    assert.match(found!, message);
  }
  assert.deepEqual(await cells("const inner = (exports: number) => exports + 1; inner(1)"), ["2"]);
});

test("traces name the cell's lines", async () => {
  await cells("let depth = 0;\nfunction fails() {\n  depth++;\n  throw new Error(`at ${depth}`);\n}");
  const { traceback } = await runCell(kernel, "depth = 4;\n  fails();");
  assert.match(
    traceback.join("\n"),
    /^Error: at 5\n {4}at fails \(cell\[\d+\]\.ts:4:9\)\n {4}at cell\[\d+\]\.ts:2:3$/,
  );
});

test("loops over variables of cells are fast", async () => {
  const { result } = await runCell(
    kernel,
    `let sum = 0; const begin = performance.now();
     for (let i = 0; i < 2e7; i++) sum += i & 7;
     const top = performance.now() - begin;
     function loop() { for (let i = 0; i < 2e7; i++) sum += i & 7; }
     const middle = performance.now(); loop();
     JSON.stringify([sum, top, performance.now() - middle])`,
  );
  const [sum, ...times] = JSON.parse(result!) as [number, number, number];
  assert.equal(sum, 1.4e8);
  for (const ms of times) assert.ok(ms < 2000, `2e7 steps took ${ms} ms`); // 50 ms each on an idle machine
});
