import assert from "node:assert/strict";
import { test } from "node:test";
import { formatOf } from "spectral-lab/core/files/format";

const starts: readonly [bytes: string, name: string | undefined][] = [
  ["PK\x03\x04rest", "zip"],
  ["PK\x05\x06", "zip"],
  ["PKX", undefined],
  ["\x1f\x8b\x08", "gzip"],
  [" \x1f\x8b\x08", undefined],
  ["PAR1\x15", "parquet"],
  ["par1", undefined],
  ["\x80\x04\x95", "pickle"],
  ["\x89HDF\r\n\x1a\n", "hdf5"],
  ["\n<!DOCTYPE html>", "html"],
  ["  <HTML>", "html"],
  ["<?xml version", "html"],
  [' {"a": 1}', "json"],
  ["version https://git-lfs.github.com/spec/v1", "git-lfs"],
  ["BZh9", undefined],
  ["", undefined],
];

test("a file is known by its first bytes, text also after white space and in capitals", () => {
  for (const [bytes, name] of starts)
    assert.equal(formatOf(Buffer.from(bytes, "latin1"))?.name, name, JSON.stringify(bytes));
});
