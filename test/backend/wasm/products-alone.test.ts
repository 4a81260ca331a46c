import assert from "node:assert/strict";
import { test } from "node:test";
import { startBackend } from "spectral-lab/backend/start";
import { checkProducts } from "./products.js";

test("wasm: without a BLAS, convolutions and products are those of plain JavaScript too", async () => {
  process.env.SPECTRAL_LAPACK = "none";
  const { versions, description } = await startBackend({ backend: "wasm" });
  assert.equal(versions.blas, undefined);
  assert.equal(description, "WebAssembly (SIMD) on one CPU core");
  await checkProducts();
});
