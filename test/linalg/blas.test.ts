import assert from "node:assert/strict";
import { test } from "node:test";
import { loadBlas } from "spectral-lab/linalg/blas";
import { loadLapack } from "spectral-lab/linalg/lapack";

test("a BLAS that is switched off or not there is refused with the reason", () => {
  for (const load of [loadBlas, loadLapack]) {
    assert.throws(() => load("none"), /switched off by SPECTRAL_LAPACK=none/);
    assert.throws(
      () => load("libnothing-of-that-name.so"),
      /no library could be used \(libnothing-of-that-name/,
    );
  }
});

test("a library without the product is refused", (t) => {
  const library = process.platform === "linux" ? "libc.so.6" : undefined;
  if (library === undefined) return t.skip("needs the name of a library that every such system has");
  assert.throws(() => loadBlas(library), /it has no cblas_sgemm/);
});
