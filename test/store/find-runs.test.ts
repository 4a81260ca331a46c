import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { float32 } from "spectral-lab/core/array";
import { setFolderAside } from "spectral-lab/store/folder";
import { findRuns } from "spectral-lab/store/find-runs";
import { identityOf, RUN, runId } from "spectral-lab/store/record";
import { exportRun } from "spectral-lab/store/results";
import { openRun } from "spectral-lab/store/run";
import { readRun } from "spectral-lab/store/stored-run";
import { describeRun } from "./description.js";
import { beforeCalls } from "./file-calls.js";
import { temporaryFolder } from "./temporary-folder.js";

const described = (seed: number) => describeRun({ task: "toy", seed, config: { steps: 10 } });

function finished(root: string, seed: number): string {
  const run = openRun(root, described(seed));
  run.writeArrays(0, new Map([["s", float32([1], Float32Array.of(1))]]));
  run.appendRows([{ step: 0, value: seed }]);
  run.update({ status: "finished", step: 0 });
  run.close();
  return run.folder;
}

/** Finds the seeds of the runs under a folder, and what is said of the rest. */
function found(root: string | readonly string[]): [seeds: number[], said: string[]] {
  const said: string[] = [];
  const runs = findRuns(root, { onLeftOut: (line) => said.push(line) });
  return [runs.map(({ record }) => record.seed).sort(), said];
}

describe("one damaged folder", () => {
  let root: string;
  beforeEach(() => {
    root = fs.mkdtempSync(join(tmpdir(), "spectral-find-"));
    finished(root, 1);
    finished(root, 2);
  });

  afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

  const stray = (): string => join(root, "toy", "stray");
  const damages: [what: string, make: () => string, says: RegExp][] = [
    [
      "a record cut short",
      () => {
        const folder = finished(root, 3);
        fs.truncateSync(join(folder, "run.json"), 20);
        return folder;
      },
      /run\.json: expected JSON/,
    ],
    [
      "a folder that lost its record",
      () => {
        const folder = finished(root, 3);
        fs.rmSync(join(folder, "run.json"));
        return folder;
      },
      /run\.json: expected the record of this run, found no such file/,
    ],
    [
      "a record that is a folder",
      () => {
        fs.mkdirSync(join(stray(), "run.json"), { recursive: true });
        return stray();
      },
      /run\.json: expected a file, found a folder/,
    ],
    [
      "a record that is a link to itself",
      () => {
        fs.mkdirSync(stray());
        fs.symlinkSync("run.json", join(stray(), "run.json"));
        return stray();
      },
      /cannot read .*stray\/run\.json: links lead in a circle \(ELOOP\)/,
    ],
    [
      "a record that is a link to nowhere",
      () => {
        fs.mkdirSync(stray());
        fs.symlinkSync("nowhere", join(stray(), "run.json"));
        return stray();
      },
      /stray\/run\.json: expected a run, found no such file/,
    ],
    [
      "a folder that is a link to itself",
      () => {
        fs.symlinkSync("stray", stray());
        return stray();
      },
      /cannot follow the link .*stray: links lead in a circle \(ELOOP\)/,
    ],
    [
      "a task that is a link to itself",
      () => {
        fs.symlinkSync("loop", join(root, "loop"));
        return join(root, "loop");
      },
      /cannot follow the link .*loop: links lead in a circle/,
    ],
    [
      "another run's folder under a name of its own",
      () => {
        fs.cpSync(join(root, "toy", runId(identityOf(described(1)))), stray(), { recursive: true });
        return stray();
      },
      /expected the folder's name stray as "id"/,
    ],
    [
      "a run under another task's name",
      () => {
        const folder = join(root, "vgg", runId(identityOf(described(1))));
        fs.cpSync(join(root, "toy", runId(identityOf(described(1)))), folder, { recursive: true });
        return folder;
      },
      /run\.json: expected a run of vgg, found one of toy/,
    ],
    [
      "a committed result whose arrays are damaged",
      () => {
        const folder = exportRun(readRun(finished(join(root, "elsewhere"), 3)), root);
        fs.rmSync(join(root, "elsewhere"), { recursive: true });
        fs.truncateSync(join(folder, "arrays.safetensors"), 9);
        return folder;
      },
      /arrays\.safetensors: expected \d+ bytes, as the finished record states/,
    ],
    [
      "a run whose lock is damaged",
      () => {
        const run = openRun(root, described(3));
        run.close();
        fs.writeFileSync(join(run.folder, "lock"), "{");
        return run.folder;
      },
      /lock: expected a lock file, found damage/,
    ],
  ];
  for (const [what, make, says] of damages) {
    it(`(${what}) is named once and hides no other`, () => {
      const folder = make();
      const [seeds, said] = found(root);
      assert.deepEqual(seeds, [1, 2]);
      assert.equal(said.length, 1, said.join("\n"));
      assert.match(said[0], says);
      assert.ok(said[0].startsWith("left out: ") && said[0].includes(folder), said[0]);
    });
  }

  it("(one that may not be read) is named once and hides no other", (t) => {
    const task = join(root, "secret");
    fs.mkdirSync(task);
    beforeCalls(t, ["readdirSync"], (_, [path]) => {
      if (path === task) throw Object.assign(new Error("EACCES"), { code: "EACCES" });
    });
    const [seeds, said] = found(root);
    assert.deepEqual(seeds, [1, 2]);
    assert.deepEqual(said, [`left out: cannot list ${task}: no permission (EACCES)`]);
  });

  it("(files, empty folders, hidden ones, and what was set aside) is none: nothing is said", () => {
    fs.writeFileSync(join(root, "README"), "");
    fs.writeFileSync(join(root, "toy", "notes.txt"), "");
    fs.mkdirSync(join(root, "toy", "empty"));
    fs.mkdirSync(join(root, "toy", ".replaced", "x"), { recursive: true });
    fs.symlinkSync("../README", join(root, "toy", "link"));
    const folder = finished(root, 3);
    fs.truncateSync(join(folder, "run.json"), 20);
    const aside = setFolderAside(RUN, folder);
    assert.equal(aside, `${folder}.damaged-1`);
    assert.deepEqual(found(root), [[1, 2], []]);
  });

  it("is found whole under another root", () => {
    const other = join(root, "..", `${root.split("/").at(-1)}-other`);
    fs.cpSync(root, other, { recursive: true });
    fs.truncateSync(join(root, "toy", runId(identityOf(described(1))), "rows.jsonl"), 3);
    const [seeds, said] = found([root, other]);
    fs.rmSync(other, { recursive: true });
    assert.deepEqual([seeds, said.length], [[1, 2], 1]);
  });

  it("is said once in a process where nobody asks to be told", async () => {
    fs.truncateSync(join(root, "toy", runId(identityOf(described(2))), "run.json"), 3);
    const said: string[] = [];
    const listen = ({ message }: Error): void => void said.push(message);
    process.on("warning", listen);
    findRuns(root);
    findRuns(root);
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", listen);
    assert.equal(said.length, 1);
  });
});

describe("runs behind links", () => {
  it("are found: a task's folder on another disk, a run's folder", (t) => {
    const [root, disk] = [temporaryFolder(t), temporaryFolder(t)];
    finished(disk, 1);
    fs.symlinkSync(join(disk, "toy"), join(root, "toy"));
    assert.deepEqual(found(root), [[1], []]);
    const [other] = [temporaryFolder(t)];
    fs.mkdirSync(join(other, "toy"));
    const id = runId(identityOf(described(1)));
    fs.symlinkSync(join(disk, "toy", id), join(other, "toy", id));
    assert.deepEqual(found(other), [[1], []]);
  });
});

describe("two thousand runs", () => {
  it("are listed without reading their arrays", (t) => {
    const root = temporaryFolder(t);
    const folder = finished(root, 0);
    const kept = JSON.parse(fs.readFileSync(join(folder, "run.json"), "utf8")) as Record<string, never>;
    for (let seed = 1; seed < 2000; seed++) {
      const id = runId(identityOf(described(seed)));
      const other = join(root, "toy", id);
      fs.mkdirSync(other);
      fs.writeFileSync(join(other, "run.json"), JSON.stringify({ ...kept, seed, id }));
      fs.linkSync(join(folder, "rows.jsonl"), join(other, "rows.jsonl"));
    }
    const started = performance.now();
    assert.equal(findRuns(root).length, 2000);
    const seconds = (performance.now() - started) / 1000;
    t.diagnostic(`${seconds.toFixed(2)} s`);
    assert.ok(seconds < 10);
  });
});
