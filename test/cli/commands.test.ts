import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { command, type Declaration, type Given, UsageError } from "spectral-lab/cli/command";
import { COMMANDS } from "spectral-lab/cli/commands";
import { data, figures, train } from "spectral-lab/cli/declarations";
import { PUBLIC_SETS } from "spectral-lab/data/sources";
import { PROFILES } from "spectral-lab/tasks/task";
import { spectral } from "./spectral.js";

const root = mkdtempSync(join(tmpdir(), "spectral-commands-"));
after(() => rmSync(root, { recursive: true, force: true }));

/** The folders and files of which a command line loads something: "dist/cli/main.js", "node_modules/@tensorflow", ... */
function loadedBy(args: readonly string[]): string[] {
  const folder = mkdtempSync(join(root, "coverage-"));
  spectral(args, { NODE_V8_COVERAGE: folder });
  const scripts = readdirSync(folder).flatMap(
    (name) => (JSON.parse(readFileSync(join(folder, name), "utf8")) as { result: { url: string }[] }).result,
  );
  const places = scripts.map(({ url }) => /(dist\/.*|node_modules\/[^/]+)/.exec(url)?.[1] ?? "");
  return [...new Set(places.filter(Boolean))].sort();
}

for (const { name, summary, positionals, options, statuses, example } of COMMANDS) {
  test(`spectral ${name} --help explains every option, argument and exit status`, () => {
    const { status, stdout, stderr } = spectral([name, "--help"]);
    assert.equal(status, 0);
    assert.equal(stderr, "");
    assert.match(stdout, new RegExp(`^usage: spectral ${name} `));
    assert.ok(stdout.includes(summary));
    const lines = stdout.split("\n");
    const explained = (term: string, text: string): void => {
      assert.ok(
        lines.some((line) => line.startsWith(`  ${term} `) && line.includes(`  ${text}`)),
        `${term}: ${text}`,
      );
    };
    for (const [term, text] of Object.entries(positionals)) explained(term, text);
    for (const [option, { text, value, default: otherwise }] of Object.entries(options)) {
      explained(`--${option}${value ? ` ${value}` : ""}`, text);
      if (otherwise !== undefined) explained(`--${option}`, `${text} (default: ${otherwise})`);
    }
    explained("-h, --help", "");
    for (const [term, text] of Object.entries({ 0: "", 1: "", 2: "", ...statuses })) explained(term, text);
    assert.ok(lines.includes(`  spectral ${example}`));
    assert.ok(lines.every((line) => line.length <= 110));
    assert.equal(spectral([name, "-h"]).stdout, stdout);
    assert.equal(spectral(["help", name]).stdout, stdout);
  });

  test(`the example of spectral ${name} is understood`, async () => {
    const declaration = COMMANDS.find((candidate) => candidate.name === name)!;
    const understood = command(declaration as Declaration, async () => ({ run: async () => 7 }));
    const [first, ...rest] = example.split(" ");
    assert.equal(first, name);
    assert.equal(await understood.run(rest), 7);
  });
}

test("the general help names every command", () => {
  const { status, stdout } = spectral(["--help"]);
  assert.equal(status, 0);
  for (const { name, summary } of COMMANDS) {
    assert.ok(stdout.includes(`  spectral ${name} `) && stdout.includes(summary), name);
  }
  assert.deepEqual(spectral([]), { status: 2, stdout, stderr: "" });
});

test("names that the help lists are those that exist", () => {
  assert.equal(data.positionals.NAME.replace(" or ", ", "), Object.keys(PUBLIC_SETS).join(", "));
  for (const { text } of [train.options.profile, figures.options.profile]) {
    assert.ok(text.startsWith(PROFILES.join(", ").replace(/, (\w+)$/, " or $1")), text);
  }
});

test("help and wrong usage load nothing but the command line itself", () => {
  const own = [
    "dist/cli/command.js",
    "dist/cli/commands.js",
    "dist/cli/declarations.js",
    "dist/cli/main.js",
    "dist/cli/output.js",
    "dist/cli/run.js",
    "dist/cli/stop.js",
    "dist/core/errors.js",
    "dist/core/files/io-error.js",
    "dist/core/printable.js",
  ];
  for (const line of [
    "",
    "--help",
    "train --help",
    "figures -h",
    "train",
    "train --frobnicate",
    "frobnicate",
  ]) {
    assert.deepEqual(loadedBy(line.split(" ").filter(Boolean)), own, `spectral ${line}`);
  }
  assert.ok(loadedBy(["tasks"]).includes("node_modules/@tensorflow"), "the test sees what is loaded");
});

const paint = {
  name: "paint",
  summary: "paints",
  positionals: { WALL: "what to paint", "[COLOUR...]": "with what" },
  options: {
    coats: { value: "N", text: "how often", default: "1" },
    brush: { value: "B", text: "with what" },
    skip: { value: "PART", text: "left as it is", multiple: true },
    fast: { text: "without waiting" },
  },
  example: "paint wall",
} as const satisfies Declaration;

async function given(...args: string[]): Promise<Given<typeof paint>> {
  let found: Given<typeof paint> | undefined;
  const run = async (line: Given<typeof paint>): Promise<number> => ((found = line), 0);
  await command(paint, async () => ({ run })).run(args);
  return found!;
}

test("options that are not given have their defaults", async () => {
  const { values, positionals } = await given("door");
  assert.deepEqual({ ...values }, { coats: "1", skip: [], fast: false });
  assert.deepEqual(positionals, ["door"]);
});

test("options are read wherever they stand", async () => {
  const { values, positionals } = await given(
    "door",
    "--skip=a",
    "red",
    "--fast",
    "--skip",
    "b",
    "--brush",
    "x",
  );
  assert.deepEqual({ ...values }, { coats: "1", brush: "x", skip: ["a", "b"], fast: true });
  assert.deepEqual(positionals, ["door", "red"]);
});

test("what is not declared, and a wrong number of arguments, is wrong usage, and loads nothing", async () => {
  const load = async (): Promise<never> => assert.fail("loaded");
  const refused = (declaration: Declaration, line: string, message: RegExp): Promise<void> =>
    assert.rejects(
      command(declaration, load).run(line.split(" ").filter(Boolean)),
      (error) => error instanceof UsageError && message.test(error.message),
    );
  await refused(paint, "door --slow", /Unknown option '--slow'/);
  await refused(paint, "door --brush", /'--brush <value>' argument missing/);
  await refused(paint, "", /expected WALL \[COLOUR\.\.\.\], found no argument/);
  await refused({ ...paint, positionals: { WALL: "" } }, "door roof", /expected WALL, found door roof/);
  await refused({ ...paint, positionals: {} }, "door", /expected no argument, found door/);
});
