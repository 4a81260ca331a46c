/**
 * Makes a self-contained folder that runs the laboratory's command line on a Linux x64 machine with a GPU and nothing
 * else (no Node, no network, no Vulkan loader), as build/gpu-pack.tar.xz:
 *
 *     npm run build && node build/tools/gpu-pack.js [--out FILE.tar.xz] [NAME=ENTRY.js ...]
 *
 * On that machine: tar -xJf gpu-pack.tar.xz && gpu-pack/run.sh spectral doctor, or gpu-pack/run.sh bench --steps 25.
 * Each NAME=ENTRY is bundled too; by default spectral=dist/cli/main.js and bench=build/bench/steps.js. The system
 * libraries come from Debian by apt-get download and are found through LD_LIBRARY_PATH: nothing is installed.
 */
import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { thisCode } from "spectral-lab/store/code";

/** NVIDIA's Vulkan driver links GLX and X11 even where there is no display. */
const libraries = [
  ...["libvulkan1", "libegl1", "libglvnd0", "libopengl0", "libgl1", "libglx0", "libgles2"],
  ...["libx11-6", "libxcb1", "libxau6", "libxdmcp6", "libbsd0", "libmd0", "libxext6"],
];

/** Native or optional packages that stay outside the bundle; the first two are copied along. */
const copied = ["webgpu", "koffi"];
const absent = [
  ...[
    "@tensorflow/tfjs-node-gpu",
    "@napi-rs/canvas",
    "jsdom",
    "plotly.js-cartesian-dist-min",
    "danfojs-node",
  ],
  ...["tslab", "zeromq", "typescript"],
];

const { values, positionals } = parseArgs({
  options: { out: { type: "string", default: "build/gpu-pack.tar.xz" } },
  allowPositionals: true,
});
const entries = new Map([
  ["spectral", "dist/cli/main.js"],
  ["bench", "build/bench/steps.js"],
  ...positionals.map((argument) => argument.split("=", 2) as [string, string]),
]);

const runScript = `#!/bin/sh
# gpu-pack/run.sh NAME [ARGUMENT...]: runs the bundled program NAME (spectral, bench).
here=$(cd "$(dirname "$0")" && pwd)
name=\${1:-spectral}
[ $# -gt 0 ] && shift
export LD_LIBRARY_PATH="\${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$here/lib"
export XDG_RUNTIME_DIR="\${XDG_RUNTIME_DIR:-/tmp}"
exec "$here/node" "$here/app/$name.js" "$@"
`;

/** What CommonJS modules expect to find around them. */
const commonJsNames = `import { createRequire as packRequire } from "node:module";
import { dirname as packParent } from "node:path";
import { fileURLToPath as packPath } from "node:url";
const require = packRequire(import.meta.url), __filename = packPath(import.meta.url), __dirname = packParent(__filename);`;

const work = mkdtempSync(join(tmpdir(), "gpu-pack-"));
try {
  const folder = join(work, "gpu-pack");
  const app = join(folder, "app");
  mkdirSync(app, { recursive: true });
  await bundle(app);
  copyPackages(join(folder, "node_modules"));
  copyNode(join(folder, "node"));
  fetchLibraries(join(folder, "lib"));
  writeFileSync(join(folder, "run.sh"), runScript, { mode: 0o755 });
  const out = resolve(values.out);
  mkdirSync(dirname(out), { recursive: true });
  execFileSync("tar", ["-C", work, "-cJf", out, "gpu-pack"], { env: { ...process.env, XZ_OPT: "-6 -T2" } });
  console.log(`${values.out}: ${(statSync(out).size / 2 ** 20).toFixed(1)} MiB`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** One file for each entry and for the SVD worker, with the WebAssembly modules that they look for beside themselves. */
async function bundle(app: string): Promise<void> {
  const present = [...entries].filter(
    ([name, file]) => existsSync(file) || console.log(`${name}: no ${file}; left out`),
  );
  await build({
    entryPoints: [...present, ["worker", "dist/linalg/worker.js"]].map(([out, file]) => ({ in: file, out })),
    outdir: app,
    bundle: true,
    platform: "node",
    format: "esm",
    mainFields: ["module", "main"],
    ignoreAnnotations: true, // TensorFlow.js declares no side effects, and registers its kernels by them
    external: [...copied, ...absent],
    alias: { "spectral-lab": resolve("dist") },
    define: { "process.env.SPECTRAL_CODE": JSON.stringify(JSON.stringify(thisCode())) },
    banner: { js: commonJsNames },
    logLevel: "error",
  });
  const { name, version } = JSON.parse(readFileSync("package.json", "utf8")) as Record<string, string>;
  writeFileSync(join(app, "package.json"), `${JSON.stringify({ name, version, type: "module" })}\n`);
  for (const from of ["dist/linalg", "dist/backend/wasm"]) {
    for (const file of readdirSync(from))
      if (file.endsWith(".wasm")) cpSync(join(from, file), join(app, file));
  }
}

/** The packages with native or WebAssembly parts, for Linux x64 alone. */
function copyPackages(target: string): void {
  const require = createRequire(import.meta.url);
  const rootOf = (name: string): string => {
    let root = dirname(require.resolve(name));
    while (!existsSync(join(root, "package.json")) || !root.endsWith(name)) root = dirname(root);
    return root;
  };
  const copy = (name: string, files: readonly string[]): void => {
    for (const file of files) cpSync(join(rootOf(name), file), join(target, name, file), { recursive: true });
  };
  copy("webgpu", ["package.json", "index.js", "dist/linux-x64"]);
  execFileSync("strip", [join(target, "webgpu/dist/linux-x64/dawn.node")]);
  copy("koffi", ["package.json", "index.js", "index.cjs", "indirect.js", "indirect.cjs", "lib", "src"]);
  cpSync(join(rootOf("koffi"), "../@koromix/koffi-linux-x64"), join(target, "@koromix/koffi-linux-x64"), {
    recursive: true,
  });
  const wasm = "@tensorflow/tfjs-backend-wasm";
  copy(wasm, ["package.json", "dist/tfjs-backend-wasm.wasm", "dist/tfjs-backend-wasm-simd.wasm"]);
}

function copyNode(target: string): void {
  cpSync(process.execPath, target, { dereference: true });
  execFileSync("strip", [target]);
}

function fetchLibraries(target: string): void {
  const packages = join(work, "packages");
  const root = join(work, "root");
  mkdirSync(packages);
  mkdirSync(target);
  execFileSync("apt-get", ["-qq", "-o", "APT::Sandbox::User=root", "download", ...libraries], {
    cwd: packages,
  });
  for (const file of readdirSync(packages)) execFileSync("dpkg", ["-x", join(packages, file), root]);
  const multiarch = join(root, "usr/lib/x86_64-linux-gnu");
  for (const from of [multiarch, join(root, "lib/x86_64-linux-gnu")]) {
    if (!existsSync(from)) continue;
    for (const file of readdirSync(from)) {
      if (basename(file).includes(".so"))
        cpSync(join(from, file), join(target, file), { verbatimSymlinks: true });
    }
  }
}
