import { groupBy } from "../core/group-by.js";
import { expand, type Member } from "../sweep/expand.js";
import type { Plan } from "../sweep/plan.js";
import type { ProfileName } from "../tasks/task.js";
import { type Difference, PAPER_GRIDS, type PaperGrid } from "./details.js";
import { type ShownDetail, type Standing, standingOf, standingText } from "./experimental-details.js";
import { paperFigure } from "./index.js";
import { planValues } from "./plan-values.js";

/** One quantity of a figure's sweep over one task. */
export interface GridRow {
  readonly figures: readonly number[];
  readonly task: string;
  readonly quantity: string;
  /** Undefined where the paper does not state it. */
  readonly paper: string | undefined;
  /** By profile; undefined where its plan has nothing of the task, or of the kind. */
  readonly here: Readonly<Record<ProfileName, string | undefined>>;
  readonly standing: Standing;
  readonly differs?: Difference;
  readonly where: string;
}

/** The plan of a figure in a profile, if it has one. */
type PlanOf = (figure: number, profile: ProfileName) => Plan | undefined;

/**
 * What the sweeps of figures 6, 7 and 9 to 14 vary and compare, by the figures' plans, beside the paper's.
 * @param planOf default the figures' own
 */
export function planDetails(
  planOf: PlanOf = (figure, profile) => paperFigure(figure).plan?.(profile),
): readonly GridRow[] {
  const numbers = [...new Set(PAPER_GRIDS.flatMap(({ figures }) => figures))];
  const membersIn = (profile: ProfileName): MembersOf => {
    const plans = numbers.map((figure) => [figure, planOf(figure, profile)] as const);
    return new Map(plans.map(([figure, plan]) => [figure, plan ? expand(plan) : []]));
  };
  const [quick, lab, paper] = [membersIn("quick"), membersIn("lab"), membersIn("paper")];
  return PAPER_GRIDS.flatMap((grid) => rowsOf(grid, { quick, lab, paper }));
}

/** By figure: the members of its plan. */
type MembersOf = ReadonlyMap<number, readonly Member[]>;

function rowsOf(
  { figures, task, paper, where, differs = {} }: PaperGrid,
  members: Readonly<Record<ProfileName, MembersOf>>,
): GridRow[] {
  const valuesIn = (profile: ProfileName): Record<string, string | undefined> =>
    together(figures.map((figure) => planValues(members[profile].get(figure)!, task)));
  const [quick, lab, full] = [valuesIn("quick"), valuesIn("lab"), valuesIn("paper")];
  return Object.keys({ ...paper, ...full }).map((quantity) => {
    const difference = differs[quantity];
    return {
      ...{ figures, task, quantity, where },
      paper: paper[quantity],
      here: { quick: quick[quantity], lab: lab[quantity], paper: full[quantity] },
      standing: standingOf(difference, paper[quantity], full[quantity]),
      ...(difference && { differs: difference }),
    };
  });
}

/** What several plans have: what they do not agree on, one behind the other. */
function together(plans: readonly Record<string, string>[]): Record<string, string | undefined> {
  const names = new Set(plans.flatMap((plan) => Object.keys(plan)));
  return Object.fromEntries(
    [...names].map((name) => [name, [...new Set(plans.flatMap((plan) => plan[name] ?? []))].join(" or ")]),
  );
}

/** Rows of figures' plans as a table, marked as those of `detailsTable`; tasks of which everything is the same share a row. Rows of several plans say of which. */
export function gridsTable(rows: readonly GridRow[]): ShownDetail[] {
  const groups = groupBy(rows, ({ figures, task: _, ...row }) => JSON.stringify([figures, row]));
  const quantities = [...new Set(rows.map(({ quantity }) => quantity))];
  const several = new Set(rows.map(({ figures }) => figures.join())).size > 1;
  return [...groups.values()]
    .sort(([a], [b]) => quantities.indexOf(a.quantity) - quantities.indexOf(b.quantity))
    .map((own) => {
      const { quantity, paper, here, standing, differs } = own[0];
      const cell = (value: string | undefined): string => {
        if (value === undefined) return "–";
        return paper === undefined || value === paper ? value : `≠ ${value}`;
      };
      return {
        ...(several && { figures: own[0].figures.join(", ") }),
        "of the sweep": quantity,
        tasks: own.map(({ task }) => task).join(", "),
        paper: paper ?? "not stated",
        "paper profile": cell(here.paper),
        lab: cell(here.lab),
        quick: cell(here.quick),
        remark: standingText(standing, differs),
      };
    });
}
