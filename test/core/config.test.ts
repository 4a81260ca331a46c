import assert from "node:assert/strict";
import { test } from "node:test";
import { between, changedFields, configure, oneOf, parseSetting, whole } from "spectral-lab/core/config";
import { ConfigError } from "spectral-lab/core/errors";

const defaults = { modulus: 113, weightDecay: 1, layerNorm: false, optimiser: "adamw" };
const checks = { modulus: whole(2), weightDecay: between(0, 100), optimiser: oneOf("adamw", "sgd") };
const configError =
  (...parts: string[]) =>
  (error: unknown) =>
    error instanceof ConfigError && parts.every((part) => error.message.includes(part));

test("changes replace defaults and nothing else", () => {
  assert.deepEqual(configure("task", defaults, { modulus: 41 }, checks), { ...defaults, modulus: 41 });
  assert.deepEqual(configure("task", defaults, {}), defaults);
});

test("an unknown key names the nearest known one", () => {
  assert.throws(
    () => configure("task", defaults, { modulos: 41 }),
    configError("modulos", 'did you mean "modulus"'),
  );
  assert.throws(
    () => configure("task", defaults, { zzzzzzzzzz: 1 }),
    configError("zzzzzzzzzz", "known: modulus"),
  );
  assert.throws(() => configure("task", defaults, { toString: 1 }), configError("toString"));
});

test("an ill-typed or out-of-range value says what was expected and found", () => {
  assert.throws(
    () => configure("task", defaults, { modulus: "41" }),
    configError("modulus", "finite number", '"41"'),
  );
  assert.throws(
    () => configure("task", defaults, { weightDecay: NaN }),
    configError("weightDecay", "finite number"),
  );
  assert.throws(
    () => configure("task", defaults, { layerNorm: 1 }),
    configError("layerNorm", "boolean", "1"),
  );
  assert.throws(
    () => configure("task", defaults, { modulus: 1.5 }, checks),
    configError("modulus", "whole number >= 2", "1.5"),
  );
  assert.throws(
    () => configure("task", defaults, { optimiser: "adam" }, checks),
    configError("one of adamw, sgd", "adam"),
  );
});

test("settings from a command line are read by the type of the default", () => {
  assert.deepEqual(parseSetting("task", defaults, "modulus=41"), { modulus: 41 });
  assert.deepEqual(parseSetting("task", defaults, "layerNorm=true"), { layerNorm: true });
  assert.deepEqual(parseSetting("task", defaults, "optimiser=a=b"), { optimiser: "a=b" });
  for (const bad of ["modulus=", "modulus=x", "layerNorm=yes", "modulus", "=3", "depth=3"]) {
    assert.throws(() => parseSetting("task", defaults, bad), ConfigError, bad);
  }
});

test("changed fields are those that differ", () => {
  assert.deepEqual(changedFields({ ...defaults, modulus: 41 }, defaults), { modulus: 41 });
  assert.deepEqual(changedFields(defaults, defaults), {});
});
