import assert from "node:assert/strict";
import { test } from "node:test";
import { PAPER_GRIDS } from "spectral-lab/paper/details";
import { PAPER_FIGURES, paperFigure } from "spectral-lab/paper/index";
import { type GridRow, gridsTable, planDetails } from "spectral-lab/paper/plan-details";
import { planValues } from "spectral-lab/paper/plan-values";
import { expand } from "spectral-lab/sweep/expand";
import type { ProfileName } from "spectral-lab/tasks/task";

const valuesOf = (figure: number, task: string, profile: ProfileName): Record<string, string> =>
  planValues(expand(paperFigure(figure).plan!(profile)), task);

test("whatever in the plans of the paper profile is not the paper's is declared, with a reason", () => {
  const rows = planDetails();
  assert.deepEqual(gridsTable(rows.filter(({ standing }) => standing === "unexplained")), []);
  for (const { differs, standing, task, quantity } of rows) {
    if (differs) assert.equal(standing, "explained", `${task}: ${quantity}`);
  }
});

test("a changed plan is a difference without a reason, also where only one of the figures of a row has it", () => {
  const rows = planDetails((figure, profile) => {
    const plan = paperFigure(figure).plan!(profile);
    if (figure !== 7) return plan;
    const runs = plan.runs.map((group) =>
      group.name === "vgg-decay" ? { ...group, grid: { weightDecay: [0.5] } } : group,
    );
    return { ...plan, runs };
  });
  const changed = rows.filter(({ standing }) => standing === "unexplained");
  assert.deepEqual(
    changed.map(({ task, quantity, here }) => [task, quantity, here.paper]),
    [["vgg", "weight decays", "0, 0.001, 0.01, 0.1 or 0, 0.01, 0.1, 0.5"]],
  );
});

test("every figure with a plan is there, with each of its tasks", () => {
  const planned = PAPER_FIGURES.filter(({ plan }) => plan);
  for (const { number, tasks } of planned) {
    const own = PAPER_GRIDS.filter(({ figures }) => figures.includes(number)).map(({ task }) => task);
    assert.deepEqual(own, tasks.map(({ name }) => name), `figure ${number}`); // prettier-ignore
  }
});

test("what a plan has is read from its members", () => {
  const tickets = valuesOf(10, "vgg", "paper");
  assert.equal(tickets.masks, "magnitude, random");
  assert.equal(tickets["share of weights kept"], "0.05");
  assert.equal(tickets["order seeds"], "3, 4, 5");
  const noise = valuesOf(13, "vgg", "paper");
  assert.equal(noise["sizes of noise"], "0, 0.1, 0.25, 0.5, 1, 2.5");
  assert.equal(noise["pairs of one trunk, per start"], "3");
  assert.equal(noise["pairs of two trunks, per start"], undefined);
  assert.equal(valuesOf(11, "vgg", "quick")["points of a barrier"], "5");
  assert.deepEqual(valuesOf(11, "unet", "quick"), {});
});

test("tasks of which all is equal share a row; what differs is marked", () => {
  const row = (task: string, here: string): GridRow => ({
    ...{ figures: [6], task, quantity: "seeds", where: "section 5", paper: "3" },
    here: { paper: here, lab: undefined, quick: "1" },
    standing: here === "3" ? "equal" : "unexplained",
  });
  const table = gridsTable([row("a", "3"), row("b", "2"), row("c", "3")]);
  assert.deepEqual(
    table.map(({ tasks, "paper profile": paper, lab, quick }) => [tasks, paper, lab, quick]),
    [
      ["a, c", "3", "–", "≠ 1"],
      ["b", "≠ 2", "–", "≠ 1"],
    ],
  );
  assert.match(table[1].remark, /no reason/);
});
