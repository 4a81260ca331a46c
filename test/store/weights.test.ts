import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { DataError } from "spectral-lab/core/errors";
import { openWeights } from "spectral-lab/store/weights";
import { f32, writeForeign } from "./foreign-file.js";
import { temporaryFolder } from "./temporary-folder.js";

const namesOf = async (path: string): Promise<string[]> =>
  (await openWeights(path)).tensors.map(({ name }) => name);

function shards(folder: string, count: number, total = count): void {
  for (let i = 1; i <= count; i++) {
    const name = `model-${String(i).padStart(5, "0")}-of-${String(total).padStart(5, "0")}.safetensors`;
    writeForeign(join(folder, name), { [`layer.${i}`]: f32([2, 2], [i, 2, 3, 4]) });
  }
}

function writeIndex(folder: string, map: object): string {
  const path = join(folder, "model.safetensors.index.json");
  fs.writeFileSync(path, JSON.stringify({ metadata: { total_size: 1 }, weight_map: map }));
  return path;
}

const shard = (i: number, of: number): string => `model-0000${i}-of-0000${of}.safetensors`;

it("a safetensors file is one, whatever its header's length looks like", async (t) => {
  const folder = temporaryFolder(t);
  const name = (length: number): string => "n".repeat(length);
  const empty = JSON.stringify({ "": { dtype: "F32", shape: [1], data_offsets: [0, 4] } }).length;
  for (const header of [0x280, 0x380, 0x480, 0x580, 0x7b]) {
    const path = join(folder, `header-${header}`);
    const text = JSON.stringify({
      [name(header - empty)]: { dtype: "F32", shape: [1], data_offsets: [0, 4] },
    });
    assert.equal(text.length, header);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header));
    fs.writeFileSync(path, Buffer.concat([length, Buffer.from(text), Buffer.alloc(4)]));
    assert.deepEqual(await namesOf(path), [name(header - empty)]);
  }
});

describe("weights in many files", () => {
  it("are read by their index or folder, in the order of the shards", async (t) => {
    const folder = temporaryFolder(t);
    shards(folder, 2);
    const index = writeIndex(folder, { "layer.2": shard(2, 2), "layer.1": shard(1, 2) });
    for (const path of [index, folder]) {
      const weights = await openWeights(path);
      assert.deepEqual(
        weights.tensors.map(({ name }) => name),
        ["layer.1", "layer.2"],
      );
      assert.deepEqual(weights.faults, []);
      assert.deepEqual([...weights.readPart(weights.tensors[1], 0, 2)], [2, 2]);
      assert.deepEqual([...weights.readPart(weights.tensors[0], 1, 3)], [2, 3, 4]);
      weights.close();
    }
  });

  it("say which shard and which tensor is missing, and give the others", async (t) => {
    const folder = temporaryFolder(t);
    shards(folder, 2, 3);
    const map = { "layer.1": shard(1, 3), "layer.2": shard(2, 3), "layer.3": shard(3, 3), lost: shard(1, 3) };
    const { tensors, faults } = await openWeights(writeIndex(folder, map));
    assert.deepEqual(
      tensors.map(({ name }) => name),
      ["layer.1", "layer.2"],
    );
    assert.equal(faults.length, 2);
    assert.match(faults[0], /index\.json: its shard "model-00003-of-00003\.safetensors" is missing/);
    assert.match(faults[1], /model-00001-of-00003\.safetensors: expected the tensors .* found no "lost"$/);
  });

  it("say which shard a folder without an index lacks", async (t) => {
    const folder = temporaryFolder(t);
    shards(folder, 2, 3);
    const { faults } = await openWeights(folder);
    assert.equal(faults.length, 1);
    assert.match(faults[0], /the shard .*model-00003-of-00003\.safetensors is missing/);
  });

  it("tell equal names apart by their files, and take what the index says where there is one", async (t) => {
    const folder = temporaryFolder(t);
    for (const name of ["a", "b"]) writeForeign(join(folder, `${name}.safetensors`), { w: f32([1, 1], [1]) });
    fs.writeFileSync(join(folder, "._a.safetensors"), "what macOS leaves");
    assert.deepEqual(await namesOf(folder), ["a.safetensors: w", "b.safetensors: w"]);
    const index = writeIndex(folder, { w: "b.safetensors" });
    assert.deepEqual(
      (await openWeights(index)).tensors.map(({ name, file }) => [name, file]),
      [["w", join(folder, "b.safetensors")]],
    );
  });

  it("go on after a shard that is damaged", async (t) => {
    const folder = temporaryFolder(t);
    shards(folder, 2);
    fs.truncateSync(join(folder, shard(1, 2)), 30);
    const { tensors, faults } = await openWeights(folder);
    assert.deepEqual(
      tensors.map(({ name }) => name),
      ["layer.2"],
    );
    assert.match(
      faults[0],
      /model-00001-of-00002\.safetensors: expected a safetensors file with a header that fits/,
    );
  });

  it("are refused with words where there is nothing of the kind", async (t) => {
    const folder = temporaryFolder(t);
    await assert.rejects(
      openWeights(folder),
      /expected a folder with \*\.safetensors files, PyTorch checkpoints .* found none$/,
    );
    fs.mkdirSync(join(folder, "unet"));
    writeForeign(join(folder, "unet", "x.safetensors"), { w: f32([1, 1], [1]) });
    await assert.rejects(openWeights(folder), /found none; below it, "unet" has some/);
    const cases: [string, RegExp][] = [
      ['{"hidden_size": 8}', /index of shards .*, found JSON text without one/],
      [
        '{"weight_map": {"a": "../secret.safetensors"}}',
        /found "\.\.\/secret\.safetensors" as the shard of "a"/,
      ],
      ['{"weight_map": {"a": 5}}', /found something else as the shard of "a"/],
      ['{"weight_map": [1]}', /found JSON text that is broken/],
      [`{"weight_map": ${"[".repeat(200_000)}`, /more than 8 levels of brackets/],
      ["{", /found JSON text that is broken/],
    ];
    for (const [text, message] of cases) {
      const path = join(folder, "x.json");
      fs.writeFileSync(path, text);
      await assert.rejects(
        openWeights(path),
        (error: Error) => error instanceof DataError && message.test(error.message),
        text.slice(0, 40),
      );
    }
  });

  it("notice that a file was changed between header and data", async (t) => {
    const path = join(temporaryFolder(t), "a.safetensors");
    writeForeign(path, { w: f32([2, 2], [1, 2, 3, 4]) });
    const weights = await openWeights(path);
    writeForeign(path, { w: f32([1, 2], [1, 2]) });
    assert.throws(() => weights.readPart(weights.tensors[0], 0, 4), /tensor "w": the file was changed/);
    weights.close();
  });
});
