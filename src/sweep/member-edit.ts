import type { Moment } from "../core/time.js";
import { parseEdit, printEdit } from "../train/edits/edit.js";

/** The members that an edit of a plan names, in braces. */
export function membersIn(text: string): string[] {
  return [...text.matchAll(/\{([^{}]*)\}/g)].map(([, member]) => member);
}

/**
 * The moments whose weights are read where they are read at one and edited: this, the end if there is an edit, and what the edit
 * names after an @: "end", a number of steps, or something that only its run can tell.
 */
export function momentsIn({ at, edit }: { readonly at: Moment; readonly edit?: string }): readonly string[] {
  if (edit === undefined) return [at];
  const named = edit.replaceAll(/\{[^{}]*\}/g, "").matchAll(/@([^@+#]+)/g);
  return [at, "end", ...[...named].map(([, moment]) => moment)];
}

/**
 * The edit of a member as records have it, with runs in the place of the members that it names.
 * @param text of `MemberStart` or `MemberInput`: `{MEMBER}` stands for the run of a member
 * @param idOf the id of a member's run, if it is known
 * @returns undefined if one is not
 */
export function memberEdit(text: string, idOf: (member: string) => string | undefined): string | undefined {
  let known = true;
  const named = text.replaceAll(/\{([^{}]*)\}/g, (_, member: string) => {
    const id = idOf(member);
    known &&= id !== undefined;
    return id ?? member;
  });
  return known ? printEdit(parseEdit(named)) : undefined;
}
