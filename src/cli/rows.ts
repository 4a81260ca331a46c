import { existsSync } from "node:fs";
import { StoreError } from "../core/errors.js";
import { rowsPath } from "../store/folder.js";
import type { Row } from "../store/rows.js";

/** A run or a study, as far as its rows go. */
interface Reader {
  readonly folder: string;
  rows(): readonly Row[];
}

/** The rows of what was just worked on. @throws StoreError if its folder is not there any more: then they read as none */
export function rowsOf(reader: Reader): readonly Row[] {
  const rows = reader.rows();
  if (existsSync(rowsPath(reader.folder))) return rows;
  throw new StoreError(`${reader.folder} was moved away or deleted after the last of it was written`);
}
