import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { runStudy, type StudyProgress, type StudyRequest } from "spectral-lab/analysis/study";
import { readRows } from "spectral-lab/store/rows";
import { readStudy, type StudyReader } from "spectral-lab/store/study";
import { ended, firstOutput, start } from "../store/child.js";
import { temporaryFolder } from "../store/temporary-folder.js";
import { type Calls, complete, files, toyInputs, toyStudy } from "./toy-study.js";

const calls = (): Calls => ({ started: [], ended: [] });

describe("runStudy", () => {
  it("computes every part once, in order, and opens what is finished", async (t) => {
    const root = temporaryFolder(t);
    const [inputs, made] = [toyInputs(root), calls()];
    const request = { kind: toyStudy(made), inputs, set: { alphas: 3, scale: 2 } };
    const computing = runStudy(request, { studies: root });
    const progress: StudyProgress[] = [];
    let next = await computing.next();
    for (; !next.done; next = await computing.next()) progress.push(next.value);
    const { record, folder, rows, readArrays } = next.value;
    assert.deepEqual(
      progress.map(({ done, total }) => [done, total]),
      [0, 1, 2, 3].map((done) => [done, 3]),
    );
    assert.ok(progress.every((at) => at.folder === folder));
    const names = ["alpha/0", "alpha/1", "alpha/2"];
    assert.deepEqual(made.ended, names);
    assert.deepEqual(
      rows().map(({ part, index }) => [part, index]),
      names.flatMap((part) => [0, 1, 2].map((index) => [part, index])),
    );
    const mixed = Array.from(readArrays("alpha/1").get("mixed")!.data, Number);
    assert.deepEqual(
      mixed,
      rows()
        .filter(({ part }) => part === "alpha/1")
        .map(({ value }) => value),
    );
    assert.deepEqual(
      [record.status, record.parameters, record.changed],
      ["finished", request.set, request.set],
    );
    assert.deepEqual(
      record.inputs.map(({ run, task, step, seed }) => [run, task, step, seed]),
      inputs.map(({ run }, seed) => [run.record.id, "toy", 10, seed]),
    );
    assert.match(record.code.version, /^\d+\.\d+/);
    assert.ok(record.finished! >= record.created && record.timings.computing > 0);

    assert.deepEqual((await complete(request, { studies: root })).record, record);
    assert.equal(made.started.length, 3, "not computed again");
    await complete({ ...request, set: { alphas: 3 } }, { studies: root });
    assert.equal(made.started.length, 6, "another parameter is another study");
  });

  it("writes parts in order, in whatever order they end", async (t) => {
    const root = temporaryFolder(t);
    const [inputs, made] = [toyInputs(root), calls()];
    const slowFirst = (part: string): Promise<unknown> => setTimeout(part === "alpha/0" ? 100 : 1);
    const set = { alphas: 6 };
    const together = await complete(
      { kind: toyStudy(made, slowFirst, 3), inputs, set },
      { studies: join(root, "a") },
    );
    assert.deepEqual(made.ended.slice(0, 3), ["alpha/1", "alpha/2", "alpha/0"]);
    const alone = await complete({ kind: toyStudy(), inputs, set }, { studies: join(root, "b") });
    assert.deepEqual(files(together.folder), files(alone.folder));
  });

  it("given up or stopped, is interrupted and unlocked, leaves nothing under way, and goes on", async (t) => {
    const root = temporaryFolder(t);
    const inputs = toyInputs(root);
    const expected = files(
      (await complete({ kind: toyStudy(), inputs }, { studies: join(root, "whole") })).folder,
    );

    const made = calls();
    const slow = (_: string, signal: AbortSignal): Promise<unknown> => setTimeout(20, undefined, { signal });
    const request = { kind: toyStudy(made, slow, 4), inputs };
    const studies = join(root, "stopped");
    const folderAfter = (how: string, { folder, record }: Pick<StudyReader, "folder" | "record">): void => {
      assert.deepEqual([record.status, record.failure], ["interrupted", undefined], how);
      assert.ok(!existsSync(join(folder, "lock")), how);
      const files = readdirSync(join(folder, "parts")).length;
      assert.equal(
        files,
        new Set(readRows(join(folder, "rows.jsonl")).rows.map(({ part }) => part)).size,
        how,
      );
    };
    let folder = "";
    for await (const progress of runStudy(request, { studies })) {
      folder = progress.folder;
      assert.equal(readStudy(folder).record.status, "running");
      if (progress.done === 3) break;
    }
    folderAfter("break", readStudy(folder));
    const started = made.started.length;
    assert.ok(started > 3 && made.ended.length === 3, "those under way were told");
    await setTimeout(100);
    assert.deepEqual([made.started.length, made.ended.length], [started, 3], "nothing goes on behind it");

    const stop = new AbortController();
    const computing = runStudy(request, { studies, signal: stop.signal });
    const first = await computing.next();
    assert.ok(!first.done && first.value.done === 3, "what was written is kept");
    await computing.next();
    stop.abort();
    const stopped = await computing.next();
    assert.ok(stopped.done);
    folderAfter("signal", stopped.value);
    const never = await complete(request, { studies, signal: AbortSignal.abort() });
    folderAfter("a signal that was given before", never);

    const finished = await complete(request, { studies });
    assert.equal(finished.record.status, "finished");
    assert.deepEqual(files(finished.folder), expected);
    assert.equal(finished.folder, folder);
    assert.ok(!process.listenerCount("SIGINT"));
  });

  it("that fails says why, keeps what was written, and goes on when the cause is gone", async (t) => {
    const root = temporaryFolder(t);
    const inputs = toyInputs(root);
    const bad = async (part: string): Promise<void> => {
      if (part === "alpha/2") throw new TypeError("no such thing");
    };
    const set = { alphas: 4 };
    const made = calls();
    await assert.rejects(
      complete({ kind: toyStudy(made, bad, 4), inputs, set }, { studies: root }),
      /no such thing/,
    );
    const [id] = readdirSync(join(root, "toy"));
    const { record, rows } = readStudy(join(root, "toy", id));
    assert.deepEqual([record.status, record.failure], ["failed", "no such thing"]);
    assert.equal(rows().length, 6);
    made.started.length = 0;
    const finished = await complete({ kind: toyStudy(made), inputs, set }, { studies: root });
    assert.deepEqual(made.started, ["alpha/2", "alpha/3"]);
    assert.deepEqual([finished.record.status, finished.record.failure], ["finished", undefined]);
  });

  it("refuses inputs and parameters that its kind cannot take, and writes nothing then", async (t) => {
    const root = temporaryFolder(t);
    const inputs = toyInputs(root);
    const studies = join(root, "studies");
    const wrong: [Partial<StudyRequest>, RegExp][] = [
      [{ inputs: inputs.slice(1) }, /toy: expected two inputs, found 1/],
      [{ set: { alpha: 3 } }, /toy: setting "alpha" does not exist; did you mean "alphas"/],
      [{ set: { scale: 11 } }, /toy: setting "scale": expected a number in \[0, 10\], found 11/],
    ];
    for (const [changes, message] of wrong) {
      const request = { kind: toyStudy(), inputs, ...changes };
      await assert.rejects(complete(request, { studies }), { name: "ConfigError", message });
    }
    assert.ok(!existsSync(studies));
  });

  it("names a damaged study.json, and sets it aside on request without computing again", async (t) => {
    const root = temporaryFolder(t);
    const made = calls();
    const request = { kind: toyStudy(made), inputs: toyInputs(root), set: { alphas: 3 } };
    const { folder } = await complete(request, { studies: root });
    const path = join(folder, "study.json");
    truncateSync(path, 40);
    const cut = readFileSync(path, "utf8");
    const message = /study\.json: expected JSON, found .*setAsideDamaged: true.*goes on from the parts/;
    await assert.rejects(complete(request, { studies: root }), { name: "DataError", message });
    assert.equal(readFileSync(path, "utf8"), cut);
    const repair = { studies: root, setAsideDamaged: true, onWarning: () => undefined };
    assert.equal((await complete(request, repair)).record.status, "finished");
    assert.equal(made.started.length, 3);
    assert.equal(readFileSync(`${path}.damaged-1`, "utf8"), cut);
  });

  it("of which another process computes one is refused: it says who has it", async (t) => {
    const root = temporaryFolder(t);
    const child = start("../analysis/toy-study", root, "100");
    await firstOutput(child);
    const studies = join(root, "studies");
    while (!existsSync(studies) || readStudies(studies).length === 0) await setTimeout(20);
    const message = new RegExp(`study .* is in use by process ${child.pid}`);
    const request = { kind: toyStudy(), inputs: toyInputs(root) };
    await assert.rejects(complete(request, { studies }), { name: "StoreError", message });
    assert.equal(await ended(child), 0, "the first computed it meanwhile");
    assert.equal((await complete(request, { studies })).record.status, "finished");
  });
});

/** The rows files of all studies of a folder. */
function readStudies(studies: string): string[] {
  return readdirSync(studies, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith("rows.jsonl"),
  );
}
