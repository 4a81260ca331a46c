import {
  all,
  either,
  fields,
  finite,
  flag,
  list,
  named,
  nested,
  type Rule,
  text,
  whole,
  word,
} from "../core/schema.js";

// What records of runs and of studies have in common.

/** A name that is a folder's too: of a task, a run, a kind of study. */
export const nameRule: Rule = all(
  text(200),
  word("a name of letters, digits and - _ . , + =", /^\w[\w.,+=-]*$/),
);

/** A configuration: numbers, texts and flags by name. */
export const configRule: Rule = named(either("a number, text or flag", finite(), text(10_000), flag));

/** Which state of the code computed something (`Code`). */
export const codeRule: Rule = fields({ version: text(200), "commit?": text(200), "clean?": flag });

/** What was trained on (`DataRecord`). */
export const dataRule: Rule = fields({
  name: text(),
  standIn: flag,
  "source?": text(5000),
  fingerprint: text(100),
  training: whole(),
  validation: whole(),
  unit: text(),
  "of?": fields({ set: text(), training: whole() }),
  verified: flag,
  "note?": text(),
});

const moment = word('a moment such as "2ep", "500it", "20%" or "end"', /^(\d+(\.\d+)?(ep|it|%)|0|end)$/);

/** A `When`. */
const whenRule: Rule = nested(
  (inner) =>
    either(
      "moments as { every }, { at }, { within, count } or { any }",
      fields({ every: moment }),
      fields({ at: list(moment) }),
      fields({ within: moment, count: whole() }),
      fields({ any: list(inner, 1000) }),
    ),
  50,
);

/** What was measured and kept (`Coverage`). */
export const coverageRule: Rule = fields({
  probes: named(whenRule),
  "vectors?": whole(),
  evaluated: named(whole()),
  weights: whenRule,
});
