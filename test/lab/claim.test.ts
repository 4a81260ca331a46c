import assert from "node:assert/strict";
import { test } from "node:test";
import { JSDOM } from "jsdom";
import { claimsHtml, claimsText } from "spectral-lab/lab/index";
import type { Claim } from "spectral-lab/paper/claim";

const claim: Claim = {
  figure: 3,
  statement: "rank <b>falls</b>",
  null: "a walk & a clock",
  effect: '0.2 "or so" (one seed: no spread)',
  threshold: "from > 0.01 on",
  numbers: { fell: 3 },
  verdict: "disagrees",
};

test("claims as text: verdict, statement, what was measured, the null, the rule", () => {
  assert.equal(
    claimsText([claim]),
    "✗ disagrees: rank <b>falls</b>\n" +
      '    measured: 0.2 "or so" (one seed: no spread)\n' +
      "    against: a walk & a clock\n" +
      "    rule: from > 0.01 on",
  );
});

test("claims as a table: a row each, every text as it is written and nothing as markup", () => {
  const html = claimsHtml([claim, { ...claim, verdict: "undecided" }]);
  const { document } = new JSDOM(html).window;
  const rows = [...document.querySelectorAll("tbody tr")].map((row) =>
    [...row.querySelectorAll("td")].map((cell) => cell.textContent),
  );
  assert.deepEqual(rows, [
    ["3", claim.statement, "✗\u00a0disagrees", claim.effect, claim.null, claim.threshold],
    ["3", claim.statement, "?\u00a0undecided", claim.effect, claim.null, claim.threshold],
  ]);
  assert.equal(document.querySelectorAll("td b").length, 2, "the verdicts are bold, nothing else is");
  assert.equal(document.querySelectorAll("thead th").length, 6);
  const widths = [...document.querySelectorAll("col")].map((col) =>
    parseFloat(col.getAttribute("style")!.split(":")[1]),
  );
  assert.equal(
    widths.reduce((sum, width) => sum + width),
    100,
  );
});
