import assert from "node:assert/strict";
import { test } from "node:test";
import { claimsHtml, claimsText } from "spectral-lab/lab/index";
import type { Claim } from "spectral-lab/paper/claim";

const claim: Claim = {
  figure: 3,
  statement: "rank < 1 falls",
  numbers: { fell: 3 },
  verdict: "disagrees",
  detail: "in 3 of 9",
};

test("claims are shown with verdict and numbers", () => {
  assert.equal(claimsText([claim]), "✗ disagrees: rank < 1 falls\n    in 3 of 9");
  const html = claimsHtml([claim, { ...claim, verdict: "undecided" }]);
  assert.match(html, /rank &#60; 1 falls.*✗&nbsp;disagrees.*in 3 of 9.*\?&nbsp;undecided/s);
});
