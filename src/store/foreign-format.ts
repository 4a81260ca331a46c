const SIGNATURES: readonly (readonly [signature: string, format: string])[] = [
  ["PK\x03\x04", "a zip archive (perhaps a PyTorch .pt or .npz file)"],
  ["\x80\x02", "a Python pickle (perhaps an old PyTorch .pt file)"],
  ["\x80\x03", "a Python pickle"],
  ["\x80\x04", "a Python pickle"],
  ["\x80\x05", "a Python pickle"],
  ["\x89HDF\r\n\x1a\n", "an HDF5 file (perhaps Keras .h5)"],
  ["\x93NUMPY", "a NumPy .npy file"],
  ["GGUF", "a GGUF file"],
  ["\x1f\x8b", "a gzip archive"],
  ["version https://git-lfs", "a Git LFS pointer: the file itself was not downloaded (git lfs pull)"],
  ["<!DOCTYPE", "an HTML page: the download failed"],
  ["<!doctype", "an HTML page: the download failed"],
  ["<html", "an HTML page: the download failed"],
  ["{", "JSON text"],
];

/** What a file that is not what it should be really is, judged by its first bytes; undefined if nothing is known. */
export function foreignFormat(start: Uint8Array): string | undefined {
  const text = Buffer.from(start).toString("latin1");
  return SIGNATURES.find(([signature]) => text.startsWith(signature))?.[1];
}
