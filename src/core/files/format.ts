/** Kinds of file that are known by their first bytes. */
export interface Format {
  readonly name: string;
  readonly description: string;
}

const BINARY: readonly (readonly [start: string, name: string, description: string])[] = [
  ["PK\x03\x04", "zip", "a zip archive (perhaps a PyTorch .pt or .npz file)"],
  ["PK\x05\x06", "zip", "an empty zip archive"],
  ["\x80\x02", "pickle", "a Python pickle (perhaps an old PyTorch .pt file)"],
  ["\x80\x03", "pickle", "a Python pickle"],
  ["\x80\x04", "pickle", "a Python pickle"],
  ["\x80\x05", "pickle", "a Python pickle"],
  ["\x89HDF\r\n\x1a\n", "hdf5", "an HDF5 file (perhaps Keras .h5)"],
  ["\x93NUMPY", "npy", "a NumPy .npy file"],
  ["GGUF", "gguf", "a GGUF file"],
  ["\x1f\x8b", "gzip", "a gzip archive"],
  ["PAR1", "parquet", "a Parquet file"],
];

/** Text: white space before it and the case of letters do not count. */
const TEXT: typeof BINARY = [
  [
    "version https://git-lfs",
    "git-lfs",
    "a Git LFS pointer: the file itself was not downloaded (git lfs pull)",
  ],
  ["<!doctype", "html", "an HTML page: the download failed"],
  ["<html", "html", "an HTML page: the download failed"],
  ["<?xml", "html", "an HTML page: the download failed"],
  ["{", "json", "JSON text"],
];

/** What a file is, judged by its first bytes (64 are enough); undefined if nothing is known. */
export function formatOf(start: Uint8Array): Format | undefined {
  const bytes = Buffer.from(start).toString("latin1");
  const text = bytes.trimStart().toLowerCase();
  const found =
    BINARY.find(([begin]) => bytes.startsWith(begin)) ?? TEXT.find(([begin]) => text.startsWith(begin));
  return found && { name: found[1], description: found[2] };
}
