/** Kinds of file that are known by their first bytes. */
export interface Format {
  readonly name: string;
  readonly description: string;
  /** What to do where something else was expected. */
  readonly advice?: string;
}

const DOWNLOAD = "open the address in a browser, or log in, and download the file again";
/** What to do with a PyTorch file that cannot be read here. Loading executes what a pickle asks for. */
export const CONVERT_TORCH =
  "convert it, in Python, if you trust whoever made it: import torch, safetensors.torch; " +
  "w = torch.load(FILE, map_location='cpu', weights_only=False); " +
  "w = w.state_dict() if hasattr(w, 'state_dict') else w.get('state_dict', w.get('model', w)); " +
  "safetensors.torch.save_file({k: v.clone().contiguous() for k, v in w.items() if torch.is_tensor(v)}, NEW_FILE)";
const UNPACK = "unpack it";

const BINARY: readonly (readonly [start: string, name: string, description: string, advice?: string])[] = [
  ["PK\x03\x04", "zip", "a zip archive (perhaps a PyTorch .pt or .bin file, or NumPy's .npz)", CONVERT_TORCH],
  ["PK\x05\x06", "zip", "an empty zip archive"],
  ["\x80\x02", "pickle", "a Python pickle (perhaps an old PyTorch .pt or .bin file)", CONVERT_TORCH],
  ["\x80\x03", "pickle", "a Python pickle"],
  ["\x80\x04", "pickle", "a Python pickle"],
  ["\x80\x05", "pickle", "a Python pickle"],
  ["\x89HDF\r\n\x1a\n", "hdf5", "an HDF5 file (perhaps Keras .h5)"],
  ["\x93NUMPY", "npy", "a NumPy .npy file"],
  ["GGUF", "gguf", "a GGUF file"],
  ["\x1f\x8b", "gzip", "a gzip archive", UNPACK],
  ["\xfd7zXZ\0", "xz", "an xz archive", UNPACK],
  ["\x28\xb5\x2f\xfd", "zstd", "a zstd archive", UNPACK],
  ["7z\xbc\xaf\x27\x1c", "7z", "a 7z archive", UNPACK],
  ["PAR1", "parquet", "a Parquet file"],
];

/** Text: white space before it, a mark of byte order and the case of letters do not count. */
const TEXT: typeof BINARY = [
  [
    "version https://git-lfs",
    "git-lfs",
    "a Git LFS pointer: the file itself was not downloaded (git lfs pull)",
  ],
  ...["<!doctype", "<html", "<head", "<body", "<!--"].map(
    (start) => [start, "html", "an HTML page: the download failed", DOWNLOAD] as const,
  ),
  ["<?xml", "html", "an XML page: the download failed", DOWNLOAD],
  ["<error", "html", "an XML page: the download failed", DOWNLOAD],
  ...[
    "entry not found",
    "repository not found",
    "not found",
    "404",
    "403",
    "401",
    "access denied",
    "access to model",
    "invalid username or password",
    "invalid credentials",
    "unauthorized",
    "forbidden",
  ].map((start) => [start, "text", "a server's refusal in words: the download failed", DOWNLOAD] as const),
  ["{", "json", "JSON text"],
  ["[", "json", "JSON text"],
];

/** What a file is, judged by its first bytes (64 are enough); undefined if nothing is known. */
export function formatOf(start: Uint8Array): Format | undefined {
  const bytes = Buffer.from(start).toString("latin1");
  const text = bytes
    .replace(/^\xef\xbb\xbf/, "")
    .trimStart()
    .toLowerCase();
  const found =
    BINARY.find(([begin]) => bytes.startsWith(begin)) ?? TEXT.find(([begin]) => text.startsWith(begin));
  return found && { name: found[1], description: found[2], ...(found[3] && { advice: found[3] }) };
}
