import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { readRows } from "spectral-lab/store/rows";
import { readSafetensors } from "spectral-lab/store/safetensors";
import { readStudy } from "spectral-lab/store/study";
import { ended, firstOutput, start } from "../store/child.js";
import { temporaryFolder } from "../store/temporary-folder.js";
import { complete, files, toyInputs, toyStudy } from "./toy-study.js";

/** Reads every file of a study; throws where one is not whole. */
function checkWhole(folder: string): void {
  if (existsSync(join(folder, "study.json"))) {
    const { status } = readStudy(folder).record;
    assert.ok(status === "interrupted" || status === "finished", status);
  }
  readRows(join(folder, "rows.jsonl"));
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (name.endsWith(".safetensors")) readSafetensors(join(folder, name));
  }
}

it("a study killed at any instant keeps whole files only, and ends with the bytes of the uninterrupted one", async (t) => {
  const [undisturbed, killed] = [temporaryFolder(t), temporaryFolder(t)];
  const request = { kind: toyStudy(), inputs: toyInputs(undisturbed) };
  const whole = await complete(request, { studies: join(undisturbed, "studies") });
  const expected = files(whole.folder);
  assert.equal(expected.size, 1 + 25);

  const folder = join(killed, "studies", "toy", whole.record.id);
  const bytes = (): number =>
    existsSync(join(folder, "rows.jsonl")) ? readFileSync(join(folder, "rows.jsonl")).length : 0;
  const reached: number[] = [];
  for (let life = 0; life < 40; life++) {
    const child = start("../analysis/toy-study", killed, "10");
    await firstOutput(child);
    if (reached.length < 8) {
      // One in four while it starts, the others after it has written something.
      const [before, signal] = [bytes(), AbortSignal.timeout(5000)];
      while (life % 4 > 0 && bytes() === before && child.exitCode === null && !signal.aborted)
        await setTimeout(2);
      await setTimeout(40 * Math.random());
      child.kill("SIGKILL");
    }
    if ((await ended(child)) === 0) break;
    if (existsSync(folder)) checkWhole(folder);
    reached.push(readRows(join(folder, "rows.jsonl")).rows.length / 3);
  }
  t.diagnostic(`killed after ${reached.map((parts) => parts.toFixed(1)).join(", ")} parts`);
  assert.ok(reached.length >= 3 && new Set(reached).size >= 2, `killed after ${reached.join(", ")} parts`);
  assert.equal(readStudy(folder).record.status, "finished");
  assert.deepEqual(files(folder), expected);
  assert.deepEqual(readdirSync(folder).sort(), ["parts", "rows.jsonl", "study.json"]);
});
