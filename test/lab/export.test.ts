import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import * as aq from "arquero";
import { save, type Figure } from "spectral-lab/lab/index";

const figure: Figure = {
  description: "a line",
  data: [{ type: "scatter", x: [1, 2], y: [3, 4] }],
  layout: { width: 200, height: 100 },
};

test("save writes SVG, PNG and the tables, and leaves nothing else", async () => {
  const folder = join(mkdtempSync(join(tmpdir(), "save-")), "deep", "figures");
  const ranks = aq.table({ matrix: ['in "a", b', "c\nd"], rank: [0.1 + 0.2, NaN], setting: [null, "decay"] });
  const paths = await save(figure, "figure2", { folder, tables: { ranks } });
  assert.deepEqual(readdirSync(folder).sort(), ["figure2-ranks.csv", "figure2.png", "figure2.svg"]);
  assert.deepEqual(
    paths.sort(),
    ["figure2-ranks.csv", "figure2.png", "figure2.svg"].map((name) => join(folder, name)),
  );
  assert.equal(
    readFileSync(join(folder, "figure2-ranks.csv"), "utf8"),
    'matrix,rank,setting\n"in ""a"", b",0.30000000000000004,\n"c\nd",NaN,decay\n',
    "quoted where it must be (RFC 4180), every digit, missing values empty",
  );
  assert.match(readFileSync(join(folder, "figure2.svg"), "utf8"), /^<svg/);
  rmSync(join(folder, "..", ".."), { recursive: true });
});

test("save refuses names that are paths, and says which file cannot be written", async () => {
  const folder = mkdtempSync(join(tmpdir(), "save-"));
  await assert.rejects(save(figure, "../figure", { folder }), /StoreError|expected a name/);
  assert.ok(!existsSync(join(folder, "..", "figure.svg")));
  writeFileSync(join(folder, "file"), "");
  await assert.rejects(save(figure, "figure2", { folder: join(folder, "file") }), {
    name: "StoreError",
    message: /figure2\.svg/,
  });
  rmSync(folder, { recursive: true });
});
