import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium, type Browser, type Locator, type Page } from "playwright-core";
import { labEnvironment } from "spectral-lab/kernel/lab";
import { findRuns } from "spectral-lab/store/find-runs";
import { vgg } from "spectral-lab/tasks/index";
import { findChromium, findJupyterLab } from "../../tools/jupyterlab.js";
import { HOSTILE } from "../lab/hostile.js";
import { storeExample } from "../paper/stored-example.js";

/**
 * Our notebooks in a real JupyterLab 4, as a person uses them: run all, look at the figure, stop a training cell, restart
 * and go on; open a page of stored results, and one of a run whose names would run scripts. `npm run check:jupyterlab` prepares JupyterLab and Chromium and runs this.
 * With SPECTRAL_SCREENSHOTS=DIR it leaves pictures there.
 */
const jupyterLab = findJupyterLab();
const executablePath = findChromium();
const skip =
  (!jupyterLab || !executablePath) &&
  `no ${jupyterLab ? "Chromium" : "JupyterLab"} on this machine (npm run check:jupyterlab prepares it on Debian)`;

const TOKEN = "spectral-lab-test";
const SLOW = { timeout: 120_000 };
let lab: ChildProcess | undefined;
let browser: Browser | undefined;
let training: Sheet;
let address: string;
let folder: string;
let home: string;
let runs: string;

before(async () => {
  if (!jupyterLab || !executablePath) return;
  mkdirSync("build", { recursive: true });
  folder = mkdtempSync(join("build", "jupyterlab-")); // inside the project, where its own name resolves
  copyFileSync("test/kernel/fixtures/lab.ipynb", join(folder, "lab.ipynb"));
  copyFileSync("notebooks/03-grokking.ipynb", join(folder, "03-grokking.ipynb"));
  home = mkdtempSync(join(tmpdir(), "spectral-lab-jupyter-"));
  runs = join(home, "runs");
  address = await startLab(jupyterLab);
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
});

after(async () => {
  await browser?.close();
  lab?.kill();
  for (const path of [folder, home]) if (path) rmSync(path, { recursive: true, force: true, maxRetries: 5 });
});

/** Starts JupyterLab and returns its address. */
async function startLab({ command, env }: { command: string[]; env: NodeJS.ProcessEnv }): Promise<string> {
  const [program, ...args] = command;
  const options = ["--no-browser", "--allow-root", "--ip=127.0.0.1", `--ServerApp.root_dir=${folder}`];
  lab = spawn(program!, [...args, ...options, `--IdentityProvider.token=${TOKEN}`], {
    env: {
      ...labEnvironment({ env: process.env, root: process.cwd() }),
      ...env,
      HOME: home, // nothing of the person's own settings, and nothing left in them
      JUPYTER_CONFIG_DIR: join(home, "config"),
      JUPYTER_DATA_DIR: join(home, "data"),
      JUPYTER_RUNTIME_DIR: join(home, "runtime"),
      SPECTRAL_PROFILE: "lab",
      SPECTRAL_RUNS: runs,
      SPECTRAL_RETRAIN: "",
    },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let log = "";
  return new Promise((done, fail) => {
    lab!.stderr!.on("data", (text: Buffer) => {
      log += text.toString();
      const found = /http:\/\/127\.0\.0\.1:\d+\//.exec(log);
      if (found && log.includes("is running at")) done(found[0]);
    });
    lab!.once("exit", (code) => fail(new Error(`JupyterLab ended with code ${code}:\n${log}`)));
  });
}

/** A notebook open in JupyterLab; cells are its code cells, counted from 0. */
class Sheet {
  private constructor(readonly page: Page) {}

  /** Opens a notebook in a window of its own, high enough to show all its cells at once. */
  static async open(name: string, height: number): Promise<Sheet> {
    const page = await browser!.newPage({ viewport: { width: 1200, height } });
    await page.goto(`${address}lab/workspaces/${name}/tree/${name}.ipynb?token=${TOKEN}`);
    const sheet = new Sheet(page);
    await sheet.prompt(0).waitFor(SLOW);
    await page.getByText("TypeScript (tslab) | Idle").waitFor(SLOW);
    return sheet;
  }

  cell(position: number): Locator {
    return this.page.locator(".jp-Notebook .jp-CodeCell").nth(position);
  }

  /** "[1]:", "[*]:" while running, "[ ]:" before. */
  prompt(position: number): Locator {
    return this.cell(position).locator(".jp-InputPrompt");
  }

  output(position: number): Locator {
    return this.cell(position).locator(".jp-OutputArea-output");
  }

  async text(position: number): Promise<string> {
    return (await this.output(position).allTextContents()).join("\n");
  }

  /** Waits for an output of a cell that contains a text. */
  async shows(position: number, text: string | RegExp): Promise<void> {
    await this.output(position).filter({ hasText: text }).first().waitFor(SLOW);
  }

  /** Waits for the figure of a cell, points at the middle of one of its panels and returns what it says there. */
  async hover(position: number, panel: number): Promise<string> {
    const output = this.output(position);
    await output.locator(".js-plotly-plot .main-svg").first().waitFor(SLOW);
    assert.equal(await output.locator("img").count(), 0); // the static image has made way
    await output.locator(".js-plotly-plot .nsewdrag").nth(panel).hover();
    const label = output.locator(".hoverlayer .hovertext").first();
    await label.waitFor();
    return (await label.textContent()) ?? "";
  }

  async menu(name: string, item: RegExp): Promise<void> {
    await this.page.locator(".lm-MenuBar-itemLabel", { hasText: new RegExp(`^${name}$`) }).click();
    await this.page.locator(".lm-Menu-itemLabel", { hasText: item }).click();
  }

  async screenshot(name: string): Promise<void> {
    const target = process.env.SPECTRAL_SCREENSHOTS;
    if (target) await this.page.screenshot({ path: join(target, `${name}.png`) });
  }
}

/** The step that the progress of the training cell shows. */
async function stepShown(): Promise<number> {
  return Number(/decay: (\d+) of 800 steps/.exec(await training.text(1))?.[1] ?? 0);
}

test("run all: the figure is interactive, and training shows its progress", { skip }, async () => {
  training = await Sheet.open("lab", 1300);
  await training.menu("Run", /^Run All Cells$/);
  assert.match(await training.hover(0, 0), /\d/);
  while ((await stepShown()) < 30) await training.page.waitForTimeout(50);
  await training.screenshot("1-training");
  assert.match(await training.text(1), /profile quick.*800 steps/);
  assert.match(await training.prompt(1).innerText(), /\[\*\]/);
  assert.match(await training.prompt(0).innerText(), /\[1\]/);
});

let stopped: number;

test(
  "the stop button: training stops with a checkpoint, and the next cell does not run",
  { skip },
  async () => {
    await training.page.locator('.jp-NotebookPanel-toolbar [title^="Interrupt the kernel"]').click();
    await training.shows(1, /stopped at step \d+, checkpoint saved/);
    await training.screenshot("2-stopped");
    stopped = Number(/stopped at step (\d+), checkpoint saved/.exec(await training.text(1))![1]);
    assert.ok(stopped >= 30 && stopped < 800, `${stopped}`);
    const [run, ...others] = findRuns(runs);
    assert.deepEqual([run?.record.status, run?.record.step, others.length], ["interrupted", stopped, 0]);
    assert.ok(existsSync(join(run!.folder, "checkpoints")));
    assert.match(await training.prompt(1).innerText(), /\[2\]/);
    assert.match(await training.prompt(2).innerText(), /\[ \]/);
    assert.equal(await training.output(2).count(), 0);
  },
);

test("restart and run all: training goes on where it was, to the end", { skip }, async () => {
  await training.menu("Kernel", /^Restart Kernel and Run All Cells/);
  await training.page.locator(".jp-Dialog .jp-mod-accept").click();
  await training.shows(1, `goes on at step ${stopped} of 800`);
  await training.shows(2, "after training");
  await training.screenshot("3-finished");
  assert.match(await training.text(1), /✓ decay: 800 steps/);
  assert.match(await training.prompt(2).innerText(), /\[3\]/);
  const found = findRuns(runs);
  assert.deepEqual(
    found.map(({ record }) => [record.status, record.step]),
    [["finished", 800]],
  );
  await training.page.close();
});

test(
  "03-grokking opens from stored results: figure, claims and tables, without training",
  { skip },
  async () => {
    const before = findRuns(runs).length;
    const page = await Sheet.open("03-grokking", 7500);
    await page.menu("Run", /^Run All Cells$/);
    assert.match(await page.hover(2, 2), /\d/);
    await page.shows(8, /in-projection/);
    await page.screenshot("4-grokking");
    assert.ok((await page.output(2).locator(".js-plotly-plot .trace").count()) >= 16);
    const claims = page.output(2).locator("table", { hasText: "agrees" });
    assert.ok((await claims.locator("tbody tr").count()) >= 1);
    assert.match(await page.text(1), /no-decay.*slingshot.*more-data/s);
    assert.doesNotMatch(await page.text(1), /steps\/s/); // nothing was trained
    assert.equal(findRuns(runs).length, before);
    assert.equal(await page.page.locator('.jp-OutputArea-output[data-mime-type*="stderr"]').count(), 0);
    assert.equal(await page.page.locator(".jp-RenderedText[data-mime-type*=error]").count(), 0);
  },
);

/** A page of a run with hostile names in its record and its rows, which shows every kind of output. */
function writeHostileNotebook(): void {
  const foreign = join(home, "foreign");
  const contacts = HOSTILE.map((name) => `${name} -> out`);
  const data = { name: HOSTILE.join(" "), unit: HOSTILE[1], note: HOSTILE[0] };
  storeExample(foreign, { task: vgg }, { matrices: HOSTILE, contacts, data });
  const cells = [
    `import * as lab from "spectral-lab";
const names: string[] = ${JSON.stringify(HOSTILE)};
const found = await lab.reproduce([lab.vgg], { profile: "quick", runs: ${JSON.stringify(foreign)} });`,
    `await lab.show(names.map((name) => ({ name, [names[1]]: name })), { caption: names[0], rows: 40 });`,
    `const drawn = lab.dynamicsOf(found, { title: names[1], matrix: names[1], contact: names[2] + " -> out" });
await lab.show(drawn.figure);`,
    `const all = names.join(" ");
lab.showClaims([{ figure: 3, statement: all, null: all, effect: all, threshold: all, numbers: {}, verdict: "agrees" }]);
lab.exercise(all, (answer) => answer + " is wrong", [all]).check(all);
const bar = lab.progress({ title: all, total: 2 });
bar.update({ step: 1, metrics: { [all]: 1 } });
bar.stopped(all);
lab.banner({ task: all, profile: all, backend: all, data: all, steps: 2 });
for (const name of names) await lab.show(name);
await lab.show(all);
console.log("the end");`,
  ].map((source, i) => {
    return { cell_type: "code", id: `c${i}`, execution_count: null, metadata: {}, outputs: [], source };
  });
  const kernelspec = { display_name: "TypeScript (tslab)", language: "typescript", name: "tslab" };
  const notebook = { cells, metadata: { kernelspec }, nbformat: 4, nbformat_minor: 5 };
  writeFileSync(join(folder, "hostile.ipynb"), JSON.stringify(notebook));
}

/** Nothing ran, nothing is a link or a picture that runs or loads something, nothing was set as an equation. */
async function assertHarmless({ page }: Sheet): Promise<void> {
  const area = page.locator(".jp-OutputArea-output");
  assert.equal(await page.evaluate("window.__xss"), undefined);
  for (const what of ['img[src="x"]', "[onload]", "[onerror]", "[onmouseover]"])
    assert.equal(await area.locator(what).count(), 0, what);
  assert.equal(
    await area.locator('.jp-RenderedHTMLCommon:not([data-mime-type="text/markdown"]) a').count(),
    0,
  );
}

test("names that would run scripts are shown letter by letter, run and opened again", { skip }, async () => {
  writeHostileNotebook();
  const page = await Sheet.open("hostile", 6000);
  await page.menu("Run", /^Run All Cells$/);
  await page.shows(3, "the end");
  const label = await page.hover(2, 2);
  assert.match(label, /: effective rank 0\.\d+ at/);
  assert.ok(
    HOSTILE.some((name) => label.startsWith(name)),
    label,
  );
  await page.page.waitForTimeout(2000); // equations are set a while later
  await page.screenshot("5-hostile");
  await assertHarmless(page);
  assert.ok((await page.text(0)).includes(HOSTILE[9]));
  for (const name of HOSTILE) assert.ok((await page.text(1)).includes(name), name);
  for (const position of [0, 1])
    assert.equal(await page.output(position).locator("mjx-container").count(), 0);
  await page.page.keyboard.press("Control+s");
  await page.page.waitForTimeout(2000);
  await page.page.close();
  const again = await Sheet.open("hostile", 6000);
  await again.shows(3, "the end");
  await again.output(2).locator(".js-plotly-plot .main-svg").first().waitFor(SLOW);
  await again.page.waitForTimeout(2000);
  await assertHarmless(again);
  await again.page.close();
});
