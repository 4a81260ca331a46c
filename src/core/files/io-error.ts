import { SpectralError, StoreError, messageOf } from "../errors.js";

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "no permission",
  EPERM: "not permitted",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
  EDQUOT: "the disk quota is used up",
  EFBIG: "the file is too large for the file system",
  ENOTDIR: "a part of the path is a file, not a folder",
  EISDIR: "it is a folder, not a file",
  ENOENT: "it does not exist",
  EEXIST: "something else is already there",
  EMFILE: "this process has too many files open; `ulimit -n` raises its limit",
  ENFILE: "this machine has too many files open",
  ENAMETOOLONG: "the name is too long",
  ELOOP: "links lead in a circle",
  ENOTEMPTY: "the folder is not empty",
  EXDEV: "it lies on another file system",
  EBUSY: "it is in use",
  ETXTBSY: "it is in use",
  ESTALE: "the file server has lost it; is the folder still mounted?",
  ENODEV: "its device is gone",
  ENXIO: "its device is gone",
  EINVAL: "the file system cannot do this",
  ENOSYS: "the file system cannot do this",
  ENOTSUP: "the file system cannot do this",
  EOPNOTSUPP: "the file system cannot do this",
  EIO: "the device reported an error",
  ETIMEDOUT: "the file server does not answer",
};

/** The code of a Node system error ("ENOSPC"); "" for anything else. */
export function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}

/** Why a file operation failed, in words, with the system's code. */
export function reasonOf(error: unknown): string {
  const code = codeOf(error);
  return code in REASONS ? `${REASONS[code]} (${code})` : messageOf(error);
}

/** A StoreError "cannot write <path>: the disk is full (ENOSPC)". An error of our own passes through unchanged. */
export function storeError(doing: string, path: string, error: unknown): SpectralError {
  if (error instanceof SpectralError) return error;
  return new StoreError(`cannot ${doing} ${path}: ${reasonOf(error)}`, { cause: error });
}
