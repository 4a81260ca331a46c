import assert from "node:assert/strict";
import * as fs from "node:fs";
import { describe, it } from "node:test";
import { openFolder } from "spectral-lab/store/folder";
import { identityOf, newRecord, RUN, runFolder, type RunRecord } from "spectral-lab/store/record";
import { temporaryFolder } from "./temporary-folder.js";
import { toy } from "./toy-run.js";

const moved = { name: "StoreError", message: /no longer locked by this process: its folder was moved away/ };

describe("a folder that is moved while it is opened", () => {
  for (const known of [false, true]) {
    it(`${known ? "an old" : "a new"} one is one error, and is not made anew in its place`, (t) => {
      const folder = runFolder(temporaryFolder(t), identityOf(toy));
      const record = newRecord(toy);
      const as = { create: () => record, check: () => undefined };
      if (known) openFolder<RunRecord>(RUN, folder, as).close();
      const move = (): void => fs.renameSync(folder, `${folder}-moved`);
      const moving = {
        create: () => (move(), record),
        check: move,
      };
      assert.throws(() => openFolder<RunRecord>(RUN, folder, moving), moved);
      assert.ok(!fs.existsSync(folder));
    });
  }
});
