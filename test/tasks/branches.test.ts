import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { hiddenMatrices } from "spectral-lab/nn/views";
import { commandToRemake } from "spectral-lab/store/remake";
import { identityOf, runFolder } from "spectral-lab/store/record";
import { readRun, type RunReader } from "spectral-lab/store/stored-run";
import { modularAddition, mnistMlp } from "spectral-lab/tasks/index";
import { prepareRun, runTask, type RunRequest } from "spectral-lab/tasks/run";
import { parseEdit } from "spectral-lab/train/edits/edit";
import { pruningRounds } from "spectral-lab/train/edits/rounds";
import { lastJson, spectral } from "../cli/spectral.js";

const root = mkdtempSync(join(tmpdir(), "spectral-branches-"));
after(() => rmSync(root, { recursive: true, force: true }));
const runs = join(root, "runs");

const set = { modulus: 7, width: 8, hidden: 16, epochs: 4, batchSize: 8, measureEvery: 1, pruneEvery: 4 };
const request = (changes: Partial<RunRequest> = {}): RunRequest => ({
  task: modularAddition,
  backend: "wasm",
  runs,
  ...changes,
});

async function finish(asked: RunRequest): Promise<RunReader> {
  const training = runTask(asked);
  let next = await training.next();
  while (!next.done) next = await training.next();
  return next.value.run;
}

const trunk = await finish(request({ set, seed: 3, keep: ["4it", "2ep"] })); // 24 pairs: three steps an epoch
const weights = (run: RunReader): unknown => run.readWeights(12);
const rowsFrom = (run: RunReader, step: number): unknown[] => run.rows().filter((row) => Number(row.step) > step); // prettier-ignore

test("a branch with its trunk's order and without an edit is the trunk from there on", async () => {
  for (const step of [4, 6]) {
    const branch = await finish(request({ start: { run: trunk, step } }));
    assert.notEqual(branch.record.id, trunk.record.id);
    assert.deepEqual(branch.record.origin, { run: trunk.record.id, step });
    assert.deepEqual([branch.record.seed, branch.record.config], [3, trunk.record.config]);
    assert.deepEqual(weights(branch), weights(trunk));
    const measured = (run: RunReader): unknown[] =>
      rowsFrom(run, step).filter((row) => (row as { probe: string }).probe !== "agreement");
    assert.deepEqual(measured(branch), measured(trunk));
    assert.equal(branch.record.stretches[0].from, step);
  }
});

test("another order is another branch; edits, orders and changed fields name it", async () => {
  const start = { run: trunk, step: 6 };
  const other = await finish(request({ start, order: 8 }));
  assert.equal(other.record.order, 8);
  assert.notDeepEqual(weights(other), weights(trunk));
  const asked = [
    request({ start }),
    request({ start, order: 8 }),
    request({ start: { ...start, edit: parseEdit("magnitude:0.5") } }),
    request({ start: { ...start, edit: parseEdit("random:0.5") } }),
    request({ start, set: { weightDecay: 0 } }),
  ];
  const named = await Promise.all(asked.map(async (one) => (await prepareRun(one)).description));
  const texts = named.map(({ origin, order, training }) => JSON.stringify([origin, order, training]));
  assert.equal(new Set(texts).size, asked.length);
  assert.equal(named[2].origin?.edit, "magnitude:0.5");
});

test("a ticket: ranked by the trunk's end, rewound, exactly 0 where masked, and resumed from the command line", async () => {
  const edit = "magnitude:0.5";
  const ticket = await finish(request({ start: { run: trunk, step: 6, edit: parseEdit(edit) } }));
  const { model } = (await prepareRun(request({ set }))).experiment;
  const hidden = model.matrices.filter(({ name }) => !model.outputLayer.includes(name));
  const zerosOf = (run: RunReader): [zeros: number, all: number] => {
    const values = hidden.flatMap(({ parameter }) =>
      Array.from(run.readWeights(12).get(parameter)!.data, Number),
    );
    return [values.filter((x) => x === 0).length, values.length];
  };
  const [zeros, all] = zerosOf(ticket);
  assert.equal(zeros, all - Math.floor(0.5 * all));
  assert.equal(zerosOf(trunk)[0], 0);
  const from = `${trunk.record.id}@6`;
  const again = spectral(["train", "modular-addition", "--backend", "wasm", "--runs", runs, "--from", from, "--edit", edit]); // prettier-ignore
  assert.equal(again.status, 0, again.stderr);
  assert.match(again.stdout, /this run is finished/);
  assert.equal(lastJson(again.stdout).run, ticket.record.id);
});

test("fresh moments are another branch: the optimiser forgets, schedules go on", async () => {
  const start = { run: trunk, step: 6 };
  const [fresh, plain] = [
    await finish(request({ start: { ...start, memory: false } })),
    await finish(request({ start: { ...start, memory: true } })),
  ];
  assert.deepEqual(fresh.record.origin, { run: trunk.record.id, step: 6, memory: false });
  assert.deepEqual(plain.record.origin, { run: trunk.record.id, step: 6 });
  assert.notDeepEqual(weights(fresh), weights(plain));
  assert.deepEqual([fresh.record.stretches[0].from, fresh.record.step], [6, 12]);
  assert.match(commandToRemake(fresh.record), / --from \w+@6 --fresh-moments --retrain$/);
  const from = ["--from", `${trunk.record.id}@6`, "--fresh-moments"];
  const again = spectral(["train", "modular-addition", "--backend", "wasm", "--runs", runs, ...from]);
  assert.equal(lastJson(again.stdout).run, fresh.record.id, again.stderr);
  assert.match(again.stdout, /@6, fresh moments\n[^]*this run is finished/);
  const atStart = request({ start: { run: trunk, step: 0, memory: false } });
  const { description } = await prepareRun(atStart); // nothing is remembered there: one branch, not two
  assert.deepEqual(description.origin, { run: trunk.record.id, step: 0 });
});

test("iterative pruning: rounds rank by the end of the round before, so that their masks are nested", async () => {
  const rounds = pruningRounds({ rounds: 3, share: 0.6, from: { group: "trunk", at: ["6it"] } });
  const zeros: Set<string>[] = [];
  let before = trunk;
  for (const { edits } of rounds) {
    const text = edits[0].replace(/\{round-\d\}/, before.record.id.slice(0, 9));
    before = await finish(request({ start: { run: trunk, step: 6, edit: parseEdit(text) } }));
    assert.equal(
      before.record.origin!.edit!.length,
      edits[0].replace(/\{round-\d\}/, before.record.id).length,
    ); // named by the whole id
    const { model } = (await prepareRun(request({ set }))).experiment;
    const masked = hiddenMatrices(model).flatMap(({ parameter }) =>
      Array.from(before.readWeights(12).get(parameter)!.data, Number).map((x, i) =>
        x === 0 ? `${parameter} ${i}` : "",
      ),
    );
    zeros.push(new Set(masked.filter((name) => name !== "")));
    assert.equal(zeros.at(-1)!.size, masked.length - Math.floor(0.6 ** zeros.length * masked.length));
  }
  for (const name of zeros[0]) assert.ok(zeros[1].has(name), name);
  for (const name of zeros[1]) assert.ok(zeros[2].has(name), name);
});

test("a branch of a ticket stays one: with the ticket's order it is the ticket", async () => {
  const edit = parseEdit("random:0.5");
  const ticket = await finish(request({ start: { run: trunk, step: 4, edit }, order: 8, keep: ["9it"] }));
  const branch = await finish(request({ start: { run: ticket, step: 9 }, keep: ["10it"] }));
  assert.deepEqual(weights(branch), weights(ticket));
  const further = await finish(request({ start: { run: branch, step: 10 }, order: 9 }));
  const zerosOf = (run: RunReader): string => [...run.readWeights(12)].map(([name, { data }]) => `${name} ${Array.from(data, Number).map((x) => x === 0)}`).join(); // prettier-ignore
  assert.notDeepEqual(weights(further), weights(ticket));
  assert.equal(zerosOf(further), zerosOf(ticket));
});

test("a finished branch is filled from its kept weights, compared with what it started from", async () => {
  const start = { run: trunk, step: 6 };
  const asked = request({ start, order: 5, keep: ["9it"] });
  const coarse = await finish({ ...asked, set: { measureEvery: 4 }, probes: ["metrics"] });
  assert.equal(coarse.rows().some(({ probe }) => probe === "agreement"), false); // prettier-ignore
  const filled = await finish({ ...asked, set: { measureEvery: 4 }, probes: ["metrics", "agreement"] });
  assert.equal(filled.record.id, coarse.record.id);
  const fresh = await finish({ ...asked, runs: join(root, "fresh"), set: { measureEvery: 4 } });
  const agreement = (run: RunReader): unknown[] => run.rows().filter(({ probe }) => probe === "agreement");
  assert.ok(agreement(filled).length > 0);
  assert.deepEqual(agreement(filled), agreement(fresh));
});

test("a branch stays with the norms that were measured when it began, and says which; others are refused", async () => {
  const every2 = { ...set, weightDecay: 0, measureEvery: 2 };
  const keep = ["3it", "9it"] as const;
  const free = await finish(request({ set: every2, seed: 3, keep }));
  const edit = `norms:${free.record.id}`;
  const start = { run: trunk, step: 0, edit: parseEdit(edit) };
  const whole = await finish(request({ start }));
  assert.deepEqual(whole.record.norms?.steps, [0, 6, 12]);
  assert.deepEqual(whole.record.origin, { run: trunk.record.id, step: 0, edit });
  const short = { ...start, edit: parseEdit(`norms:${free.record.id.slice(0, 7)}`) };
  assert.deepEqual((await prepareRun(request({ start: short }))).description.origin, whole.record.origin);
  assert.deepEqual(whole.record.config.weightDecay, trunk.record.config.weightDecay);
  const at = (run: RunReader, step: number): unknown[] =>
    run.rows().filter((row) => row.probe === "spectra" && row.step === step);
  at(free, 12).forEach((row, i) => {
    const [wanted, found] = [row, at(whole, 12)[i]].map((one) => (one as { frobenius: number }).frobenius);
    assert.ok(Math.abs(found / wanted - 1) < 2e-6);
  });

  const kept = await finish(request({ start, order: 8, keep: ["6it"] }));
  const branch = await finish(request({ start: { run: kept, step: 6 } }));
  assert.deepEqual(branch.record.norms, whole.record.norms, "a branch of a run that is held stays held");
  assert.deepEqual(weights(branch), weights(kept));

  const elsewhere = request({ start, runs: join(root, "elsewhere") });
  const abort = new AbortController();
  const training = runTask({ ...elsewhere, signal: abort.signal });
  let next = await training.next();
  for (; !next.done; next = await training.next()) if (next.value.step >= 4) abort.abort();
  assert.equal(next.value.outcome.status, "interrupted");
  const finer = await finish(
    request({ set: { ...every2, measureEvery: 1 }, seed: 3, probes: ["spectra"], keep }),
  );
  assert.equal(at(finer, 3).length, at(free, 0).length, "measured further, from kept weights");
  const record = join(root, "elsewhere", "modular-addition", whole.record.id, "run.json");
  const text = readFileSync(record, "utf8");
  writeFileSync(record, text.replace(whole.record.norms!.hash, "0123456789ab"));
  await assert.rejects(finish(elsewhere), {
    name: "StoreError",
    message:
      /norms: expected those that this branch was begun with, found others: .* train the branch anew too: --retrain/,
  });
  writeFileSync(record, text);
  const resumed = await finish(elsewhere);
  assert.deepEqual(resumed.record.norms, whole.record.norms);
  assert.deepEqual(weights(resumed), weights(whole));
});

test("a run that diverges is failed at the step that its record names, and keeps what it measured before", async () => {
  const asked = request({ set: { ...set, learningRate: 1, weightDecay: 1000, epochs: 10 } });
  const { description } = await prepareRun(asked);
  await assert.rejects(finish(asked), { name: "TrainingError" });
  const run = readRun(runFolder(runs, identityOf(description)));
  const { status, failure, diverged } = run.record;
  assert.equal(status, "failed");
  assert.ok(diverged !== undefined && diverged > 0 && diverged < 30, `${diverged}`);
  assert.match(failure!, new RegExp(`step ${diverged}: `));
  assert.ok(run.rows().length > 0 && run.rows().every(({ step }) => Number(step) <= diverged));
});

test("what cannot be branched from is one clear error", async () => {
  const rejects = (asked: RunRequest, message: RegExp): Promise<void> =>
    assert.rejects(finish(asked), (error: Error) => {
      assert.match(error.message, message);
      return true;
    });
  await rejects(
    request({ task: mnistMlp, start: { run: trunk, step: 6 } }),
    /expected a run of mnist-mlp, found one of modular-addition/,
  );
  await rejects(request({ seed: 4, start: { run: trunk, step: 6 } }), /expected the trunk's seed 3, found 4/);
  const unmeasured = await finish(request({ set, seed: 5, probes: ["metrics"] }));
  const norms = (run: string): RunRequest =>
    request({ start: { run: trunk, step: 6, edit: parseEdit(`norms:${run}`) } });
  await rejects(
    norms(unmeasured.record.id),
    /steps 6 \.\. 12, found none; measure them with: spectral train/,
  );
  await rejects(norms("f".repeat(12)), /there is no run "modular-addition\/ffffffffffff"/);
  const short = await finish(request({ set: { ...set, epochs: 3 }, seed: 3 }));
  await rejects(
    norms(short.record.id),
    /norms: expected those of steps 6 \.\. 12, found those of 0 \.\. 9; measure them with: spectral train .*--probes spectra/,
  );
  await rejects(
    request({ start: { run: trunk, step: 5 } }),
    /kept weights of step 5, found those of step 0, 4, 6, 12/,
  );
  const train = ["train", "modular-addition", "--runs", runs];
  const cases: [string[], RegExp][] = [
    [["--edit", "magnitude:0.5"], /--edit: expected --from RUN@STEP with it/],
    [["--fresh-moments"], /--fresh-moments: expected --from RUN@STEP with it/],
    [["--from", "ffff@6"], /there is no run "ffff"/],
    [["--from", `${trunk.record.id}@6`, "--edit", "magnitud:0.5"], /did you mean "magnitude"/],
    [["--from", `${trunk.record.id}@6`, "--edit", "magnitude:2"], /a share in \(0, 1\]/],
  ];
  for (const [args, message] of cases) {
    const { status, stderr } = spectral([...train, ...args]);
    assert.deepEqual([status, message.test(stderr)], [1, true], stderr);
  }
  const record = readFileSync(join(trunk.folder, "run.json"), "utf8");
  assert.match(record, /"finished"/);
});
