import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { lastJson, spectral } from "./spectral.js";

const root = mkdtempSync(join(tmpdir(), "spectral-cli-"));
after(() => rmSync(root, { recursive: true, force: true }));

test("half a set is told by `data where`, by training that goes on without it, and by the run's record", () => {
  const data = join(root, "data");
  mkdirSync(join(data, "mnist"), { recursive: true });
  writeFileSync(join(data, "mnist", "train-images-idx3-ubyte"), "");
  const words = `${join(data, "mnist")}: lacks train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte (found train-images-idx3-ubyte)`;
  const where = spectral(["data", "where", "mnist", "--root", data]);
  assert.equal(where.stdout.trim(), `${join(data, "mnist")}  not complete: ${words}`);
  const settings = ["epochs=1", "trainingExamples=64", "hidden=8"].flatMap((setting) => ["--set", setting]);
  const args = [
    "train",
    "mnist-mlp",
    "--backend",
    "wasm",
    ...settings,
    "--runs",
    join(root, "runs"),
    "--json",
  ];
  const trained = spectral(args, { SPECTRAL_DATA: data, SPECTRAL_OFFLINE: "1" });
  const reason = `no MNIST at ${words}, and downloads are off; training on generated digits`;
  assert.ok(trained.stderr.includes(reason), trained.stderr);
  const { folder } = lastJson(trained.stdout) as { folder: string };
  const record = JSON.parse(readFileSync(join(folder, "run.json"), "utf8")) as { data: { source: string } };
  assert.equal(record.data.source, reason);
});
