import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { agreement, stability, trajectory } from "spectral-lab/analysis/index";
import type { StudyKind } from "spectral-lab/analysis/study";
import { float32, type NamedArrays } from "spectral-lab/core/array";
import { runAtStep, type RunAtStep } from "spectral-lab/store/run-at-step";
import type { RunReader } from "spectral-lab/store/stored-run";
import type { StudyReader } from "spectral-lab/store/study";
import { modularAddition } from "spectral-lab/tasks/index";
import { runTask, type RunRequest } from "spectral-lab/tasks/run";
import { parseEdit } from "spectral-lab/train/edits/edit";
import { complete } from "./toy-study.js";
import { storedNetwork } from "./stored-network.js";

const root = mkdtempSync(join(tmpdir(), "spectral-stability-"));
after(() => rmSync(root, { recursive: true, force: true }));
const [runs, studies] = [join(root, "runs"), join(root, "studies")];

const tiny = { modulus: 7, width: 12, hidden: 16, epochs: 8, measureEvery: 2, pruneEvery: 8, weightDecay: 1 };

async function trained(changes: Partial<RunRequest>): Promise<RunReader> {
  const training = runTask({ task: modularAddition, set: tiny, backend: "wasm", runs, ...changes });
  let next = await training.next();
  while (!next.done) next = await training.next();
  return next.value.run;
}

const trunk = await trained({ keep: ["4it"], vectors: 12 });
const ticket = await trained({
  start: { run: trunk, step: 4, edit: parseEdit("magnitude:0.9") },
  set: {},
  vectors: 12,
});

const at = (run: RunReader, step: number | "end" = "end"): RunAtStep =>
  runAtStep(`${run.folder}@${step}`, []);
const study = (kind: StudyKind, inputs: readonly RunAtStep[], set = {}): Promise<StudyReader> =>
  complete({ kind, inputs, set }, { studies });
const diagonal = (found: StudyReader, part: string, matrix: string): number[] =>
  Array.from(found.readArrays(part).get(`agreement/${matrix}`)!.data, Number);
const scores = (found: StudyReader, step: number): number[] =>
  found
    .rows()
    .filter((row) => row.step === step)
    .map(({ score }) => Number(score));

function assertNear(found: readonly number[], expected: readonly number[], what: string, most = 1e-5): void {
  assert.equal(found.length, expected.length, what);
  found.forEach((x, i) => assert.ok(Math.abs(x - expected[i]) < most, `${what} ${i}: ${x}, ${expected[i]}`));
}

test("stability is agreement with the last step, at every step at which vectors were kept; with itself it is 1", async () => {
  const found = await study(stability, [at(trunk)], { pairs: 12 });
  const steps = [0, 2, 4, 6, 8];
  assert.deepEqual([...new Set(found.rows().map(({ part }) => part))], steps.map((step) => `step/${step}`)); // prettier-ignore
  assert.deepEqual([...new Set(found.rows().map(({ epoch }) => epoch))], steps);
  assertNear(scores(found, 8), scores(found, 8).map(() => 1), "the last step with itself"); // prettier-ignore
  for (const step of [0, 4]) {
    const direct = await study(agreement, [at(trunk, step), at(trunk)]); // of the weights, which were kept there
    for (const { matrix, score, depth } of direct.rows()) {
      const kept = diagonal(found, `step/${step}`, String(matrix));
      assertNear(kept, diagonal(direct, `matrix/${matrix}`, String(matrix)).slice(0, 12), String(matrix));
      assertNear([scores(found, step)[Number(depth)]], [Number(score)], `score of ${matrix}`);
    }
    assert.ok(Math.min(...scores(found, step)) < 0.9, "nothing to be seen where all agree");
  }
});

test("the reference is the input's own step; fewer pairs are the first of them", async () => {
  const first = await study(stability, [at(trunk, 0)], { pairs: 3 });
  assertNear(scores(first, 0), scores(first, 0).map(() => 1), "the first step with itself"); // prettier-ignore
  const [there, back] = [await study(stability, [at(trunk, 0)], { pairs: 12 }), await study(stability, [at(trunk)], { pairs: 12 })]; // prettier-ignore
  assertNear(scores(there, 8), scores(back, 0), "first with last, last with first");
  assertNear(diagonal(first, "step/8", "encoder.weight"), diagonal(there, "step/8", "encoder.weight").slice(0, 3), "pairs"); // prettier-ignore
});

test("where only weights were kept, they are decomposed", async () => {
  const bare = await trained({ runs: join(root, "bare"), keep: ["4it"] });
  assert.equal(bare.record.id, trunk.record.id);
  const found = await study(stability, [at(bare)], { pairs: 5 });
  const whole = await study(stability, [at(trunk)], { pairs: 12 });
  assert.deepEqual([...new Set(found.rows().map(({ step }) => step))], [0, 4, 8]);
  for (const step of [0, 4]) {
    assertNear(
      diagonal(found, `step/${step}`, "decoder.weight"),
      diagonal(whole, `step/${step}`, "decoder.weight").slice(0, 5),
      `step ${step}`,
    );
  }
});

test("a masked branch along its trunk: from the step at which it leaves it", async () => {
  const found = await study(trajectory, [at(trunk), at(ticket)], { pairs: 12 });
  assert.deepEqual([...new Set(found.rows().map(({ step }) => step))], [4, 6, 8]);
  const direct = await study(agreement, [at(trunk), at(ticket)]);
  assertNear(scores(found, 8), direct.rows().map(({ score }) => Number(score)), "the ends"); // prettier-ignore
  const back = await study(trajectory, [at(ticket), at(trunk)], { pairs: 12 });
  assertNear(scores(back, 6), scores(found, 6), "the other way round");
  const until = await study(trajectory, [at(trunk, 4), at(ticket)], { pairs: 12 });
  assert.deepEqual([...new Set(until.rows().map(({ step }) => step))], [4]);
  const same = await study(trajectory, [at(trunk), at(trunk)], { pairs: 12 });
  for (const step of [0, 8]) assertNear(scores(same, step), scores(same, step).map(() => 1), "itself"); // prettier-ignore
});

test("what was not kept is one error that names the run and the command that keeps it", async () => {
  const few = await trained({ runs: join(root, "few"), vectors: 3 });
  const rejects = (kind: StudyKind, inputs: readonly RunAtStep[], message: RegExp): Promise<void> =>
    assert.rejects(study(kind, inputs), (error: Error) => {
      assert.match(error.message, message);
      return true;
    });
  await rejects(
    stability,
    [at(few)],
    /run .*few.*: expected the 40 leading singular vectors of step 2, found 3: compare fewer \(--set pairs=3\), or train it again with: spectral train modular-addition .* --vectors 40 --retrain/,
  );
  const { run } = await storedNetwork(join(root, "stored"), modularAddition, { modulus: 7, width: 8, hidden: 16 }); // prettier-ignore
  await rejects(stability, [at(trunk), at(ticket)], /stability: expected one run at the step .*, found 2/);
  await rejects(trajectory, [at(trunk)], /trajectory: expected two networks of one task, found 1/);
  await rejects(trajectory, [at(trunk), at(run)], /expected two networks with the same matrices/);
  const edited = { ...at(trunk), edit: "magnitude:0.5" };
  await rejects(stability, [edited], /expected runs as they were trained, found the edit magnitude:0\.5/);
  const { weightSteps: _, ...reader } = trunk;
  const lastOnly = { ...reader, rows: () => [], weightSteps: () => [8] };
  await rejects(stability, [{ ...at(trunk), run: lastOnly }], /kept at other steps than 8, found none: train it again with: .*--vectors 40/); // prettier-ignore
  const firstOnly = { ...lastOnly, weightSteps: () => [0] };
  await rejects(trajectory, [{ ...at(trunk), run: lastOnly }, { ...at(trunk), run: firstOnly }], /that both kept at one step, found none: .*--vectors 40 .*; and .*--vectors 40/); // prettier-ignore
});

test("a collapsed matrix has no directions: NaN, and the others are as they were", async () => {
  const zeroed: RunAtStep = {
    ...at(trunk),
    edit: "zeroed",
    weights: (): NamedArrays => {
      const weights = new Map(at(trunk).weights());
      const { shape, data } = weights.get("decoder.weight")!;
      return weights.set("decoder.weight", float32(shape, new Float32Array(data.length)));
    },
  };
  const found = await study(agreement, [at(trunk), zeroed]);
  for (const { matrix, score } of found.rows()) {
    const expected = matrix === "decoder.weight" ? NaN : 1;
    assert.ok(Object.is(Math.round(1e4 * Number(score)) / 1e4, expected), `${matrix}: ${score}`);
  }
});

test("the full matrix has the diagonal on its diagonal, and a row per pair of the first network", async () => {
  const [found, back] = [
    await study(agreement, [at(trunk, 0), at(trunk)], { pairs: 4, full: true }),
    await study(agreement, [at(trunk), at(trunk, 0)], { pairs: 4, full: true }),
  ];
  const matrixOf = ({ readArrays }: StudyReader): number[] =>
    Array.from(readArrays("matrix/encoder.weight").get("agreement-matrix/encoder.weight")!.data, Number);
  const [S, T] = [matrixOf(found), matrixOf(back)];
  assertNear([0, 1, 2, 3].map((i) => S[5 * i]), diagonal(found, "matrix/encoder.weight", "encoder.weight"), "diagonal"); // prettier-ignore
  assertNear(S, S.map((_, i) => T[4 * (i % 4) + Math.floor(i / 4)]), "transposed"); // prettier-ignore
  assert.ok(Math.abs(S[1] - S[4]) > 1e-4, "not symmetric by itself");
  const plain = await study(agreement, [at(trunk, 0), at(trunk)], { pairs: 4 });
  assert.equal(plain.readArrays("matrix/encoder.weight").size, 1);
});
