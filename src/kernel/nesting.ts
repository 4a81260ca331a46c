/** Deeper JSON than anybody writes; some thousand levels more, and JSON.stringify runs out of stack. */
export const DEEPEST = 500;

/** Whether lists and objects lie in each other more than `DEEPEST` deep. */
export function tooDeep(value: unknown): boolean {
  let level = [value].filter(isContainer);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth >= DEEPEST) return true;
    const next: object[] = [];
    for (const container of level) {
      for (const inner of Object.values(container) as unknown[]) if (isContainer(inner)) next.push(inner);
    }
    level = next;
  }
  return false;
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
