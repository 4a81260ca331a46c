import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { openSafetensors } from "spectral-lab/store/safetensors";
import { foreignBytes } from "./foreign-file.js";
import { temporaryFolder } from "./temporary-folder.js";

const COUNT = 2 ** 27; // more than Node makes a list of

for (const [dtype, width, one] of [
  ["BF16", 2, [0x80, 0x3f]],
  ["F16", 2, [0x00, 0x3c]],
  ["U32", 4, [1, 0, 0, 0]],
  ["I8", 1, [1]],
  ["F8_E4M3", 1, [0x38]],
] as const) {
  it(`reads ${COUNT} numbers of ${dtype}`, (t) => {
    const path = join(temporaryFolder(t), "large.safetensors");
    const header = { x: { dtype, shape: [COUNT], data_offsets: [0, COUNT * width] } };
    const start = foreignBytes(JSON.stringify(header).padEnd(128));
    fs.writeFileSync(path, start);
    fs.truncateSync(path, start.length + COUNT * width); // a hole: no disk is used
    const file = fs.openSync(path, "r+");
    fs.writeSync(file, Uint8Array.from(one), 0, width, start.length + (COUNT - 1) * width);
    fs.closeSync(file);
    const opened = openSafetensors(path);
    const { data } = opened.read("x");
    opened.close();
    assert.equal(data.length, COUNT);
    assert.equal(Number(data[COUNT - 1]), 1);
    assert.equal(Number(data[COUNT - 2]), 0);
  });
}
