// Builds the AssemblyScript kernels, each with plain and with relaxed SIMD, where their sources are newer than the
// results. Plain JavaScript, because it runs before anything is compiled.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const compiler = join(
  dirname(createRequire(import.meta.url).resolve("assemblyscript/package.json")),
  "bin/asc.js",
);
const modified = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

// The SVD kernel owns its memory; the backend's kernel works on TensorFlow.js's.
build("src/linalg/wasm", "dist/linalg", "svd", ["--maximumMemory", "65536"]);
build("src/backend/wasm/kernel", "dist/backend/wasm", "kernel", ["--importMemory"]);

function build(sourceFolder, targetFolder, name, memory) {
  const source = join(root, sourceFolder);
  const target = join(root, targetFolder);
  const inputs = [...readdirSync(source).map((file) => join(source, file)), fileURLToPath(import.meta.url)];
  const newest = Math.max(...inputs.map(modified));
  mkdirSync(target, { recursive: true });
  for (const [suffix, features] of [
    ["", ["simd"]],
    ["-relaxed", ["simd", "relaxed-simd"]],
  ]) {
    const file = `${name}${suffix}.wasm`;
    const output = join(target, file);
    if (modified(output) > newest) continue;
    const temporary = join(target, `${process.pid}-${file}`);
    // 112: "v128 values cannot cross to JavaScript"; ours never do.
    const options = ["-O3", "--noAssert", "--runtime", "stub", "--disableWarning", "112", ...memory];
    const enabled = features.flatMap((feature) => ["--enable", feature]);
    const command = [compiler, join(source, "kernel.ts"), "-o", temporary, ...options, ...enabled];
    execFileSync(process.execPath, command, { cwd: root, stdio: "inherit" });
    renameSync(temporary, output);
    console.log(`${file}: ${statSync(output).size} bytes`);
  }
}
