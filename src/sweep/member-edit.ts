import { parseEdit, printEdit } from "../train/edits/edit.js";

/** The members that an edit of a plan names, in braces. */
export function membersIn(text: string): string[] {
  return [...text.matchAll(/\{([^{}]*)\}/g)].map(([, member]) => member);
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
