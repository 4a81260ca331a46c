import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  chooseEngine,
  type EngineName,
  engineDescribed,
  engineNamed,
} from "spectral-lab/linalg/engine-choice";

/** A machine on which some engines work. */
const machine =
  (...works: readonly EngineName[]) =>
  (engine: EngineName): { description: string } => {
    if (!works.includes(engine)) throw new Error(`no ${engine} here`);
    return { description: engine === "lapack" ? "LAPACK (Test 1.0)" : "WebAssembly (SIMD)" };
  };
const both = machine("lapack", "wasm");
const wasmOnly = machine("wasm");

describe("chooseEngine", () => {
  it("takes LAPACK at the beginning where there is one, else WebAssembly", () => {
    assert.deepEqual(chooseEngine("run", { open: both }), {
      engine: "lapack",
      description: "LAPACK (Test 1.0)",
    });
    assert.equal(chooseEngine("run", { open: wasmOnly }).engine, "wasm");
  });

  it("stays on the engine on which something was begun, whatever else is there", () => {
    const begun = "WebAssembly (relaxed SIMD), 3 threads";
    assert.equal(chooseEngine("run", { begun, open: both }).engine, "wasm");
    assert.equal(chooseEngine("run", { begun: "LAPACK (Other 2.0), 1 thread", open: both }).engine, "lapack");
    assert.equal(chooseEngine("run", { begun: "none (exit code 1)", open: both }).engine, "lapack");
  });

  it("changes only when it is asked to", () => {
    const begun = "LAPACK (Other 2.0), 1 thread";
    assert.equal(chooseEngine("run", { begun, asked: "wasm", open: both }).engine, "wasm");
    assert.equal(chooseEngine("run", { begun, asked: "wasm", open: wasmOnly }).engine, "wasm");
  });

  it("refuses in one sentence that names the choices where that engine is not there", () => {
    const begun = "LAPACK (Other 2.0), 1 thread";
    assert.throws(() => chooseEngine("data/runs/vgg/x", { begun, open: wasmOnly }), {
      name: "ConfigError",
      message:
        "data/runs/vgg/x: its matrices were decomposed by LAPACK (Other 2.0), 1 thread, which cannot be used here " +
        "(no lapack here). Make that engine usable (`spectral doctor` shows them), or go on with the other one on purpose, " +
        "which the record then says: --svd wasm",
    });
    assert.throws(() => chooseEngine("x", { asked: "lapack", open: wasmOnly }), {
      name: "ConfigError",
      message: /expected the SVD engine lapack, which cannot be used here/,
    });
  });
});

it("engines are known by their descriptions and names", () => {
  assert.deepEqual(["LAPACK (x)", "WebAssembly (SIMD)", "none", undefined].map(engineDescribed), [
    "lapack",
    "wasm",
    undefined,
    undefined,
  ]);
  assert.deepEqual([undefined, "wasm", "lapack"].map(engineNamed), [undefined, "wasm", "lapack"]);
  assert.throws(() => engineNamed("lapak"), { name: "ConfigError", message: /did you mean "lapack"/ });
});
