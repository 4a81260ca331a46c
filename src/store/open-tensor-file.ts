import { sizeOf } from "../core/array.js";
import { DataError } from "../core/errors.js";
import { CONVERT_TORCH, formatOf } from "../core/files/format.js";
import { openFile } from "./byte-source.js";
import { quoted } from "./safetensors-header.js";
import { openSafetensors } from "./safetensors.js";
import type { TensorFile } from "./tensor-file.js";
import { openTorchCheckpoint } from "./torch-checkpoint.js";

/** The list of tensors of a safetensors file or a PyTorch checkpoint. @throws DataError if it is neither, or damaged */
export async function openTensorFile(path: string): Promise<TensorFile> {
  const format = formatAt(path);
  if (format === "zip") return openTorchCheckpoint(path);
  if (format === "pickle" || format === "tar") {
    throw new DataError(
      `${path}: expected weights in the safetensors format or in PyTorch's since version 1.6 (a zip archive), ` +
        `found a ${format === "tar" ? "tar archive" : "Python pickle"} (perhaps PyTorch's older format); ${CONVERT_TORCH}`,
    );
  }
  return safetensorsFile(path);
}

/** What a file is by its first bytes, where these are not the length and the brace of a safetensors header. */
function formatAt(path: string): string | undefined {
  const file = openFile(path);
  try {
    const start = Buffer.from(file.read(0, Math.min(file.size, 512)));
    // A header of 640 bytes begins as a pickle does, one of 123 as JSON.
    if (start[8] === 0x7b && start.readBigUInt64LE(0) <= BigInt(file.size - 8)) return undefined;
    return start.toString("latin1", 257, 262) === "ustar" ? "tar" : formatOf(start)?.name;
  } finally {
    file.close();
  }
}

function safetensorsFile(path: string): TensorFile {
  const opened = openSafetensors(path);
  const tensors = opened.names.map((name) => opened.info(name));
  opened.close();
  const known = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  return {
    tensors,
    open() {
      const file = openSafetensors(path);
      return {
        readPart(name, from, count) {
          const [before, now] = [known.get(name), file.info(name)];
          if (before?.dtype !== now.dtype || sizeOf(before.shape) !== sizeOf(now.shape))
            throw new DataError(`${path}, tensor ${quoted(name)}: the file was changed while it was read`);
          return file.readPart(name, from, count);
        },
        close: () => file.close(),
      };
    },
  };
}
